/** Kernels that trap, and modules that are replaced, in the threads of the CPU backend. */
import { FunctionBody } from '@kumiki/wasm'
import { expect, test } from 'vitest'
import { CpuBackend } from '../src/backends/cpu/cpu-backend.ts'
import type { CpuMachine } from '../src/backends/cpu/cpu-program.ts'
import { encodeKernels } from '../src/backends/cpu/kernel-module.ts'
import type { WasmBuffer } from '../src/backends/cpu/wasm-memory.ts'

/** A module with one kernel `(start, end, thread)`. */
function moduleOf(build: (body: FunctionBody) => void): Uint8Array {
  const body = new FunctionBody(3)
  build(body)
  return encodeKernels([{ name: 'kernel', parameters: 3, body }], [], { shared: true, address: 'i32' })
}

const unreachable = 0x00

test('a kernel that traps in a worker is reported; the caller does not wait for ever', async () => {
  const backend = await CpuBackend.create({ threads: 2, memory64: false })
  const { pool } = (backend as unknown as { machine: CpuMachine }).machine
  // Traps on every thread but the calling one, which runs its chunks as usual.
  const { first: id } = pool.load(
    moduleOf((body) => {
      body.get(2).when(() => body.code.push(unreachable))
    }),
  )
  const untilTheWorkerTakesPart = async () => {
    // On a busy machine the worker can be without a processor for seconds.
    for (const start = performance.now(); performance.now() - start < 60_000; ) {
      for (let k = 0; k < 100; k++) pool.run(id, 64, 1, [], -1, 0)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  await expect(untilTheWorkerTakesPart()).rejects.toThrow(
    /kernel \d+ failed in a worker thread \(RuntimeError: unreachable\)/,
  )
  backend.destroy()
}, 90_000)

test('a kernel that traps on the calling thread throws there', async () => {
  const backend = await CpuBackend.create({ threads: 1, memory64: false })
  const { pool } = (backend as unknown as { machine: CpuMachine }).machine
  const { first: id } = pool.load(
    encodeKernels([{ name: 'kernel', parameters: 3, body: trap() }], [], { shared: false, address: 'i32' }),
  )
  expect(() => pool.run(id, 1, 1, [], -1, 0)).toThrow(/unreachable/)
  backend.destroy()
})

test('a module takes the place of one that was unloaded, on every thread', async () => {
  const backend = await CpuBackend.create({ threads: 2, memory64: false })
  const { pool, memory } = (backend as unknown as { machine: CpuMachine }).machine
  const buffer = backend.allocate(256) as WasmBuffer
  /** Writes a number to every element of its range. */
  const fill = (value: number) => {
    const body = new FunctionBody(4)
    body.loop(
      () => body.get(0).get(1).op('i32.lt_u'),
      () => {
        body.get(0).constant(2).op('i32.shl').get(3).op('i32.add').splatConstant(value)
        body.lane('v128.store32_lane', 0)
        body.get(0).constant(1).op('i32.add').set(0)
      },
    )
    return encodeKernels([{ name: 'kernel', parameters: 4, body }], [], { shared: true, address: 'i32' })
  }
  const before = backend.counters.bytes
  const ids = new Set<number>()
  for (let value = 1; value <= 200; value++) {
    const module = pool.load(fill(value))
    ids.add(module.first)
    for (let k = 0; k < 5; k++) {
      memory.bytes(buffer, 256).fill(0)
      pool.run(module.first, 64, 1, [buffer.pointer], -1, 0)
      const made = new Int32Array(memory.memory.buffer, buffer.pointer, 64)
      expect(made.every((x) => x === value)).toBe(true)
    }
    pool.unload(module)
  }
  expect(ids.size).toBe(1)
  expect(backend.counters.bytes - before).toBeLessThan(1024)
  backend.destroy()
})

function trap(): FunctionBody {
  const body = new FunctionBody(3)
  body.code.push(unreachable)
  return body
}
