// The long-lived process behind the `tsc` validator.
//
// Speaks one JSON object per line: requests on stdin, answers on stdout.
// Nothing else may reach stdout, so console output goes to stderr.
// Ends when stdin does, so that it never outlives the program that started it.
//
//   node worker.mjs ROOT CONFIG     ROOT is the folder that holds node_modules
//
//   <- {"ready":1,"node":"20.20.2","typescript":"6.0.3",...}
//   -> {"id":1,"entry":"Component.vue","roots":["importer.ts"],
//       "files":[{"name":"Component.vue","path":"/tmp/x.vue"},{"name":"importer.ts","text":"..."}]}
//   <- {"id":1,"sfc":{"errors":[],"scripts":[{"lang":"ts","line":1}]},
//       "types":{"types_checked":true,"diagnostics":[]},"rss_bytes":1}

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

import { createChecker } from './types.mjs'
import { createSfcReader } from './sfc.mjs'

for (const name of ['log', 'info', 'debug', 'warn', 'dir', 'table']) {
  console[name] = console.error
}

const PROTOCOL = 1
const [root, configPath] = process.argv.slice(2).map((path) => path.replaceAll('\\', '/'))
const load = createRequire(`${root}/package.json`)
const config = JSON.parse(readFileSync(configPath, 'utf8'))

const checker = createChecker({ load, root, config })
const sfc = createSfcReader({ load, checker })

const version = (name) => load(`${name}/package.json`).version
send({
  ready: PROTOCOL,
  node: process.versions.node,
  typescript: version('typescript'),
  'vue-tsc': version('vue-tsc'),
  vue: version('vue'),
})

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line.trim() !== '') {
    const request = JSON.parse(line)
    send({ id: request.id, ...answer(request), rss_bytes: process.memoryUsage.rss() })
  }
}

function answer({ entry, files, roots }) {
  const sources = new Map()
  for (const { name, path, text } of files) {
    sources.set(name, (text ?? readFileSync(path, 'utf8')).replace(/^\uFEFF/, ''))
  }
  checker.open(sources)
  return {
    sfc: attempt(() => sfc.read(entry, sources.get(entry))),
    types: attempt(() => checker.check(entry, roots)),
  }
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
