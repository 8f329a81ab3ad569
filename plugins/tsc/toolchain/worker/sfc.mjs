// Vue's own compiler on the components of an answer.
//
// The type checker accepts files that no build would: a truncated script, an
// unclosed tag, a template that does not compile. This is where those are found.

// `NodeTypes.INTERPOLATION` of Vue's compiler.
const INTERPOLATION = 5

export function createSfcReader({ load, checker }) {
  const compiler = load('vue/compiler-sfc')
  compiler.registerTS(() => checker.ts)

  return { read }

  // `ranges`: name of each component → where in it code stands, for the
  // measurement of types.
  function read(components) {
    checker.paths().forEach(compiler.invalidateTypeCache)
    const read = components.map(([name, source]) => readOne(name, source))
    return {
      errors: read.flatMap(({ errors }) => errors),
      scripts: read.flatMap(({ scripts }) => scripts),
      ranges: new Map(components.map(([name], index) => [name, read[index].ranges])),
    }
  }

  function readOne(name, source) {
    const filename = checker.pathOf(name)
    // It remembers trees, and compiling a template changes its tree.
    compiler.parseCache.clear()
    const { descriptor, errors } = compiler.parse(source, { filename, sourceMap: false })
    const found = errors.map((error) => describe(error, name))
    const scripts = [descriptor.script, descriptor.scriptSetup].filter(Boolean)
    // Before the template is compiled, which changes its tree.
    const ranges = [...scripts, ...expressions(descriptor.template?.ast)].map(toRange)
    // What a broken block leads to further down says nothing new.
    if (found.length === 0) {
      const { bindings, error } = compileScript(descriptor, scripts)
      found.push(...(error ? [error] : []), ...compileTemplate(descriptor, filename, bindings, name))
    }
    return {
      errors: found,
      scripts: scripts.map(({ lang, loc }) => ({ file: name, lang: lang ?? 'js', line: loc.start.line })),
      ranges,
    }
  }

  function compileScript(descriptor, scripts) {
    if (scripts.length === 0) {
      return {}
    }
    try {
      return compiler.compileScript(descriptor, { id: 'check', sourceMap: false, fs: checker.host })
    } catch (error) {
      return { error: describeFrame(String(error.message), descriptor.filename) }
    }
  }

  function compileTemplate({ template, scriptSetup, script, slotted }, filename, bindings, name) {
    if (!template || template.lang || template.src) {
      return []
    }
    const { errors } = compiler.compileTemplate({
      source: template.content,
      ast: template.ast,
      filename,
      id: 'check',
      slotted,
      compilerOptions: {
        bindingMetadata: bindings,
        expressionPlugins: isTypeScript(scriptSetup ?? script) ? ['typescript'] : [],
      },
    })
    return errors.map((error) => describe(typeof error === 'string' ? { message: error } : error, name))
  }

  function describe({ message, code, loc }, name) {
    return {
      file: name,
      line: loc?.start?.line ?? null,
      column: loc?.start?.column ?? null,
      code: typeof code === 'number' ? `VUE${code}` : 'VUE-SFC',
      category: 'error',
      message: checker.shorten(message),
    }
  }

  // Errors of the script compiler carry their place only in a drawing:
  //
  //   [vue/compiler-sfc] Unexpected token (3:10)
  //
  //   /folder/Component.vue
  //   4  |  const a =
  //      |           ^
  function describeFrame(message, filename) {
    const lines = message.split('\n')
    const marker = lines.findIndex((line) => /^\s+\|\s+\^/.test(line))
    const drawn = marker > 0 ? /^(\d+)\s+\|/.exec(lines[marker - 1]) : null
    return {
      file: checker.shorten(filename),
      line: drawn ? Number(drawn[1]) : null,
      column: drawn ? lines[marker].indexOf('^') - lines[marker].indexOf('|') - 2 : null,
      code: 'VUE-SCRIPT',
      category: 'error',
      message: lines[0].replace(/^\[@?vue\/compiler-sfc\] /, '').replace(/ \(\d+:\d+\)$/, ''),
    }
  }
}

// The expressions of a template: interpolations, values and dynamic names of directives.
function expressions(node) {
  const own = [
    ...(node?.type === INTERPOLATION ? [node.content] : []),
    ...(node?.props ?? []).flatMap(({ exp, arg }) => [exp, arg && !arg.isStatic ? arg : undefined]),
  ]
  const below = Array.isArray(node?.children) ? node.children.flatMap(expressions) : []
  return [...own.filter(Boolean), ...below]
}

function toRange({ loc }) {
  return [loc.start.offset, loc.end.offset]
}

function isTypeScript(script) {
  return script?.lang === 'ts' || script?.lang === 'tsx'
}
