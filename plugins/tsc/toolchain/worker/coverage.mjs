// How much of the answer has a type: identifiers that are not `any`.
//
// Counted are the author's own identifiers, each once, in the scripts and in the
// expressions of the templates. The types are those of the code that Vue's
// language tools generate, found again in the source by their mappings; helpers
// of that code stand nowhere in the source and so are not counted. Where it
// repeats an identifier, one occurrence with a type is enough.
//
// An identifier that cannot be resolved is an error of its own and not `any`.

export function createCoverage(ts) {
  return { measure }

  // `files`: name, path, source text, and the ranges in which code stands.
  function measure(program, language, files) {
    const checker = program.getTypeChecker()
    const total = { identifier_count: 0, any_identifiers: [] }
    for (const { name, path, text, ranges } of files) {
      const sourceFile = program.getSourceFile(path)
      if (!sourceFile) {
        return { reason: `TypeScript does not read \`${name}\`` }
      }
      const isAnyAt = identifiers(sourceFile, checker, toSource(language, path, text, ranges))
      total.identifier_count += isAnyAt.size
      const lines = lineStarts(text)
      for (const [start, { isAny, word }] of isAnyAt) {
        if (isAny) {
          total.any_identifiers.push({ file: name, word, ...place(lines, start) })
        }
      }
    }
    return total
  }

  // Offset in the source → word, and whether each of its occurrences is `any`.
  function identifiers(sourceFile, checker, sourceOffsets) {
    const found = new Map()
    const visit = (node) => {
      if (ts.isIdentifier(node) && hasType(node)) {
        const start = node.getStart(sourceFile)
        for (const offset of sourceOffsets(start, sourceFile.text.slice(start, node.end))) {
          const before = found.get(offset)
          if (before?.isAny !== false) {
            found.set(offset, { isAny: isAny(checker.getTypeAtLocation(node)), word: node.text })
          }
        }
      }
      ts.forEachChild(node, visit)
    }
    visit(sourceFile)
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

  function isAny(type) {
    return (type.flags & ts.TypeFlags.Any) !== 0 && type.intrinsicName !== 'error'
  }
}

// From an offset in the checked code to those in the source that hold the same word.
function toSource(language, path, text, ranges) {
  const script = language.scripts.get(path)
  const service = script?.generated?.languagePlugin.typescript?.getServiceScript(script.generated.root)
  if (!service) {
    return (start) => [start]
  }
  const map = language.maps.get(service.code, script)
  const leading = service.preventLeadingOffset ? 0 : script.snapshot.getLength()
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
