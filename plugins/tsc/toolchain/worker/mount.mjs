// Packages that lie elsewhere, seen in the project's own `node_modules`.

export function mountPackages(sys, at, from) {
  if (at === from) {
    return
  }
  const mapped = (path) => (path === at || path.startsWith(`${at}/`) ? from + path.slice(at.length) : path)
  const back = (path) => (path === from || path.startsWith(`${from}/`) ? at + path.slice(from.length) : path)
  for (const name of ['fileExists', 'readFile', 'writeFile', 'directoryExists', 'getDirectories', 'realpath']) {
    const original = sys[name].bind(sys)
    sys[name] = (path, ...rest) => original(mapped(path), ...rest)
  }
  const readDirectory = sys.readDirectory.bind(sys)
  sys.readDirectory = (path, ...rest) =>
    mapped(path) === path ? readDirectory(path, ...rest) : readDirectory(mapped(path), ...rest).map(back)
  const parent = at.slice(0, at.lastIndexOf('/'))
  const getDirectories = sys.getDirectories
  sys.getDirectories = (path) => {
    const names = getDirectories(path)
    return path.replace(/\/$/, '') === parent && !names.includes('node_modules') ? [...names, 'node_modules'] : names
  }
}
