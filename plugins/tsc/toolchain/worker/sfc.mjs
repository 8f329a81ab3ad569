// Vue's own compiler on one component.
//
// The type checker accepts files that no build would: a truncated script, an
// unclosed tag, a template that does not compile. This is where those are found.

export function createSfcReader({ load, checker }) {
  const compiler = load('@vue/compiler-sfc')
  compiler.registerTS(() => checker.ts)

  return { read }

  function read(entry, source) {
    const filename = checker.pathOf(entry)
    checker.paths().forEach(compiler.invalidateTypeCache)
    const { descriptor, errors } = compiler.parse(source, { filename, sourceMap: false })
    const found = errors.map((error) => describe(error, entry))
    const scripts = [descriptor.script, descriptor.scriptSetup].filter(Boolean)
    // What a broken block leads to further down says nothing new.
    if (found.length === 0) {
      const { bindings, error } = compileScript(descriptor, scripts)
      found.push(...(error ? [error] : []), ...compileTemplate(descriptor, filename, bindings, entry))
    }
    return {
      errors: found,
      scripts: scripts.map((script) => ({ lang: script.lang ?? 'js', line: script.loc.start.line })),
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

  function compileTemplate({ template, scriptSetup, script, slotted }, filename, bindings, entry) {
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
    return errors.map((error) => describe(typeof error === 'string' ? { message: error } : error, entry))
  }

  function describe({ message, code, loc }, entry) {
    return {
      file: entry,
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

function isTypeScript(script) {
  return script?.lang === 'ts' || script?.lang === 'tsx'
}
