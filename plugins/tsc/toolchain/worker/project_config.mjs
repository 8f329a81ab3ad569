// Which configurations a check command reads, and the files that each names.

export function createConfigs({ ts, overlay, extensions, dir, tsconfig, build }) {
  const extraFileExtensions = extensions.map((extension) => ({
    extension: extension.slice(1),
    isMixedContent: true,
    scriptKind: ts.ScriptKind.Deferred,
  }))
  const host = {
    useCaseSensitiveFileNames: ts.sys.useCaseSensitiveFileNames,
    fileExists: (path) => overlay.has(path) || ts.sys.fileExists(path),
    readFile: (path) => overlay.get(path) ?? ts.sys.readFile(path),
    readDirectory,
    getCurrentDirectory: () => dir,
    realpath: (path) => ts.sys.realpath(path),
  }

  return { read }

  // In the order in which they are built; with `build` those that are
  // referenced come first. `extra` files belong to the one that names a file of
  // the answer, else to the last one that names any.
  function read(extra) {
    const found = new Map()
    visit(`${dir}/${tsconfig}`, found)
    const all = [...found.values()]
    const own = ({ fileNames }) => fileNames.some((path) => overlay.has(path))
    const chosen = all.find(own) ?? all.findLast(({ fileNames }) => fileNames.length > 0)
    if (chosen) {
      chosen.fileNames = [...new Set([...chosen.fileNames, ...extra])]
    }
    return all
  }

  function visit(path, found) {
    if (found.has(path)) {
      return
    }
    found.set(path, undefined)
    const parsed = parse(path)
    if (build) {
      parsed.projectReferences?.forEach((reference) => visit(ts.resolveProjectReferencePath(reference), found))
    }
    found.delete(path)
    found.set(path, parsed)
  }

  function parse(path) {
    const json = ts.readJsonConfigFile(path, host.readFile)
    const folder = path.slice(0, path.lastIndexOf('/'))
    const parsed = ts.parseJsonSourceFileConfigFileContent(
      json,
      host,
      folder,
      { noEmit: true },
      path,
      undefined,
      extraFileExtensions,
    )
    // TS18002 and TS18003: a configuration that only references others names no file.
    const isSolution = build && parsed.projectReferences?.length > 0
    const errors = [...json.parseDiagnostics, ...parsed.errors].filter(
      ({ code }) => !(isSolution && (code === 18002 || code === 18003)),
    )
    return { ...parsed, errors, path }
  }

  // The files on disk together with those of the answer.
  function readDirectory(path, supported, excludes, includes, depth) {
    const entries = (folder) => {
      const files = new Set(ts.sys.readDirectory(folder, undefined, [], ['*'], 1).map(baseName))
      const folders = new Set(ts.sys.getDirectories(folder))
      const start = folder.endsWith('/') ? folder : `${folder}/`
      for (const file of [...overlay.keys()].filter((name) => name.startsWith(start))) {
        const rest = file.slice(start.length).split('/')
        rest.length === 1 ? files.add(rest[0]) : folders.add(rest[0])
      }
      return { files: [...files].sort(), directories: [...folders].sort() }
    }
    return ts.matchFiles(path, supported, excludes, includes, host.useCaseSensitiveFileNames, dir, depth, entries, host.realpath)
  }
}

function baseName(path) {
  return path.slice(path.lastIndexOf('/') + 1)
}
