// How much of the answer has a type: identifiers that are not `any`.
//
// Counted are the author's own identifiers, each once, in the scripts and in the
// expressions of the templates. The types are those of the code that Vue's
// language tools generate, found again in the source by their mappings; helpers
// of that code stand nowhere in the source and so are not counted. Where it
// repeats an identifier, one occurrence with a type is enough.
//
// An identifier that cannot be resolved is an error of its own and not `any`.

// Vue's own word in templates; where its type is `any`, generated code made it so.
const EVENT = '$event'

export function createCoverage(ts) {
  return { measure }

  // `typesOf`: path → the checked code as a syntax tree, whether the source stands
  // before it (`leads`), and which of its nodes are of type `any`.
  // `files`: name, path, source text, and the ranges in which code stands.
  function measure(typesOf, language, files) {
    const total = { identifier_count: 0, any_identifiers: [] }
    for (const { name, path, text, ranges } of files) {
      const types = typesOf(path)
      if (!types) {
        return { reason: `TypeScript does not read \`${name}\`` }
      }
      const isAnyAt = identifiers(types, toSource(language, path, text, ranges, types.leads))
      total.identifier_count += isAnyAt.size
      const lines = lineStarts(text)
      for (const [start, { isAny, word }] of [...isAnyAt].sort(([a], [b]) => a - b)) {
        if (isAny) {
          total.any_identifiers.push({ file: name, word, ...place(lines, start) })
        }
      }
    }
    return total
  }

  // Offset in the source → word, and whether each of its occurrences is `any`.
  function identifiers({ sourceFile, areAny }, sourceOffsets) {
    const occurrences = []
    const visit = (node) => {
      if (ts.isIdentifier(node) && node.text !== EVENT && hasType(node)) {
        const start = node.getStart(sourceFile)
        const offsets = sourceOffsets(start, sourceFile.text.slice(start, node.end))
        occurrences.push(...[...offsets].map((offset) => [offset, node]))
      }
      ts.forEachChild(node, visit)
    }
    visit(sourceFile)
    const any = areAny(occurrences.map(([, node]) => node))
    const found = new Map()
    occurrences.forEach(([offset, { text }], index) => {
      found.set(offset, { isAny: any[index] && found.get(offset)?.isAny !== false, word: text })
    })
    return found
  }

  function hasType({ parent }) {
    return !(
      ts.isLabeledStatement(parent) ||
      ts.isBreakOrContinueStatement(parent) ||
      ts.isMetaProperty(parent) ||
      ts.isNamespaceExport(parent) ||
      ts.isNamedTupleMember(parent)
    )
  }
}

// The types that a TypeScript program knows.
export function typesIn(ts, program) {
  const checker = program.getTypeChecker()
  const isAny = (node) => {
    const { flags, intrinsicName } = checker.getTypeAtLocation(node)
    return (flags & ts.TypeFlags.Any) !== 0 && intrinsicName !== 'error'
  }
  return (path) => {
    const sourceFile = program.getSourceFile(path)
    return sourceFile && { sourceFile, leads: true, areAny: (nodes) => nodes.map(isAny) }
  }
}

// From an offset in the checked code to those in the source that hold the same word.
function toSource(language, path, text, ranges, leads) {
  const script = language.scripts.get(path)
  const service = script?.generated?.languagePlugin.typescript?.getServiceScript(script.generated.root)
  if (!service) {
    return (start) => [start]
  }
  const map = language.maps.get(service.code, script)
  const leading = !leads || service.preventLeadingOffset ? 0 : script.snapshot.getLength()
  return (start, word) => {
    const offsets = new Set()
    for (const [offset] of start < leading ? [] : map.toSourceLocation(start - leading)) {
      const inside = ranges.some(([from, to]) => offset >= from && offset + word.length <= to)
      if (inside && text.startsWith(word, offset)) {
        offsets.add(offset)
      }
    }
    return offsets
  }
}

function lineStarts(text) {
  return [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
}

function place(lines, offset) {
  const line = lines.findLastIndex((start) => start <= offset)
  return { line: line + 1, column: offset - lines[line] + 1 }
}
