// Workers that the engine or the system serves badly.
import { FunctionBody } from '@kumiki/wasm'
import { afterEach, expect, test, vi } from 'vitest'
import { CpuBackend } from '../src/backends/cpu/cpu-backend.ts'
import type { CpuMachine } from '../src/backends/cpu/cpu-program.ts'
import { encodeKernels } from '../src/backends/cpu/kernel-module.ts'
import type { WasmBuffer } from '../src/backends/cpu/wasm-memory.ts'

const threads = process.getBuiltinModule('node:worker_threads')
const { Worker } = threads
afterEach(() => void Object.assign(threads, { Worker }))

/** Workers made from now on run `prologue` before their own code; `made` sees the number of each first. */
function changeWorkers(prologue: string, made: (count: number) => void = () => {}): { terminated: number } {
  const seen = { made: 0, terminated: 0 }
  class Changed extends Worker {
    constructor(code: string, options?: ConstructorParameters<typeof Worker>[1]) {
      made(++seen.made)
      super(`${prologue}\n${code}`, options)
    }

    override terminate() {
      seen.terminated++
      return super.terminate()
    }
  }
  Object.assign(threads, { Worker: Changed })
  return seen
}

const machineOf = (backend: CpuBackend) => (backend as unknown as { machine: CpuMachine }).machine

/** A kernel (start, end, thread, at) of a module: marks each of its bytes with 1 + thread, after `before`. */
function marking(before: (body: FunctionBody) => void = () => {}): Uint8Array {
  const body = new FunctionBody(4)
  const i = body.local('i32')
  const value = body.local('v128')
  before(body)
  body.get(2).constant(1).op('i32.add').op('i32x4.splat').set(value)
  // Long enough for a worker to take part.
  body.constant(0).set(i)
  body.loop(
    () => body.get(i).constant(100_000).op('i32.lt_u'),
    () => body.get(i).constant(1).op('i32.add').set(i),
  )
  body.loop(
    () => body.get(0).get(1).op('i32.lt_u'),
    () => {
      body.get(0).get(3).op('i32.add').get(value)
      body.lane('v128.store8_lane', 0)
      body.get(0).constant(1).op('i32.add').set(0)
    },
  )
  return encodeKernels([{ name: 'kernel', parameters: 4, body }], [], { shared: true, address: 'i32' })
}

