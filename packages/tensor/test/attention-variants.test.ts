import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create } from 'webgpu'
import { attention, type Device, grad, init, sum, type Tensor } from '../src/index.ts'
import { attentionVariants } from '../src/ops/attention/attention.wgsl.ts'
import { tiledBackward, tiledForward } from '../src/ops/attention/tiled.wgsl.ts'
import { contiguousAccess } from '../src/passes/access.ts'

const wave = (n: number, f: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * f))

interface Case {
  readonly batch: number
  readonly t: number
  readonly heads: number
  readonly kvHeads: number
  readonly d: number
  readonly causal: boolean
  readonly documents?: readonly number[]
}

/** Ends of tiles and blocks, every grouping LLM-jp's models have, and heads of 64, 96, 128 and 192. */
const cases: Case[] = [
  { batch: 2, t: 36, heads: 2, kvHeads: 2, d: 16, causal: true },
  { batch: 1, t: 72, heads: 6, kvHeads: 1, d: 16, causal: true },
  { batch: 1, t: 64, heads: 4, kvHeads: 2, d: 32, causal: false },
  { batch: 1, t: 40, heads: 8, kvHeads: 1, d: 64, causal: true },
  { batch: 1, t: 36, heads: 2, kvHeads: 1, d: 96, causal: true },
  { batch: 1, t: 36, heads: 1, kvHeads: 1, d: 128, causal: true },
  { batch: 1, t: 36, heads: 1, kvHeads: 1, d: 192, causal: true },
  { batch: 2, t: 48, heads: 2, kvHeads: 1, d: 16, causal: true, documents: [17, 40] },
  { batch: 1, t: 48, heads: 1, kvHeads: 1, d: 16, causal: false, documents: [5, 20] },
]

/** Output, then the gradients of q, k and v under an uneven weighting. */
async function run(device: Device, { batch, t, heads, kvHeads, d, causal, documents }: Case): Promise<Float32Array[]> {
  const q = device.tensor(wave(batch * t * heads * d, 0.7), [batch, t, heads, d])
  const k = device.tensor(wave(batch * t * kvHeads * d, 1.3), [batch, t, kvHeads, d])
  const v = device.tensor(wave(batch * t * kvHeads * d, 0.31), [batch, t, kvHeads, d])
  const weight = device.tensor(wave(batch * t * heads * d, 2.1), [batch, t, heads, d])
  const ids = Int32Array.from({ length: batch * t }, (_, i) => (documents ?? []).filter((cut) => i % t >= cut).length)
  const options = { causal, documents: documents && device.tensor(ids, [batch, t]) }
  const f = (qkv: Tensor[]) => sum(attention(qkv[0], qkv[1], qkv[2], options).mul(weight))
  const results = [attention(q, k, v, options), ...grad(f)([q, k, v])]
  return Promise.all(results.map(async (x) => (await x.data()) as Float32Array))
}

let reference: Device
let expected: Float32Array[][]
beforeAll(async () => {
  reference = await init({ backend: 'reference' })
  expected = await Promise.all(cases.map((c) => run(reference, c)))
}, 60000)
afterAll(() => reference.dispose())

describe.each([...attentionVariants.map((v) => `webgpu ${v}`), 'cpu'])('attention on %s', (name) => {
  let device: Device
  beforeAll(async () => {
    device =
      name === 'cpu'
        ? await init({ backend: 'cpu' })
        : await init({ backend: 'webgpu', kernels: { attention: name.split(' ')[1] } })
  })
  afterAll(() => device.dispose())

  // The tiled shader takes seconds to compile on a software adapter: 64 and 192 stand for the heads between.
  const skipped = (d: number) => name === 'webgpu tiled' && (d === 96 || d === 128)
  const taken = cases.map((c, i) => [JSON.stringify(c), c, i] as const).filter(([, c]) => !skipped(c.d))
  test.each(taken)('%s', async (_, c, i) => {
    const actual = await run(device, c)
    actual.forEach((values, which) => {
      let worst = 0
      let scale = 0
      values.forEach((x, e) => {
        worst = Math.max(worst, Math.abs(x - expected[i][which][e]))
        scale = Math.max(scale, Math.abs(expected[i][which][e]))
      })
      expect(worst, ['o', 'dq', 'dk', 'dv'][which]).toBeLessThan(3e-5 * Math.max(1, scale))
    })
  })
})

test('documents of another shape are refused', async () => {
  const x = reference.tensor(wave(16, 1), [1, 2, 1, 8])
  expect(() => attention(x, x, x, { documents: reference.tensor([0, 0, 0]) })).toThrow(
    /documents must be int32 \[batch, seq\]/,
  )
})

test('tiled attention of 8,192 positions fits into what every WebGPU device has, also with heads of 192', async () => {
  const gpu = create(['backend=null'])
  const adapter = await gpu.requestAdapter()
  // Nothing asked for: 16 KiB of workgroup memory, eight storage buffers.
  const nullDevice = await adapter!.requestDevice()
  expect(nullDevice.limits.maxComputeWorkgroupStorageSize).toBe(16384)
  const operand = (shape: number[], dtype: 'float32' | 'bfloat16' = 'bfloat16') => ({
    slot: 0,
    dtype,
    access: contiguousAccess(shape),
  })
  for (const d of [64, 128, 192]) {
    const [q, k] = [operand([1, 8192, 4, d]), operand([1, 8192, 2, d])]
    const attrs = { scale: 0.1, causal: true }
    const lse = operand([1, 4, 8192], 'float32')
    const plans = [
      tiledForward({ inputs: [q, k, k], outputs: [q, lse], attrs }),
      tiledBackward({ inputs: [q, k, k, q, lse, operand([1, 8192, 4, d], 'float32')], outputs: [], attrs }),
    ]
    for (const { wgsl, name } of plans.flatMap((p) => p.dispatches)) {
      const module = nullDevice.createShaderModule({ code: wgsl })
      await expect(
        nullDevice.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } }),
        `${name}, heads of ${d}`,
      ).resolves.toBeDefined()
    }
    // Scratch is linear in the sequence: a number for each row.
    expect(plans[0].scratch ?? []).toEqual([])
    expect(plans[1].scratch).toEqual([4 * 8192 * 4])
  }
  nullDevice.destroy()
})
