// TypeScript with Vue's language plugin, kept warm between checks.
//
// Sees only the files of the current check and node_modules: what else lies on
// the machine cannot change a verdict.

import { createCoverage, typesIn } from './coverage.mjs'
import { createVirtualFiles, readConfig } from './virtual_files.mjs'

export function createChecker({ load, root, config }) {
  const ts = load('typescript')
  const vue = load('@vue/language-core')
  const { proxyCreateProgram } = load('@volar/typescript')
  const { options: configured, vueOptions } = readConfig(ts, vue, root, config)
  // Without `allowNonTsExtensions` a `.vue` file among the roots silently has no diagnostics.
  // One object for all programs: they share their state only then.
  const options = { ...configured, allowNonTsExtensions: true }
  const files = createVirtualFiles({ ts, vue, root })

  // Packages never change while the worker lives.
  const packageFiles = new Map()
  const packagePathExists = new Map()

  let parsed = new Map()
  let previousProgram

  const base = ts.createCompilerHost(options, true)
  const host = {
    ...base,
    getCurrentDirectory: () => files.folder,
    fileExists: (path) =>
      files.current.has(path) ||
      (files.isPackagePath(path) && remember(packagePathExists, path, base.fileExists)),
    readFile: (path) =>
      files.current.get(path) ?? (files.isPackagePath(path) ? base.readFile(path) : undefined),
    directoryExists: (path) =>
      files.folders.has(path) ||
      files.isAbovePackages(path) ||
      (files.isPackagePath(path) && base.directoryExists(path)),
    getDirectories: (path) => (files.isPackagePath(path) ? base.getDirectories(path) : []),
    readDirectory: () => [],
    realpath: (path) =>
      files.current.has(path) || files.folders.has(path) ? path : base.realpath(path),
    getSourceFile(path, languageVersion, onError) {
      if (files.current.has(path)) {
        return remember(parsed, path, () =>
          ts.createSourceFile(path, files.current.get(path), languageVersion, false, undefined),
        )
      }
      if (files.isPackagePath(path)) {
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
    pathOf: files.pathOf,
    paths: () => [...files.current.keys()],
    open,
    check,
    measureCoverage,
    shorten: files.shorten,
  }

  function open(sources) {
    const before = files.current
    files.open(sources)
    // A file whose text stayed the same keeps its syntax tree.
    const now = files.current
    parsed = new Map([...parsed].filter(([path]) => now.has(path) && now.get(path) === before.get(path)))
  }

  // The same diagnostics in the same order of precedence as `tsc --noEmit`:
  // while the syntax of the answer is wrong, types are not looked at.
  function check(answer, roots) {
    const program = createProgram({
      rootNames: roots.map(files.pathOf),
      options,
      host: { ...host },
      oldProgram: previousProgram,
    })
    previousProgram = program
    const ours = program.getSourceFiles().filter((file) => files.current.has(file.fileName))
    const judged = new Set(answer.map(files.pathOf))
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
    const parts = answer.map((name) => {
      const path = files.pathOf(name)
      return { name, path, text: files.current.get(path), ranges: ranges.get(name) ?? [] }
    })
    return coverage.measure(typesIn(ts, previousProgram), language, parts)
  }

  function describe({ file, start, code, category, messageText }) {
    const place = file && ts.getLineAndCharacterOfPosition(file, start ?? 0)
    return {
      file: file ? files.shorten(file.fileName) : null,
      line: place ? place.line + 1 : null,
      column: place ? place.character + 1 : null,
      code: `TS${code}`,
      category: ts.DiagnosticCategory[category].toLowerCase(),
      message: files.shorten(ts.flattenDiagnosticMessageText(messageText, '\n')),
    }
  }
}

function remember(memory, key, make) {
  if (!memory.has(key)) {
    memory.set(key, make(key))
  }
  return memory.get(key)
}
