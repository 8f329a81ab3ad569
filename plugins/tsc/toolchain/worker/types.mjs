// TypeScript with Vue's language plugin, kept warm between checks.
//
// Sees only the files of the current check and node_modules: what else lies on
// the machine cannot change a verdict.

import { createHash } from 'node:crypto'

import { createCoverage } from './coverage.mjs'

export function createChecker({ load, root, config }) {
  const ts = load('typescript')
  const vue = load('@vue/language-core')
  const { proxyCreateProgram } = load('@volar/typescript')
  const { options: configured, vueOptions } = readConfig(ts, vue, root, config)
  // Without `allowNonTsExtensions` a `.vue` file among the roots silently has no diagnostics.
  // One object for all programs: they share their state only then.
  const options = { ...configured, allowNonTsExtensions: true }

  const packages = `${root}/node_modules/`
  const realPackages = `${ts.sys.realpath(`${root}/node_modules`)}/`
  const isPackagePath = (path) => path.startsWith(packages) || path.startsWith(realPackages)
  const isAbovePackages = (path) => packages.startsWith(`${path.replace(/\/$/, '')}/`)

  // Packages never change while the worker lives.
  const packageFiles = new Map()
  const packagePathExists = new Map()

  let folder = root
  let current = new Map()
  let folders = new Set()
  let parsed = new Map()
  let previousProgram

  const base = ts.createCompilerHost(options, true)
  const host = {
    ...base,
    getCurrentDirectory: () => folder,
    fileExists: (path) =>
      current.has(path) || (isPackagePath(path) && remember(packagePathExists, path, base.fileExists)),
    readFile: (path) => current.get(path) ?? (isPackagePath(path) ? base.readFile(path) : undefined),
    directoryExists: (path) =>
      folders.has(path) || isAbovePackages(path) || (isPackagePath(path) && base.directoryExists(path)),
    getDirectories: (path) => (isPackagePath(path) ? base.getDirectories(path) : []),
    readDirectory: () => [],
    realpath: (path) => (current.has(path) || folders.has(path) ? path : base.realpath(path)),
    getSourceFile(path, languageVersion, onError) {
      if (current.has(path)) {
        return remember(parsed, path, () =>
          ts.createSourceFile(path, current.get(path), languageVersion, false, undefined),
        )
      }
      if (isPackagePath(path)) {
        return remember(packageFiles, path, () => base.getSourceFile(path, languageVersion, onError))
      }
    },
  }

  let language
  const createProgram = proxyCreateProgram(ts, ts.createProgram, (_, { options }) => ({
    languagePlugins: [vue.createVueLanguagePlugin(ts, options, vueOptions, (id) => id)],
    setup: (created) => (language = created),
  }))
  const coverage = createCoverage(ts)

  return {
    ts,
    host,
    pathOf: (name) => `${folder}/${name}`,
    paths: () => [...current.keys()],
    open,
    check,
    measureCoverage,
    shorten,
  }

  // Resolved imports are remembered between checks. What an import resolves to
  // depends on which files there are and on the languages of their scripts, so
  // each such combination has a folder of its own.
  function open(sources) {
    const names = [...sources.keys()].sort()
    const kinds = names.map((name) => `${name} ${scriptKinds(name, sources.get(name))}`)
    const id = createHash('sha256').update(kinds.join('\n')).digest('hex').slice(0, 12)
    folder = `${root}/llmbench-check-${id}`
    const next = new Map(names.map((name) => [`${folder}/${name}`, sources.get(name)]))
    // A file whose text stayed the same keeps its syntax tree.
    parsed = new Map([...parsed].filter(([path]) => next.has(path) && next.get(path) === current.get(path)))
    current = next
    folders = new Set([...next.keys()].flatMap(foldersAbove))
  }

  // From the file's own folder up to that of the check.
  function foldersAbove(path) {
    const above = []
    for (let at = path.lastIndexOf('/'); at >= folder.length; at = path.lastIndexOf('/', at - 1)) {
      above.push(path.slice(0, at))
    }
    return above
  }

  function scriptKinds(name, text) {
    if (!name.endsWith('.vue')) {
      return ''
    }
    try {
      const { script, scriptSetup } = vue.parse(text).descriptor
      return [script, scriptSetup].map((block) => block && (block.lang || 'js')).join()
    } catch {
      return 'unreadable'
    }
  }

  // The same diagnostics in the same order of precedence as `tsc --noEmit`:
  // while the syntax of the answer is wrong, types are not looked at.
  function check(answer, roots) {
    const program = createProgram({
      rootNames: roots.map((name) => `${folder}/${name}`),
      options,
      host: { ...host },
      oldProgram: previousProgram,
    })
    previousProgram = program
    const ours = program.getSourceFiles().filter((file) => current.has(file.fileName))
    const judged = new Set(answer.map((name) => `${folder}/${name}`))
    const found = ours.flatMap((file) => program.getSyntacticDiagnostics(file))
    const typesChecked = !found.some(({ file }) => judged.has(file?.fileName))
    if (typesChecked) {
      const overall = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()]
      found.push(...overall)
      if (overall.length === 0) {
        found.push(...ours.flatMap((file) => program.getSemanticDiagnostics(file)))
      }
    }
    return { types_checked: typesChecked, diagnostics: found.map(describe) }
  }

  // Of the latest check; `ranges` says where in each file code stands.
  function measureCoverage(answer, ranges) {
    const files = answer.map((name) => {
      const path = `${folder}/${name}`
      return { name, path, text: current.get(path), ranges: ranges.get(name) ?? [] }
    })
    return coverage.measure(previousProgram, language, files)
  }

  function describe({ file, start, code, category, messageText }) {
    const place = file && ts.getLineAndCharacterOfPosition(file, start ?? 0)
    return {
      file: file ? shorten(file.fileName) : null,
      line: place ? place.line + 1 : null,
      column: place ? place.character + 1 : null,
      code: `TS${code}`,
      category: ts.DiagnosticCategory[category].toLowerCase(),
      message: shorten(ts.flattenDiagnosticMessageText(messageText, '\n')),
    }
  }

  function shorten(text) {
    return text.replaceAll(`${folder}/`, '').replaceAll(packages, 'node_modules/')
  }
}

function readConfig(ts, vue, root, config) {
  const parsed = vue.createParsedCommandLineByJson(ts, ts.sys, root, config)
  // TS18002 and TS18003 say that the configuration names no file: each check does.
  const errors = parsed.errors.filter(({ code }) => code !== 18002 && code !== 18003)
  if (errors.length > 0) {
    throw new Error(ts.flattenDiagnosticMessageText(errors[0].messageText, '\n'))
  }
  return parsed
}

function remember(memory, key, make) {
  if (!memory.has(key)) {
    memory.set(key, make(key))
  }
  return memory.get(key)
}
