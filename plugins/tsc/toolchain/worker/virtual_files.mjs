// The files of one check, in a folder that only the compiler sees.

import { createHash } from 'node:crypto'

export function createVirtualFiles({ ts, vue, root }) {
  const packages = `${root}/node_modules/`
  const realPackages = `${ts.sys.realpath(`${root}/node_modules`)}/`
  const files = {
    folder: root,
    // Path → text.
    current: new Map(),
    folders: new Set(),
    isPackagePath: (path) => path.startsWith(packages) || path.startsWith(realPackages),
    isAbovePackages: (path) => packages.startsWith(`${path.replace(/\/$/, '')}/`),
    pathOf: (name) => `${files.folder}/${name}`,
    open,
    shorten: (text) => text.replaceAll(`${files.folder}/`, '').replaceAll(packages, 'node_modules/'),
  }
  return files

  // Resolved imports are remembered between checks. What an import resolves to
  // depends on which files there are and on the languages of their scripts, so
  // each such combination has a folder of its own.
  function open(sources) {
    const names = [...sources.keys()].sort()
    const kinds = names.map((name) => `${name} ${scriptKinds(name, sources.get(name))}`)
    const id = createHash('sha256').update(kinds.join('\n')).digest('hex').slice(0, 12)
    files.folder = `${root}/llmbench-check-${id}`
    files.current = new Map(names.map((name) => [files.pathOf(name), sources.get(name)]))
    files.folders = new Set([...files.current.keys()].flatMap(foldersAbove))
  }

  // From the file's own folder up to that of the check.
  function foldersAbove(path) {
    const above = []
    for (let at = path.lastIndexOf('/'); at >= files.folder.length; at = path.lastIndexOf('/', at - 1)) {
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
}

export function readConfig(ts, vue, root, config) {
  const parsed = vue.createParsedCommandLineByJson(ts, ts.sys, root, config)
  // TS18002 and TS18003 say that the configuration names no file: each check does.
  const errors = parsed.errors.filter(({ code }) => code !== 18002 && code !== 18003)
  if (errors.length > 0) {
    throw new Error(ts.flattenDiagnosticMessageText(errors[0].messageText, '\n'))
  }
  return parsed
}
