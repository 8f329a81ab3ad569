// TypeScript 7, the native compiler, on the code that Vue's language tools generate.
//
// Its API is unstable and knows no language plugins: each component becomes a
// file `NAME.vue.ts` beside it, which is what an import of `NAME.vue` finds, and
// what is said about it is mapped back to the component.

import { pathToFileURL } from 'node:url'

import { createCoverage } from './coverage.mjs'
import { createVirtualFiles, readConfig } from './virtual_files.mjs'

const COMPILED = /\.tsx?$/

export async function createNativeChecker({ load, root, config }) {
  const ts = load('typescript')
  const vue = load('@vue/language-core')
  const { API } = await import(pathToFileURL(load.resolve('typescript-native/unstable/sync')).href)
  const { options, vueOptions } = readConfig(ts, vue, root, config)
  const files = createVirtualFiles({ ts, vue, root })
  const plugin = vue.createVueLanguagePlugin(ts, options, vueOptions, (id) => id)
  const language = vue.createLanguage([plugin], new Map(), () => {})
  const coverage = createCoverage(ts)

  // What the compiler sees: path → text, and path → the component behind it.
  let seen = new Map()
  let components = new Map()
  let opened
  let snapshot
  let project

  const host = {
    fileExists: (path) => files.current.has(path) || (files.isPackagePath(path) && ts.sys.fileExists(path)),
    readFile: (path) => files.current.get(path) ?? (files.isPackagePath(path) ? ts.sys.readFile(path) : undefined),
    realpath: (path) => path,
  }
  const isOutside = (path) => !files.isPackagePath(path)
  const api = new API({
    cwd: root,
    fs: {
      readFile: (path) => seen.get(path) ?? (isOutside(path) ? null : undefined),
      fileExists: (path) => seen.has(path) || (isOutside(path) ? false : undefined),
      directoryExists: (path) =>
        files.folders.has(path) || files.isAbovePackages(path) || (isOutside(path) ? false : undefined),
      getAccessibleEntries: (path) => (isOutside(path) ? { files: [], directories: [] } : undefined),
      realpath: (path) => (isOutside(path) ? path : undefined),
    },
  })

  return {
    ts,
    host,
    pathOf: files.pathOf,
    paths: () => [...files.current.keys()],
    open: files.open,
    check,
    measureCoverage,
    shorten: files.shorten,
  }

  function check(answer, roots) {
    const before = seen
    seen = new Map()
    components = new Map()
    const generated = new Map()
    for (const [path, text] of files.current) {
      const code = path.endsWith('.vue') ? generate(path, text) : { path, text }
      generated.set(path, code.path)
      seen.set(code.path, code.text)
    }
    const configPath = files.pathOf('tsconfig.json')
    const names = roots.map((name) => generated.get(files.pathOf(name))).filter((path) => COMPILED.test(path))
    const { compilerOptions } = config
    seen.set(configPath, JSON.stringify({ compilerOptions, files: names }))
    update(configPath, before)

    const { program } = project
    const ours = [...seen.keys()].filter((path) => COMPILED.test(path) && program.getSourceFileMetadata(path))
    const judged = new Set(answer.map((name) => generated.get(files.pathOf(name))))
    const syntactic = ours.flatMap((path) => program.getSyntacticDiagnostics(path).map((found) => ({ ...found, fileName: path })))
    const found = syntactic.map(describe).filter(Boolean)
    const typesChecked = !syntactic.some((one) => judged.has(one.fileName) && describe(one))
    if (typesChecked) {
      const overall = [...program.getProgramDiagnostics(), ...program.getGlobalDiagnostics()]
      found.push(...overall.map(describe).filter(Boolean))
      if (overall.length === 0) {
        const semantic = ours.flatMap((path) => program.getSemanticDiagnostics(path).map((one) => ({ ...one, fileName: path })))
        found.push(...semantic.map(describe).filter(Boolean))
      }
    }
    return { types_checked: typesChecked, diagnostics: found }
  }

  function generate(path, text) {
    language.scripts.delete(path)
    language.scripts.set(path, ts.ScriptSnapshot.fromString(text), 'vue')
    const script = language.scripts.get(path)
    const service = plugin.typescript.getServiceScript(script.generated.root)
    const code = service.code.snapshot.getText(0, service.code.snapshot.getLength())
    const target = `${path}${service.extension}`
    components.set(target, { path, text, map: language.maps.get(service.code, script) })
    return { path: target, text: code }
  }

  function update(configPath, before) {
    const changed = [...seen.keys()].filter((path) => before.has(path) && before.get(path) !== seen.get(path))
    const created = [...seen.keys()].filter((path) => !before.has(path))
    const deleted = [...before.keys()].filter((path) => !seen.has(path))
    const moved = opened !== configPath
    const next = api.updateSnapshot({
      ...(moved ? { openProjects: [configPath], closeProjects: opened ? [opened] : [] } : {}),
      fileChanges: { changed, created, deleted },
    })
    snapshot?.dispose()
    snapshot = next
    opened = configPath
    project = snapshot.getProject(configPath) ?? snapshot.getProjects().find((one) => one.configFileName === configPath)
    if (!project) {
      throw new Error('TypeScript 7 did not open the project')
    }
  }

  function measureCoverage(answer, ranges) {
    const parts = answer.map((name) => {
      const path = files.pathOf(name)
      return { name, path, text: files.current.get(path), ranges: ranges.get(name) ?? [] }
    })
    return coverage.measure(typesOf, language, parts)
  }

  function typesOf(path) {
    const target = seen.has(path) ? path : [...components].find(([, component]) => component.path === path)?.[0]
    if (target === undefined || !project.program.getSourceFileMetadata(target)) {
      return
    }
    const sourceFile = ts.createSourceFile(target, seen.get(target), ts.ScriptTarget.ESNext, true)
    const { checker } = project
    const isAny = (type) => type !== undefined && (type.flags & ts.TypeFlags.Any) !== 0
    const areAny = (nodes) => {
      const starts = nodes.map((node) => node.getStart(sourceFile))
      const types = checker.getTypeAtPosition(target, starts)
      // For the name of a type this compiler knows no type at a position.
      const unknown = starts.filter((_, index) => types[index] === undefined || types[index].isErrorType())
      const symbols = checker.getSymbolAtPosition(target, unknown)
      const aliases = new Map(unknown.map((start, index) => [start, symbols[index]]))
      const isAlias = (symbol) => symbol && (symbol.flags & ts.SymbolFlags.TypeAlias) !== 0
      return types.map((type, index) => {
        const symbol = aliases.get(starts[index])
        return isAlias(symbol) ? isAny(checker.getDeclaredTypeOfSymbol(symbol)) : isAny(type) && !type.isErrorType()
      })
    }
    return { sourceFile, leads: false, areAny }
  }

  // Nothing for what is said about code that stands in no source.
  function describe({ fileName, pos, end, code, category, text, messageChain }) {
    const component = components.get(fileName)
    const range = component ? sourceRange(component, pos, end, code) : [pos]
    if (!range) {
      return
    }
    const source = component?.text ?? seen.get(fileName)
    const before = source?.slice(0, range[0]).split('\n')
    return {
      file: fileName ? files.shorten(component?.path ?? fileName) : null,
      line: before ? before.length : null,
      column: before ? before.at(-1).length + 1 : null,
      code: `TS${code}`,
      category: ts.DiagnosticCategory[category].toLowerCase(),
      message: files.shorten([text, ...chain(messageChain, 1)].join('\n')),
    }
  }

  function sourceRange({ map }, pos, end, code) {
    const reported = (data) => vue.shouldReportDiagnostics(data, 'ts', String(code))
    for (const range of map.toSourceRange(pos, end, true, reported)) {
      return range
    }
  }
}

function chain(parts, depth) {
  return (parts ?? []).flatMap(({ text, messageChain }) => ['  '.repeat(depth) + text, ...chain(messageChain, depth + 1)])
}
