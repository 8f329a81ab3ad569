// What the answer's files may import: the packages that the fixture itself
// uses, the answer's own files and the fixture's support files. Nothing else.
import path from 'node:path'

/** Names that Vite and Vitest give to their own tools in a module's scope. */
const INTERNAL = /^__(vite|vi|vitest)_/
/** Stands for every style block; classes of a CSS module are called what they are called. */
const NO_STYLE = '\0llmbench:style'
const STYLE = /\.(css|less|sass|scss|styl|stylus|pcss|postcss)$/

export function policy({ work, packages, answer, support, spec, refuse }) {
  const own = new Set(answer.map((name) => path.posix.join(work, name)))
  const given = new Set(support.map((name) => path.posix.join(work, name)))
  const specification = path.posix.join(work, spec)
  const allowed = new Set(packages)
  const isAnswer = (id) => own.has(split(id).file)

  function stop(importer, specifier) {
    const file = path.posix.relative(work, split(importer).file)
    const text = specifier.startsWith(work) ? path.posix.relative(work, specifier) : specifier
    refuse({ file, specifier: text.slice(0, 200) })
    throw new Error(`${file} may not import \`${text}\``)
  }

  /** True for what the answer may name; files are looked up among the known ones. */
  function permits(importer, specifier) {
    if (specifier.startsWith('\0')) return true
    if (allowed.has(specifier)) return true
    const { file, query } = split(specifier)
    const at = file.startsWith('.') ? path.posix.join(path.posix.dirname(split(importer).file), file) : file
    if (query !== '' && !(own.has(at) && /^vue(&|$)/.test(query) && !/(^|&)(raw|url|worker|sharedworker|inline)\b/.test(query))) {
      return false
    }
    if (at === specification) return false
    const candidates = [at, `${at}.ts`, `${at}.tsx`, `${at}.js`, `${at}.vue`, `${at}.json`, `${at}/index.ts`, `${at}/index.js`]
    if (candidates.some((candidate) => own.has(candidate) || given.has(candidate))) return true
    // A file below the answer's folder that is not there fails by itself.
    return STYLE.test(at) && at.startsWith(`${work}/`)
  }

  return [
    {
      name: 'llmbench:imports',
      enforce: 'pre',
      resolveId(source, importer) {
        // How a component looks changes nothing here, and no preprocessor is there.
        if (/\?vue&type=style&/.test(source)) return NO_STYLE
        if (importer === undefined || !isAnswer(importer) || permits(importer, source)) return null
        return stop(importer, source)
      },
      load(id) {
        if (id !== NO_STYLE) return null
        return 'export default new Proxy({}, { get: (_, name) => (typeof name === "string" ? name : undefined) })'
      },
    },
    {
      name: 'llmbench:code',
      enforce: 'post',
      transform(text, id) {
        if (!isAnswer(id)) return null
        // Vitest's own words for `import.meta.env`, which would be taken for the answer's.
        const code = text.replaceAll('globalThis.__vitest_worker__?.metaEnv ?? import.meta.env', 'import.meta.env')
        visit(this.parse(code), (node) => {
          if (node.type === 'Identifier' && INTERNAL.test(node.name)) stop(id, node.name)
          if (node.type === 'ImportExpression') {
            const source = literal(node.source)
            if (source === null) stop(id, 'a computed path')
            else if (!permits(id, source)) stop(id, source)
          }
          const from = node.source?.value
          if (/^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type) && typeof from === 'string' && !permits(id, from)) {
            stop(id, from)
          }
        })
        return code === text ? null : { code, map: null }
      },
    },
  ]
}

function split(id) {
  const at = id.indexOf('?')
  return at < 0 ? { file: id, query: '' } : { file: id.slice(0, at), query: id.slice(at + 1) }
}

function literal(node) {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0].value.cooked
  return null
}

function visit(root, enter) {
  const open = [root]
  while (open.length > 0) {
    const node = open.pop()
    if (Array.isArray(node)) open.push(...node)
    else if (node !== null && typeof node === 'object') {
      if (typeof node.type === 'string') enter(node)
      for (const key in node) if (node[key] !== null && typeof node[key] === 'object') open.push(node[key])
    }
  }
}
