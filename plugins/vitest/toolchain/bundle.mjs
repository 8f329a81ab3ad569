// Puts happy-dom's 600 files into one: loading them costs every check a third
// of a second of processor time. Run once after the packages were installed.
//
//   node bundle.mjs ROOT     ROOT is the folder that holds node_modules
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const root = path.resolve(process.argv[2])
const folder = path.join(root, 'node_modules', 'happy-dom')
const manifestPath = path.join(folder, 'package.json')
const manifest = JSON.parse(fs.readFileSync(manifestPath, 'utf8'))
const bundled = 'lib/llmbench-bundle.js'

const rolldownPath = createRequire(path.join(root, 'package.json')).resolve('rolldown')
const { rolldown } = await import(pathToFileURL(rolldownPath))
const bundle = await rolldown({ input: path.join(folder, 'lib', 'index.js'), platform: 'node', logLevel: 'silent' })
const { output } = await bundle.generate({ format: 'esm', codeSplitting: false, keepNames: true })
if (output.length !== 1) throw new Error(`one file was expected, not ${output.length}`)

// The new file first and the manifest last, each with its name only when it is
// whole: whoever loads happy-dom meanwhile gets the old files or the new one.
put(path.join(folder, bundled), output[0].code)
put(manifestPath, JSON.stringify({ ...manifest, main: bundled }, null, 2))

function put(target, text) {
  const partial = `${target}.partial-${process.pid}`
  fs.writeFileSync(partial, text)
  fs.renameSync(partial, target)
}
