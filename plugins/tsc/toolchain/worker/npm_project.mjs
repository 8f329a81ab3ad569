// The npm project of a fixture, checked by its own TypeScript and its own vue-tsc.
//
// The files of the answer lie over those on disk, in memory. What differs
// between versions of vue-tsc is asked of vue-tsc itself: it hands its language
// plugins to a compiler, and here that compiler is this one.

import { createRequire } from 'node:module'

import { createCoverage, typesIn } from './coverage.mjs'
import { mountPackages } from './mount.mjs'
import { createConfigs } from './project_config.mjs'

// File sets whose programs stay warm.
const SETS_KEPT = 3

export function createProjectChecker({ load, root, dir, tsconfig, build }) {
  const ts = load('typescript')
  const overlay = new Map()
  mountPackages(ts.sys, `${dir}/node_modules`, `${root}/node_modules`)
  const { extensions, languagePlugins, proxyCreateProgram } = vueTsc(load, ts, `${dir}/${tsconfig}`)
  const configs = createConfigs({ ts, overlay, extensions, dir, tsconfig, build })
  const coverage = createCoverage(ts)
  // Config file → path → syntax tree of a file whose text is that on disk.
  const onDisk = new Map()
  let sets = new Map()
  let programs = []
  let baseline
  let overlaid = new Map()

  const host = {
    fileExists: (path) => overlay.has(path) || ts.sys.fileExists(path),
    readFile: (path) => overlay.get(path) ?? ts.sys.readFile(path),
    realpath: (path) => (overlay.has(path) ? path : ts.sys.realpath(path)),
  }

  return {
    ts,
    host,
    pathOf: (name) => `${dir}/${name}`,
    paths: () => [...overlay.keys()],
    open,
    check,
    setBaseline,
    measureCoverage,
    shorten,
  }

  function open(sources) {
    overlay.clear()
    for (const [name, text] of sources) {
      overlay.set(`${dir}/${name}`, text)
    }
  }

  // What is wrong with the project as it stands.
  function setBaseline() {
    const { stopped, found } = diagnose([])
    if (stopped) {
      const first = describe(found[0])
      throw new Error(`the project as it stands stops its own check: ${first.code} ${first.message}`)
    }
    baseline = found.map(describe)
  }

  // `extra`: files that are compiled although the project does not name them.
  function check(answer, extra) {
    const { stopped, found } = diagnose(extra.map((name) => `${dir}/${name}`))
    const outside = answer.find((name) => !programs.some(({ program }) => program.getSourceFile(`${dir}/${name}`)))
    if (!stopped && outside !== undefined) {
      return { types_checked: false, diagnostics: [], outside }
    }
    const known = new Map()
    for (const diagnostic of baseline ?? []) {
      known.set(key(diagnostic), (known.get(key(diagnostic)) ?? 0) + 1)
    }
    const diagnostics = found.map(describe).filter((diagnostic) => {
      const left = known.get(key(diagnostic)) ?? 0
      known.set(key(diagnostic), left - 1)
      return left <= 0
    })
    return { types_checked: !stopped, diagnostics, baseline_error_count: baseline?.length ?? 0 }
  }

  // One program for each configuration, in the order in which vue-tsc builds them.
  function diagnose(extra) {
    const id = [...overlay.keys()].sort().join('\n')
    const set = sets.get(id) ?? configs.read(extra).map((parsed) => createSession(parsed))
    sets.delete(id)
    sets = new Map([...sets, [id, set]].slice(-SETS_KEPT))
    programs = set.map((session) => ({ program: session.update(), language: session.language() }))
    overlaid = new Map(overlay)
    const results = programs.map(({ program }, index) => diagnosticsOf(program, set[index].parsed))
    const found = ts.sortAndDeduplicateDiagnostics(results.flatMap((result) => result.found))
    return {
      stopped: results.some((result) => result.stopped),
      found: found.filter(({ category }) => category === ts.DiagnosticCategory.Error),
    }
  }

  // As `tsc` reports them: types only when nothing else is wrong.
  function diagnosticsOf(program, { errors, options }) {
    const found = [...errors, ...program.getSyntacticDiagnostics()]
    if (found.length === errors.length) {
      found.push(...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics())
    }
    const stopped = found.length > errors.length
    if (!stopped) {
      found.push(...program.getSemanticDiagnostics())
      const declares = options.noEmit && (options.declaration || options.composite)
      if (declares && found.length === errors.length) {
        found.push(...program.getDeclarationDiagnostics())
      }
    }
    return { stopped, found }
  }

  function createSession(parsed) {
    const files = remember(onDisk, parsed.path, () => new Map())
    const changed = new Map()
    const options = { ...parsed.options, allowNonTsExtensions: true }
    const base = ts.createCompilerHost(options, true)
    const sessionHost = {
      ...base,
      getCurrentDirectory: () => dir,
      fileExists: host.fileExists,
      readFile: host.readFile,
      realpath: host.realpath,
      directoryExists: (path) => [...overlay.keys()].some((file) => file.startsWith(`${path}/`)) || base.directoryExists(path),
      getSourceFile(path, languageVersion, onError) {
        const text = overlay.get(path)
        if (text === undefined) {
          return remember(files, path, () => base.getSourceFile(path, languageVersion, onError))
        }
        // A file whose text stayed the same keeps its syntax tree.
        if (changed.get(path)?.text !== text) {
          changed.set(path, { text, file: ts.createSourceFile(path, text, languageVersion, false, undefined) })
        }
        return changed.get(path).file
      },
    }
    let language
    const createProgram = proxyCreateProgram(ts, ts.createProgram, (_, request) => ({
      languagePlugins: languagePlugins(request),
      setup: (created) => (language = created),
    }))
    let previous
    const update = () =>
      (previous = createProgram({
        rootNames: parsed.fileNames,
        options,
        projectReferences: build ? undefined : parsed.projectReferences,
        host: { ...sessionHost },
        oldProgram: previous,
      }))
    return { parsed, update, language: () => language }
  }

  function measureCoverage(answer, ranges) {
    const total = { identifier_count: 0, any_identifiers: [] }
    for (const name of answer) {
      const path = `${dir}/${name}`
      const of = programs.find(({ program }) => program.getSourceFile(path))
      if (!of) {
        return { reason: `TypeScript does not read \`${name}\`` }
      }
      const file = { name, path, text: overlaid.get(path), ranges: ranges.get(name) ?? [] }
      const measured = coverage.measure(typesIn(ts, of.program), of.language, [file])
      total.identifier_count += measured.identifier_count
      total.any_identifiers.push(...measured.any_identifiers)
    }
    return total
  }

  function describe({ file, start, code, category, messageText }) {
    const place = file && start !== undefined && ts.getLineAndCharacterOfPosition(file, start)
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
    return text.replaceAll(`${dir}/`, '').replaceAll(`${root}/node_modules/`, 'node_modules/')
  }
}

