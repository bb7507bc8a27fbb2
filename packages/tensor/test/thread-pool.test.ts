import { expect, test } from 'vitest'
import { CpuBackend } from '../src/backends/cpu/cpu-backend.ts'
import type { ThreadPool } from '../src/backends/cpu/thread-pool.ts'
import { encodeModule, FunctionBody } from '../src/backends/cpu/wasm-encoder.ts'

/** A module with one kernel `(start, end, thread)`. */
function moduleOf(build: (body: FunctionBody) => void): Uint8Array {
  const body = new FunctionBody(3)
  build(body)
  return encodeModule([{ name: 'kernel', parameters: 3, body }], [], true)
}

const unreachable = 0x00

test('a kernel that traps in a worker is reported; the caller does not wait for ever', async () => {
  const backend = await CpuBackend.create({ threads: 2 })
  const pool = (backend as unknown as { pool: ThreadPool }).pool
  // Traps on every thread but the calling one, which runs its chunks as usual.
  const id = pool.load(
    moduleOf((body) => {
      body.get(2).when(() => body.code.push(unreachable))
    }),
  )
  const untilTheWorkerTakesPart = async () => {
    for (let i = 0; i < 500; i++) {
      for (let k = 0; k < 100; k++) pool.run(id, 64, 1, [], -1, 0)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  await expect(untilTheWorkerTakesPart()).rejects.toThrow(/a kernel failed in a worker thread/)
  backend.destroy()
})

test('a kernel that traps on the calling thread throws there', async () => {
  const backend = await CpuBackend.create({ threads: 1 })
  const pool = (backend as unknown as { pool: ThreadPool }).pool
  const id = pool.load(encodeModule([{ name: 'kernel', parameters: 3, body: trap() }], [], false))
  expect(() => pool.run(id, 1, 1, [], -1, 0)).toThrow(/unreachable/)
  backend.destroy()
})

function trap(): FunctionBody {
  const body = new FunctionBody(3)
  body.code.push(unreachable)
  return body
}
