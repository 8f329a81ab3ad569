// Loaded in the worker before the spec and the answer: takes away what an
// answer could use to leave its place or to change the judge, remembers who
// tried, and proves before and after the tests that `expect` still fails what
// must fail.
//
// This is no wall; the walls are the operating system's. It keeps a verdict
// honest against code that runs in the same realm as the spec.
import Module, { isBuiltin } from 'node:module'
import { BroadcastChannel } from 'node:worker_threads'
import { afterAll, beforeAll, chai, expect, vi } from 'vitest'
import 'vue'
import '@vue/test-utils'

const { apply, defineProperty, getOwnPropertyDescriptor, ownKeys } = Reflect
const { preventExtensions, freeze } = Object
const NativeError = Error
const startsWith = (text, start) => text.slice(0, start.length) === start

const state = globalThis.__vitest_worker__
const { secret, work, packages } = state.providedContext.llmbench
delete state.providedContext.llmbench
for (const name of packages) await import(name)

const channel = new BroadcastChannel(secret)
channel.unref()
const attempts = new Set()

function note(what) {
  if (attempts.size >= 20 || attempts.has(what)) return
  attempts.add(what)
  channel.postMessage(what)
}

function refuse(what) {
  note(what)
  throw new NativeError(`${what} is not available here`)
}

/** The file of the function that called ours; `null` for generated code. */
function caller() {
  const { stackTraceLimit, prepareStackTrace } = NativeError
  try {
    NativeError.stackTraceLimit = 30
    NativeError.prepareStackTrace = (_, frames) => frames
    const holder = {}
    NativeError.captureStackTrace(holder, caller)
    const frames = holder.stack
    for (let i = 0; i < frames.length; i++) {
      if (frames[i].isEval()) return null
      let file = frames[i].getFileName()
      if (typeof file !== 'string' || startsWith(file, 'node:')) continue
      if (startsWith(file, 'file://')) file = file.slice('file://'.length)
      if (file !== OWN) return file
    }
    return null
  } finally {
    NativeError.stackTraceLimit = stackTraceLimit
    NativeError.prepareStackTrace = prepareStackTrace
  }
}

const OWN = import.meta.filename
const FROM_VITEST = /\/node_modules\/(vitest|@vitest\/[a-z-]+)\/dist\//
const FROM_COMPILER = /\/node_modules\/vue\/dist\/vue\.cjs\.js$/
const calledFrom = (pattern) => {
  const file = caller()
  return file !== null && pattern.test(file)
}

/** A property that nobody can change; heirs may still have one of that name. */
function pin(owner, key, value, label) {
  const old = getOwnPropertyDescriptor(owner, key)
  if (old && !old.configurable) return
  defineProperty(owner, key, {
    enumerable: old?.enumerable ?? false,
    configurable: false,
    get: () => value,
    set(other) {
      if (this === owner) note(`changing ${label}`)
      else defineProperty(this, key, { value: other, writable: true, enumerable: true, configurable: true })
    },
  })
}

/** Makes the functions of `owner` constant, and adding to it impossible. */
function seal(owner, label, heirsMayAssign = false) {
  for (const key of ownKeys(owner)) {
    const property = getOwnPropertyDescriptor(owner, key)
    if (!property.configurable) continue
    if (heirsMayAssign && 'value' in property) pin(owner, key, property.value, `${label}.${String(key)}`)
    else if (typeof property.value === 'function') {
      defineProperty(owner, key, { writable: false, configurable: false })
    } else if (property.get) defineProperty(owner, key, { configurable: false })
  }
  preventExtensions(owner)
}

/** A global that only Vitest's own code can see. */
function hide(key) {
  const property = getOwnPropertyDescriptor(globalThis, key)
  if (property === undefined || !property.configurable) return
  let value = globalThis[key]
  defineProperty(globalThis, key, {
    enumerable: false,
    configurable: false,
    get() {
      if (calledFrom(FROM_VITEST)) return value
      note(`reading ${String(key)}`)
      return undefined
    },
    set(other) {
      if (calledFrom(FROM_VITEST)) value = other
      else note(`changing ${String(key)}`)
    },
  })
}

// The judge.
for (const [label, owner] of [
  ['chai.Assertion', chai.Assertion],
  ['chai.Assertion.prototype', chai.Assertion.prototype],
  ['chai.AssertionError.prototype', chai.AssertionError.prototype],
  ['chai.util', chai.util],
]) {
  if (owner && Object.isExtensible(owner)) seal(owner, label)
}
freeze(chai.expect)
freeze(chai.assert)
freeze(vi)
for (const key of ownKeys(expect)) {
  const property = getOwnPropertyDescriptor(expect, key)
  if (property.configurable && 'value' in property) {
    defineProperty(expect, key, { writable: false, configurable: false })
  }
}

// Ways out of the process.
for (const name of [
  'exit', 'reallyExit', 'abort', 'kill', '_kill', 'binding', '_linkedBinding', 'dlopen', 'getBuiltinModule',
  'execve', 'chdir', 'setuid', 'setgid', 'seteuid', 'setegid', 'setgroups', 'initgroups', '_debugProcess',
  '_debugEnd', 'loadEnvFile', 'send', 'disconnect', 'openStdin', 'setUncaughtExceptionCaptureCallback',
]) {
  if (name in process) pin(process, name, () => refuse(`process.${name}`), `process.${name}`)
}
const HARMLESS = new Set(['path', 'url', 'util', 'events', 'assert', 'buffer', 'string_decoder', 'punycode', 'querystring'])
const load = Module._load
pin(
  Module,
  '_load',
  function (request, parent, ...rest) {
    const name = String(request).replace(/^node:/, '')
    const file = caller()
    const fromAnswer = file === null || startsWith(file, `${work}/`) || startsWith(String(parent?.filename), `${work}/`)
    if (fromAnswer || (isBuiltin(name) && !HARMLESS.has(name))) refuse(`require('${request}')`)
    return apply(load, this, [request, parent, ...rest])
  },
  'Module._load',
)

