/** Every attention kernel against the definition, and its resource limits. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create } from 'webgpu'
import { loadFormatCode } from '../src/backends/webgpu/shader.ts'
import { attention, type Device, init } from '../src/index.ts'
import { attentionVariants } from '../src/ops/attention/attention.wgsl.ts'
import { tiledBackward, tiledForward } from '../src/ops/attention/tiled.wgsl.ts'
import { contiguousAccess } from '../src/passes/access.ts'
import { attentionCases, attentionDevice, expectSameAttention, runAttention, wave } from './attention-cases.ts'

let reference: Device
beforeAll(async () => {
  reference = await init({ backend: 'reference' })
})
afterAll(() => reference.dispose())

/**
 * A software adapter takes seconds to compile a shader for wide heads, and longer for a tiled one: each variant gets
 * one width of 64 or more, and the tiled variant only that and the case with documents, a window and a cap.
 * `attention-variants.deep.ts` runs every variant on every case.
 */
const widest: Readonly<Record<string, number>> = { tiled: 64, blocked: 192, rows: 64 }

describe.each([...attentionVariants, 'cpu'])('attention on %s', (name) => {
  let device: Device
  beforeAll(async () => {
    device = await attentionDevice(name)
  })
  afterAll(() => device.dispose())

  const taken = attentionCases.filter(
    ({ d, window }) => window || name === 'cpu' || (d < 64 && name !== 'tiled') || d === widest[name],
  )
  test.each(taken.map((c) => [JSON.stringify(c), c] as const))('%s', async (_, c) => {
    expectSameAttention(await runAttention(device, c), await runAttention(reference, c))
  })
})

test('documents of another shape are refused', async () => {
  const x = reference.tensor(wave(16, 1), [1, 2, 1, 8])
  expect(() => attention(x, x, x, { documents: reference.tensor([0, 0, 0]) })).toThrow(
    /documents must be int32 \[batch, seq\]/,
  )
})

test('tiled attention of 8,192 positions fits into what every WebGPU device has, also with heads of 192', async () => {
  await loadFormatCode()
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
