// The long-lived process behind the `tsc` validator.
//
// Speaks one JSON object per line: requests on stdin, answers on stdout.
// Nothing else may reach stdout, so console output goes to stderr.
// Ends when stdin does, so that it never outlives the program that started it.
//
//   node worker.mjs ROOT CONFIG          ROOT is the folder that holds node_modules
//   node worker.mjs ROOT PROJECT_JSON    for an npm project of its own:
//                                        {"dir":"/x","tsconfig":"tsconfig.json","build":false}
//   node worker.mjs ROOT CONFIG native   with TypeScript 7; its memory is not in `rss_bytes`
//
//   <- {"ready":1,"node":"20.20.2","typescript":"6.0.3",...}
//   -> {"id":1,"answer":["Component.vue"],"roots":["importer.ts"],
//       "files":[{"name":"Component.vue","path":"/tmp/x.vue"},{"name":"importer.ts","text":"..."}]}
//   <- {"id":1,"sfc":{"errors":[],"scripts":[{"file":"Component.vue","lang":"ts","line":1}]},
//       "types":{"types_checked":true,"diagnostics":[]},
//       "coverage":{"identifier_count":9,"any_identifiers":[]},"rss_bytes":1}
//
// A worker for an npm project is first told, with `"baseline":true`, the files
// that the answer is to replace.
//
// An answer with comments that suppress errors is checked once more without
// them, in `"without_suppressions"`.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

import { createProjectChecker } from './npm_project.mjs'
import { createChecker } from './types.mjs'
import { createSfcReader } from './sfc.mjs'
import { withoutSuppressions } from './suppress.mjs'

for (const name of ['log', 'info', 'debug', 'warn', 'dir', 'table']) {
  console[name] = console.error
}

const PROTOCOL = 2
const NOTHING_FOUND = {
  sfc: { errors: [], scripts: [] },
  types: { types_checked: true, diagnostics: [] },
  coverage: { reason: 'nothing was checked' },
}
const [root, given, engine] = process.argv.slice(2).map((text) => text.replaceAll('\\', '/'))
const load = createRequire(`${root}/package.json`)
const checker = await createCheckerFor(given)
const sfc = createSfcReader({ load, checker })

const version = (name) => load(`${name}/package.json`).version
send({
  ready: PROTOCOL,
  node: process.versions.node,
  typescript: version(engine === 'native' ? 'typescript-native' : 'typescript'),
  'vue-tsc': version('vue-tsc'),
  vue: version('vue'),
})

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line.trim() !== '') {
    const request = JSON.parse(line)
    send({ id: request.id, ...answer(request), rss_bytes: process.memoryUsage.rss() })
  }
}
process.exit()

async function createCheckerFor(given) {
  if (given.startsWith('{')) {
    return createProjectChecker({ load, root, ...JSON.parse(given) })
  }
  const config = JSON.parse(readFileSync(given, 'utf8'))
  return engine === 'native'
    ? (await import('./native.mjs')).createNativeChecker({ load, root, config })
    : createChecker({ load, root, config })
}

function answer({ answer, files, roots, baseline }) {
  const sources = new Map()
  for (const { name, path, text } of files) {
    sources.set(name, (text ?? readFileSync(path, 'utf8')).replace(/^\uFEFF/, ''))
  }
  checker.open(sources)
  if (baseline) {
    return { ...NOTHING_FOUND, types: attempt(() => checker.setBaseline() ?? NOTHING_FOUND.types) }
  }
  const components = answer.filter((name) => name.endsWith('.vue'))
  const { ranges, ...read } = attempt(() => sfc.read(components.map((name) => [name, sources.get(name)])))
  const types = attempt(() => checker.check(answer, roots))
  const coverage = types.types_checked
    ? attempt(() => checker.measureCoverage(answer, ranges ?? new Map()))
    : { reason: 'the syntax of the answer is wrong' }
  return { sfc: read, types, coverage, ...checkAgain(answer, sources, roots) }
}

function checkAgain(answer, sources, roots) {
  const bare = answer.map((name) => [name, withoutSuppressions(sources.get(name))])
  if (bare.every(([name, text]) => text === sources.get(name))) {
    return {}
  }
  checker.open(new Map([...sources, ...bare]))
  return { without_suppressions: attempt(() => checker.check(answer, roots)) }
}

// A compiler that trips over an odd file is reported beside what the other one
// found; the reader decides what it means.
function attempt(work) {
  try {
    return work()
  } catch (error) {
    return { crash: String(error?.stack ?? error) }
  }
}

function send(message) {
  process.stdout.write(JSON.stringify(message) + '\n')
}
