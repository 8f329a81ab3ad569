// Runs one spec with the real Vitest and writes one line with what came out.
//
// The job comes on stdin and is read to its end before any thread exists, so
// that the answer can learn neither the word that begins the line nor the one
// that ends the worker's own report.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BroadcastChannel } from 'node:worker_threads'

const job = JSON.parse(fs.readFileSync(0, 'utf8'))
const base = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const work = path.join(base, 'work')

// Only the result line goes out. What code under test prints is dropped here,
// before it can fill a pipe or somebody's memory.
process.stdout.write = () => true
const complain = process.stderr.write.bind(process.stderr)
process.stderr.write = () => true

function answer(result) {
  const text = JSON.stringify(result)
  const bytes = Buffer.from(`\n${job.nonce} ${text}\n`)
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at)
  process.reallyExit(0)
}

// The guard reports attempts here at once: a file that fails while it loads
// never gets as far as the report after the tests.
const attempts = new Set()
const channel = new BroadcastChannel(job.secret)
channel.onmessage = ({ data }) => attempts.size < 20 && attempts.add(String(data).slice(0, 200))
channel.unref()

/** Exit codes: Vitest did not get going, or it broke down on what it ran. */
let failure = 70
const brief = (error) => String(error?.message ?? error).slice(0, 2000)

try {
  const [{ createVitest }, { default: vue }, { policy }] = await Promise.all([
    import('vitest/node'),
    import('@vitejs/plugin-vue'),
    import('./policy.mjs'),
  ])
  const refused = []
  const unhandled = []
  let modules = []
  const vitest = await createVitest(
    'test',
    {
      config: false,
      root: base,
      dir: work,
      include: [job.spec],
      exclude: [],
      watch: false,
      environment: 'happy-dom',
      pool: 'threads',
      maxWorkers: 1,
      isolate: false,
      fileParallelism: false,
      css: false,
      globals: false,
      api: false,
      cache: false,
      testTimeout: job.test_timeout_ms,
      hookTimeout: job.test_timeout_ms,
      teardownTimeout: 500,
      setupFiles: [path.join(base, 'scripts', 'guard.mjs')],
      provide: { llmbench: { secret: job.secret, work, packages: job.packages } },
      update: false,
      passWithNoTests: true,
      printConsoleTrace: false,
      disableConsoleIntercept: true,
      reporters: [
        {
          onTestRunEnd(tested, errors) {
            modules = tested
            unhandled.push(...errors)
          },
        },
      ],
    },
    {
      configFile: false,
      envFile: false,
      logLevel: 'silent',
      cacheDir: path.join(process.env.TMPDIR, 'vite'),
      plugins: [policy({ work, ...job, refuse: (what) => refused.push(what) }), vue()],
    },
  )
  failure = 71
  await vitest.start()
  await new Promise((resolve) => setTimeout(resolve, 5))
  const tests = []
  const errors = []
  let guard = null
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state, errors: reasons } = test.result()
      tests.push({ name: test.fullName, state, message: reasons?.length ? brief(reasons[0]) : null })
    }
    errors.push(...module.errors().map(brief))
    for (const suite of module.children.allSuites()) errors.push(...suite.errors().map(brief))
    guard = module.meta().llmbench ?? guard
  }
  const { user, system } = process.cpuUsage()
  answer({
    tests,
    errors,
    unhandled: unhandled.map(brief),
    refused,
    attempts: [...attempts],
    guard,
    cpu_sec: (user + system) / 1e6,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
  })
} catch (error) {
  complain(`${error?.stack ?? error}\n`)
  process.reallyExit(failure)
}
