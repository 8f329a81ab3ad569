// Tries what code under test must not be able to do, and what it must.
import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const job = JSON.parse(fs.readFileSync(0, 'utf8'))
const base = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const breaches = []
const failures = []

function mustFail(what, attempt) {
  try {
    if (attempt() !== false) breaches.push(what)
  } catch {
    // As it should be.
  }
}

function mustWork(what, attempt) {
  try {
    if (attempt() === false) failures.push(what)
  } catch (error) {
    failures.push(`${what} (${error.code ?? error.message})`)
  }
}

function mustNotConnect(what, open) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => done(false), 1000)
    const done = (connected) => {
      clearTimeout(timer)
      if (connected) breaches.push(what)
      resolve()
    }
    try {
      const socket = open(() => done(true))
      socket.on('error', () => done(false))
    } catch {
      done(false)
    }
  })
}

mustFail('read a file outside', () => fs.readFileSync(job.secret_file).length > 0)
mustFail('listed a folder outside', () => fs.readdirSync(job.outside_folder))
mustFail('read /etc/passwd', () => fs.readFileSync('/etc/passwd'))
mustFail('listed /root', () => fs.readdirSync('/root').length > 0)
mustFail('wrote a file outside', () => fs.writeFileSync(job.outside_file, 'x'))
mustFail('changed a file outside', () => fs.writeFileSync(job.secret_file, 'x'))
mustFail('changed the mode of a file outside', () => fs.chmodSync(job.secret_file, 0o777))
mustFail('removed a file outside', () => fs.rmSync(job.secret_file))
mustFail('wrote a file of its own work', () => fs.writeFileSync(path.join(base, 'work', 'x'), 'x'))
mustFail('wrote a script', () => fs.writeFileSync(path.join(base, 'scripts', 'x.mjs'), 'x'))
mustFail('wrote a package', () => fs.writeFileSync(path.join(base, 'node_modules', 'llmbench-probe'), 'x'))
mustFail('read the environment of another process', () => fs.readFileSync(`/proc/${job.process_id}/environ`))
mustFail('read the environment of its parent', () => fs.readFileSync(`/proc/${process.ppid}/environ`).length > 0)
mustFail('signalled another process', () => process.kill(job.process_id, 0))
mustFail('signalled itself', () => process.kill(process.pid, 0))
for (const program of [process.execPath, '/bin/sh', '/bin/true']) {
  mustFail('started a process', () => spawnSync(program, ['--version']).error === undefined)
}
const inherited = Object.keys(process.env).filter((name) => !/^(HOME|TMPDIR|TZ|LANG|PATH|OPENSSL_CONF|PWD|RAYON_NUM_THREADS|TOKIO_WORKER_THREADS|UV_THREADPOOL_SIZE|FILTER|SHLVL|_|OLDPWD)$/.test(name))
if (inherited.length > 0) breaches.push(`saw the environment variable ${inherited[0]}`)
await mustNotConnect('opened a connection', (done) => net.connect({ port: job.port, host: '127.0.0.1' }, done))
await mustNotConnect('listened on a port', (done) => net.createServer().listen(0, '127.0.0.1', done))
await mustNotConnect('sent a datagram', (done) => {
  const socket = dgram.createSocket('udp4')
  socket.send('x', job.port, '127.0.0.1', (error) => error || done())
  return socket
})

mustWork('reading its scripts', () => fs.readFileSync(fileURLToPath(import.meta.url)))
mustWork('reading the packages', () => fs.readdirSync(path.join(base, 'node_modules')).length > 0)
mustWork('writing its temporary folder', () => fs.writeFileSync(path.join(process.env.TMPDIR, 'x'), 'x'))

fs.writeSync(1, `\n${job.nonce} ${JSON.stringify({ breaches, failures })}\n`)
process.reallyExit(0)
