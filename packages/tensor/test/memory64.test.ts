/** The cpu backend on memory with 64-bit addresses: the bits of 32-bit memory, and what is past 4 GiB. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { CpuBackend } from '../src/backends/cpu/cpu-backend.ts'
import type { CpuMachine } from '../src/backends/cpu/cpu-program.ts'
import { Device } from '../src/device.ts'
import { isFloat } from '../src/dtype.ts'
import * as K from '../src/index.ts'
import { apply, type Tensor } from '../src/tensor.ts'
import { pullBack } from '../src/transforms/vjp.ts'
import { inputsOn, valuesOf } from './conformance-cases.ts'
import { emulateMemory64, nativeMemory64 } from './emulated-memory64.ts'
import { opTable } from './op-table.ts'
import { checkSeed } from './random-programs/check.ts'

const gibibyte = 2 ** 30
const memoryOf = (device: K.Device) => (device.backend as unknown as { machine: CpuMachine }).machine.memory
const bits = (array: ArrayLike<number>) => {
  const { buffer, byteOffset, byteLength } = array as Float32Array
  return [...new Uint8Array(buffer, byteOffset, byteLength)].join()
}

/** Every output of every sample of every op, and of the gradient. */
async function resultsOn(device: K.Device): Promise<string[]> {
  const all: string[] = []
  for (const op of opTable)
    for (const sample of op.samples ?? []) {
      const inputs = inputsOn(device, sample, valuesOf(sample, 7))
      const outs = apply(op, inputs, sample.attrs ?? {})
      const [first] = outs.filter((o) => isFloat(o.dtype))
      const differentiable = sample.differentiable !== false && (op.gradient || op.definition) && first
      const gradients = differentiable ? pullBack([first.mul(0.5).sum()], [device.tensor(1)], inputs, device) : []
      const made = [...outs, ...gradients].filter((t): t is Tensor => t?.device === device)
      await device.evaluate(made)
      for (const t of made) all.push(`${op.name}: ${bits(await t.data())}`)
    }
  return all
}

describe('addresses of 64 bits', () => {
  let restore: () => void
  beforeAll(() => {
    restore = emulateMemory64()
  })
  afterAll(() => restore())

  test('every op and its gradient has the bits that it has with 32', async () => {
    const narrow = await K.init({ backend: 'cpu', threads: 1, memory64: false })
    const wide = await K.init({ backend: 'cpu', threads: 1, memory64: true })
    expect(wide.addressableBytes).toBe(16 * gibibyte - 65536)
    expect(await resultsOn(wide)).toEqual(await resultsOn(narrow))
    narrow.dispose()
    wide.dispose()
  })

  test('random programs give what the reference gives', async () => {
    const reference = await K.init({ backend: 'reference' })
    const device = await K.init({ backend: 'cpu', threads: 1, memory64: true })
    for (let seed = 0; seed < 60; seed++) {
      const { problem } = await checkSeed(seed, reference, [device])
      if (problem) throw new Error(problem)
    }
    reference.dispose()
    device.dispose()
  })

  test('a tensor past 2 GiB is refused, and the device goes on', async () => {
    const device = await K.init({ backend: 'cpu', threads: 1, memory64: true })
    const x = device.tensor([1, 2])
    await expect(
      x
        .sum()
        .broadcastTo([2 ** 29])
        .exp()
        .data(),
    ).rejects.toThrow(/cpu: a tensor of 2147483648 bytes; with 64-bit memory one tensor may have 2147483568: divide it/)
    expect(await x.add(1).data()).toEqual(Float32Array.of(2, 3))
    device.dispose()
  })
})

test('where the system refuses so many addresses, a device has 32-bit ones, unless it was told otherwise', async () => {
  const { Memory } = WebAssembly
  const refusing = new Proxy(Memory, {
    construct(made, [limits]) {
      if (limits.address === 'i64') throw new RangeError('could not allocate memory')
      return new made(limits)
    },
  })
  vi.spyOn(WebAssembly, 'validate').mockReturnValue(true)
  vi.spyOn(WebAssembly, 'Memory', 'get').mockReturnValue(refusing)
  try {
    const device = await K.init({ backend: 'cpu', threads: 1, relaxedSimd: false })
    expect(device.addressableBytes).toBe(4 * gibibyte - 65536)
    device.dispose()
    await expect(K.init({ backend: 'cpu', memory64: true })).rejects.toThrow(
      /refused to reserve addresses .*\(could not allocate memory\).*init\(\{ memory64: false \}\), which reserves less/,
    )
  } finally {
    vi.restoreAllMocks()
  }
})

test.skipIf(nativeMemory64)('a runtime without it is named', async () => {
  await expect(K.init({ backend: 'cpu', memory64: true })).rejects.toThrow(
    /no WebAssembly memory with 64-bit addresses \(memory64\); Node 24/,
  )
  expect(K.cpuAddressableBytes()).toBe(4 * gibibyte - 65536)
})

describe.runIf(nativeMemory64)('past 4 GiB', () => {
  let device: K.Device
  beforeAll(async () => {
    device = new Device(await CpuBackend.create({ threads: 2 }))
    // Never written, so the system gives no memory for them.
    for (let k = 0; k < 3; k++) memoryOf(device).allocate(2 * gibibyte - 80)
  })
  afterAll(() => device.dispose())

  test('buffers, code of fused kernels and scratch memory lie there, and every thread finds them', async () => {
    expect(memoryOf(device).allocate(64).pointer).toBeGreaterThan(4 * gibibyte)
    const near = await K.init({ backend: 'cpu', threads: 1, memory64: false })
    expect(await resultsOn(device)).toEqual(await resultsOn(near))
    near.dispose()
  })

  test('random programs give what the reference gives', async () => {
    const reference = await K.init({ backend: 'reference' })
    for (let seed = 100; seed < 160; seed++) {
      const { problem } = await checkSeed(seed, reference, [device])
      if (problem) throw new Error(problem)
    }
    reference.dispose()
  })

  test('a program may need more than 4 GiB', async () => {
    // Planned, not run: three values of 1.5 GiB are alive at once.
    const f = K.compile((x: Tensor) => {
      const [a, b, c] = [1, 2, 3].map((k) =>
        x
          .mul(k)
          .broadcastTo([3 * 2 ** 27])
          .cos(),
      )
      return [a.mul(b.sum()), b.mul(c.sum()), c.mul(a.sum())]
    })
    await f.prepare(device.tensor([1]))
    expect(f.memory().peakBytes).toBeGreaterThan(4 * gibibyte)
  })

  test('16 GiB are the most', async () => {
    const f = K.compile((x: Tensor) =>
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((k) =>
        x
          .mul(k)
          .broadcastTo([2 ** 29 - 64])
          .cos(),
      ),
    )
    await expect(f.prepare(device.tensor([1]))).rejects.toThrow(
      /and the 16 GiB that WebAssembly engines allow have 17179803648; .*bfloat16$/,
    )
    f.dispose()
  })
})
