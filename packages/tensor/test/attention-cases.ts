/** Shapes and options for the tests of attention, and their comparison. */
import { expect } from 'vitest'
import { attention, type Device, grad, init, sum, type Tensor } from '../src/index.ts'

export const wave = (n: number, f: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * f))

export interface AttentionCase {
  readonly batch: number
  readonly t: number
  readonly heads: number
  readonly kvHeads: number
  readonly d: number
  readonly causal: boolean
  readonly documents?: readonly number[]
  readonly window?: number
  readonly softcap?: number
}

/** Ends of tiles and blocks, every grouping LLM-jp's models have, and heads of 64, 96, 128 and 192. */
export const attentionCases: readonly AttentionCase[] = [
  { batch: 2, t: 36, heads: 2, kvHeads: 2, d: 16, causal: true },
  { batch: 1, t: 72, heads: 6, kvHeads: 1, d: 16, causal: true },
  { batch: 1, t: 64, heads: 4, kvHeads: 2, d: 32, causal: false },
  { batch: 1, t: 40, heads: 8, kvHeads: 1, d: 64, causal: true },
  { batch: 1, t: 36, heads: 2, kvHeads: 1, d: 96, causal: true },
  { batch: 1, t: 36, heads: 1, kvHeads: 1, d: 128, causal: true },
  { batch: 1, t: 36, heads: 1, kvHeads: 1, d: 192, causal: true },
  { batch: 2, t: 48, heads: 2, kvHeads: 1, d: 16, causal: true, documents: [17, 40] },
  { batch: 1, t: 48, heads: 1, kvHeads: 1, d: 16, causal: false, documents: [5, 20] },
  { batch: 2, t: 72, heads: 2, kvHeads: 1, d: 16, causal: true, documents: [30], window: 21, softcap: 0.5 },
]

/** Output, then the gradients of q, k and v under an uneven weighting. */
export async function runAttention(
  device: Device,
  { batch, t, heads, kvHeads, d, causal, documents, window, softcap }: AttentionCase,
): Promise<Float32Array[]> {
  const q = device.tensor(wave(batch * t * heads * d, 0.7), [batch, t, heads, d])
  const k = device.tensor(wave(batch * t * kvHeads * d, 1.3), [batch, t, kvHeads, d])
  const v = device.tensor(wave(batch * t * kvHeads * d, 0.31), [batch, t, kvHeads, d])
  const weight = device.tensor(wave(batch * t * heads * d, 2.1), [batch, t, heads, d])
  const ids = Int32Array.from({ length: batch * t }, (_, i) => (documents ?? []).filter((cut) => i % t >= cut).length)
  const options = { causal, window, softcap, documents: documents && device.tensor(ids, [batch, t]) }
  const f = (qkv: Tensor[]) => sum(attention(qkv[0], qkv[1], qkv[2], options).mul(weight))
  const results = [attention(q, k, v, options), ...grad(f)([q, k, v])]
  return Promise.all(results.map(async (x) => (await x.data()) as Float32Array))
}

/** The device whose attention is a variant on WebGPU, or the processor's. */
export function attentionDevice(name: string): Promise<Device> {
  return name === 'cpu' ? init({ backend: 'cpu' }) : init({ backend: 'webgpu', kernels: { attention: name } })
}

export function expectSameAttention(actual: readonly Float32Array[], expected: readonly Float32Array[]): void {
  actual.forEach((values, which) => {
    let worst = 0
    let scale = 0
    values.forEach((x, e) => {
      worst = Math.max(worst, Math.abs(x - expected[which][e]))
      scale = Math.max(scale, Math.abs(expected[which][e]))
    })
    expect(worst, ['o', 'dq', 'dk', 'dv'][which]).toBeLessThan(3e-5 * Math.max(1, scale))
  })
}