// Lines move when an answer changes a file; what is said there stays.
function key({ file, code, message }) {
  return JSON.stringify([file, code, message])
}

// What vue-tsc would give to the compiler that it starts.
function vueTsc(load, ts, config) {
  const loadFromVueTsc = createRequire(load.resolve('vue-tsc/package.json'))
  const runner = loadFromVueTsc('@volar/typescript/lib/quickstart/runTsc')
  const { proxyCreateProgram } = loadFromVueTsc('@volar/typescript')
  let given
  runner.runTsc = (_, extensions, languagePlugins) => {
    const plugins = (request) => {
      const made = languagePlugins(ts, request)
      return Array.isArray(made) ? made : made.languagePlugins
    }
    const supported = Array.isArray(extensions) ? extensions : extensions.extraSupportedExtensions
    given = { extensions: [...supported], languagePlugins: plugins }
    // Throws when the project wants other extensions; vue-tsc then tries again with them.
    plugins({ options: { configFilePath: config }, rootNames: [], host: ts.createCompilerHost({}) })
  }
  loadFromVueTsc('vue-tsc').run()
  return { ...given, proxyCreateProgram }
}

function remember(memory, id, make) {
  if (!memory.has(id)) {
    memory.set(id, make(id))
  }
  return memory.get(id)
}