// The network: the system refuses it as well, but nobody would hear of it.
const offline = (name) =>
  function () {
    note(`${name}()`)
    throw new TypeError(`${name}: there is no network here`)
  }
const fetch = async function fetch() {
  return offline('fetch')()
}
for (const scope of new Set([globalThis, document.defaultView])) {
  for (const [name, value] of [['fetch', fetch], ['WebSocket', offline('WebSocket')], ['EventSource', offline('EventSource')]]) {
    if (name in scope) defineProperty(scope, name, { value, writable: true, configurable: true, enumerable: true })
  }
}
XMLHttpRequest.prototype.send = offline('XMLHttpRequest.send')

// Code made from text. Vue's template compiler is the one that may.
const kinds = [function () {}, async function () {}, function* () {}, async function* () {}]
for (const kind of kinds) {
  const prototype = Object.getPrototypeOf(kind)
  const Original = prototype.constructor
  const guarded = function (...parts) {
    if (!calledFrom(FROM_COMPILER)) refuse('new Function()')
    return apply(Original, this, parts)
  }
  guarded.prototype = Original.prototype
  if (Original === Function) pin(globalThis, 'Function', guarded, 'Function')
  pin(prototype, 'constructor', guarded, 'Function.prototype.constructor')
}
pin(globalThis, 'eval', () => refuse('eval()'), 'eval')

const symbolFor = Symbol.for
const PRIVATE = /^(expect-global|matchers-object|asymmetric-matchers-object|\$\$jest-matchers-object|jest\.asymmetricMatcher)$/
pin(
  Symbol,
  'for',
  (key) => {
    if (PRIVATE.test(key) && caller()?.startsWith(`${work}/`) !== false) refuse(`Symbol.for('${key}')`)
    return symbolFor(key)
  },
  'Symbol.for',
)

// Objects of these types are sometimes given a method of their own.
const OVERRIDDEN = new Set([Array, Map, Set, WeakMap, Promise, RegExp])

// The language that judge and spec are written in.
for (const type of [
  Object, Array, String, Number, Boolean, BigInt, Symbol, RegExp, Map, Set, WeakMap, WeakSet, WeakRef, Promise, Proxy, ArrayBuffer,
]) {
  if (type !== Object && type.prototype) seal(type.prototype, `${type.name}.prototype`, OVERRIDDEN.has(type))
  seal(type, type.name)
}
seal(Reflect, 'Reflect')
seal(JSON, 'JSON')
seal(MessagePort.prototype, 'MessagePort.prototype', true)
seal(BroadcastChannel.prototype, 'BroadcastChannel.prototype', true)
seal(Function.prototype, 'Function.prototype', true)
seal(Object.prototype, 'Object.prototype', true)
for (const iterator of [[].values(), new Map().values(), new Set().values(), ''[Symbol.iterator](), (function* () {})()]) {
  // Vue gives an iterator a `next` of its own.
  seal(Object.getPrototypeOf(iterator), 'iterator', true)
}
for (const name of ownKeys(globalThis)) {
  if (typeof name === 'string' && startsWith(name, '__vitest')) hide(name)
}
for (const name of ['expect-global', 'matchers-object', 'asymmetric-matchers-object', '$$jest-matchers-object']) {
  hide(symbolFor(name))
}

const random = () => Math.floor(Math.random() * 1e9)

/** Claims that are all false. */
function canaries() {
  const a = random()
  const b = a + 1
  const spy = vi.fn()
  return {
    toBe: () => expect(a).toBe(b),
    'not.toBe': () => expect(a).not.toBe(a),
    toEqual: () => expect({ a, list: [a] }).toEqual({ a, list: [b] }),
    toStrictEqual: () => expect([a]).toStrictEqual([b]),
    toMatchObject: () => expect({ a }).toMatchObject({ a: b }),
    toContain: () => expect(`${a}`).toContain(`x${b}`),
    toHaveLength: () => expect([a]).toHaveLength(2),
    toMatch: () => expect('abc').toMatch(/x/),
    toThrow: () => expect(() => a).toThrow(),
    toBeNull: () => expect(a).toBeNull(),
    toBeDefined: () => expect(undefined).toBeDefined(),
    toBeUndefined: () => expect(a).toBeUndefined(),
    toBeTruthy: () => expect(0).toBeTruthy(),
    toBeFalsy: () => expect(b).toBeFalsy(),
    toBeGreaterThan: () => expect(a).toBeGreaterThan(b),
    toHaveBeenCalledTimes: () => expect(spy).toHaveBeenCalledTimes(1),
    toHaveBeenCalledWith: () => expect(spy).toHaveBeenCalledWith(a),
  }
}

const silent = new Set()

function prove() {
  const claims = canaries()
  for (const name in claims) {
    let held = true
    try {
      claims[name]()
    } catch {
      held = false
    }
    if (held) silent.add(name)
  }
}

beforeAll(prove)
// Vitest wants to see which fixtures are asked for: none.
afterAll(({}, suite) => {
  prove()
  suite.file.meta.llmbench = { secret, silent: [...silent] }
})