/** Runs a kernel over 64 bytes until a worker has marked one, for a minute at most. */
async function untilAWorkerTakesPart(backend: CpuBackend, id: number, buffer: WasmBuffer): Promise<boolean> {
  const { pool, memory } = machineOf(backend)
  for (const start = performance.now(); performance.now() - start < 60_000; ) {
    pool.run(id, 64, 1, [buffer.pointer], -1, 0)
    const marks = memory.bytes(buffer, 64)
    expect(marks.every((mark) => mark > 0)).toBe(true)
    if (marks.some((mark) => mark > 1)) return true
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return false
}

test('a worker that has not heard of a growth of the memory reads the modules beyond the old end', async () => {
  // As V8 leaves a worker whose memory grew while the worker was being given it: the buffer keeps its length.
  changeWorkers(`{
    const { prototype } = WebAssembly.Memory
    const { get } = Object.getOwnPropertyDescriptor(prototype, 'buffer')
    const { grow } = prototype
    let buffer
    Object.defineProperty(prototype, 'buffer', { get() { return (buffer ??= get.call(this).slice(0, 64 * 65536)) } })
    prototype.grow = function (pages) {
      const before = grow.call(this, pages)
      buffer = get.call(this)
      return before
    }
  }`)
  const backend = await CpuBackend.create({ threads: 2, memory64: false })
  const { pool, memory } = machineOf(backend)
  const buffer = backend.allocate(8_000_000) as WasmBuffer
  const module = pool.load(marking())
  expect(module.bytes!.pointer).toBeGreaterThan(64 * 65536)
  expect(memory.pages).toBe(memory.memory.buffer.byteLength / 65536)
  expect(await untilAWorkerTakesPart(backend, module.first, buffer)).toBe(true)
  backend.destroy()
}, 90_000)

test('when a kernel fails on the calling thread, no worker is left working', async () => {
  const backend = await CpuBackend.create({ threads: 2, memory64: false })
  const { pool, memory } = machineOf(backend)
  const buffer = backend.allocate(64) as WasmBuffer
  expect(await untilAWorkerTakesPart(backend, pool.load(marking()).first, buffer)).toBe(true)
  const { first: failing } = pool.load(
    marking((body) =>
      body
        .get(2)
        .constant(1)
        .op('i32.lt_u')
        .when(() => body.code.push(0x00)),
    ),
  )
  for (let failures = 0; failures < 10; ) {
    memory.bytes(buffer, 64).fill(0)
    try {
      pool.run(failing, 64, 1, [buffer.pointer], -1, 0)
      continue // the worker was so fast that it took every chunk
    } catch (error) {
      expect(String(error)).toMatch(/unreachable/)
      failures++
    }
    const left = memory.bytes(buffer, 64).slice()
    await new Promise((resolve) => setTimeout(resolve, 2))
    expect(memory.bytes(buffer, 64).slice()).toEqual(left)
  }
  expect(await untilAWorkerTakesPart(backend, pool.load(marking()).first, buffer)).toBe(true)
  backend.destroy()
}, 90_000)

test('without workers that end, the others and the caller do the work', async () => {
  changeWorkers(`throw new Error('no memory')`)
  const backend = await CpuBackend.create({ threads: 3, memory64: false })
  const { pool, memory } = machineOf(backend)
  const buffer = backend.allocate(64) as WasmBuffer
  const { first } = pool.load(marking())
  const { workers } = pool as unknown as { workers: unknown[] }
  await vi.waitUntil(() => workers.length === 0, { timeout: 60_000 })
  pool.run(first, 64, 1, [buffer.pointer], -1, 0)
  expect([...memory.bytes(buffer, 64)]).toEqual(new Array(64).fill(1))
  backend.destroy()
}, 90_000)

/** Ends the thread without an error that it could catch: in the middle of a task, where its arguments are made. */
const endsInATask = `Array.from = () => process.exit(1)`

test('a worker that ends while it holds a part of a kernel is an error, not a wait for ever', async () => {
  // One of two workers: the other one goes on.
  changeWorkers(`if (process.getBuiltinModule('node:worker_threads').workerData.thread === 1) ${endsInATask}`)
  const backend = await CpuBackend.create({ threads: 3, memory64: false })
  const { pool, memory } = machineOf(backend)
  const buffer = backend.allocate(64) as WasmBuffer
  const { first } = pool.load(marking())
  expect(backend.description).toMatch(/, 3 threads$/)
  const untilItTakesPart = async () => {
    for (const start = performance.now(); performance.now() - start < 60_000; ) {
      memory.bytes(buffer, 64).fill(0)
      pool.run(first, 64, 1, [buffer.pointer], -1, 0)
      expect(memory.bytes(buffer, 64).every((mark) => mark > 0)).toBe(true)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const error: unknown = await untilItTakesPart().catch((e) => e)
  expect(error).toMatchObject({ name: 'DeviceError', lost: true })
  expect(String(error)).toMatch(/kernel \d+ failed in a worker thread \(the thread ended\); the device cannot be used/)
  // The rest of the work is not done by the threads that are left: a part of it is missing already.
  expect(() => pool.run(first, 1, 1, [buffer.pointer], -1, 0)).toThrow('the device cannot be used any more')
  await vi.waitUntil(() => backend.description.endsWith(', 2 threads'), { timeout: 60_000 })
  backend.destroy()
}, 90_000)

test('a worker that ends between kernels leaves its share to the others, and the name says how many there are', async () => {
  const backend = await CpuBackend.create({ threads: 3, memory64: false })
  const { pool, memory } = machineOf(backend)
  const buffer = backend.allocate(64) as WasmBuffer
  const { first } = pool.load(marking())
  expect(await untilAWorkerTakesPart(backend, first, buffer)).toBe(true)
  const { workers } = pool as unknown as { workers: { hasEnded(): boolean; terminate(): Promise<unknown> }[] }
  const [one, other] = workers
  expect([one.hasEnded(), other.hasEnded()]).toEqual([false, false])
  await one.terminate()
  expect([one.hasEnded(), other.hasEnded()]).toEqual([true, false])
  await vi.waitUntil(() => backend.description.endsWith(', 2 threads'), { timeout: 60_000 })
  expect(workers).toEqual([other])
  expect(await untilAWorkerTakesPart(backend, first, buffer)).toBe(true)
  await other.terminate()
  await vi.waitUntil(() => backend.description.endsWith(', 1 thread'), { timeout: 60_000 })
  memory.bytes(buffer, 64).fill(0)
  pool.run(first, 64, 1, [buffer.pointer], -1, 0)
  expect([...memory.bytes(buffer, 64)]).toEqual(new Array(64).fill(1))
  backend.destroy()
}, 90_000)

test('a refused thread is an error that says how many there were, and leaves none behind', async () => {
  const seen = changeWorkers('', (count) => {
    if (count === 3) throw new Error('EAGAIN')
  })
  await expect(CpuBackend.create({ threads: 5, memory64: false })).rejects.toThrow(
    'cpu: the system refused thread 4 of 5 (EAGAIN); init({ threads: 3 }) takes as many as it gave',
  )
  expect(seen.terminated).toBe(2)
})
