/** Memory of training on one machine, against counts by hand and the tensor package's own programs. */
import { describe, expect, it } from 'vitest'
import {
  estimateLocalMemory,
  type LocalPrecision,
  type LocalRun,
  localLayerBytes,
  localPrecisions,
  type PlannerModel,
} from '../src/index.ts'
import { totalParameters, validateModel } from '../src/model/model.ts'
import { v4_32bA3b } from './models.ts'

/** The `nano` preset of @kumiki/models, and LLM-jp-3 150M. */
const nano: PlannerModel = { layers: 4, hidden: 128, ffn: 512, heads: 4, kvHeads: 4, headDim: 32, vocab: 2048 }
const m150: PlannerModel = { layers: 12, hidden: 512, ffn: 2048, heads: 8, kvHeads: 8, headDim: 64, vocab: 99_487 }
const grouped: PlannerModel = { ...nano, heads: 8, kvHeads: 2, headDim: 16, tiedEmbeddings: true }
const run = { batch: 4, sequence: 128 }
const parts = (m: ReturnType<typeof estimateLocalMemory>) =>
  m.weights + m.optimizer + m.inputs + m.gradients + m.activations + m.logits + m.working + m.unshared

describe('estimateLocalMemory', () => {
  it.each([
    ['f32', 4, 8],
    ['bf16', 2, 12],
    ['bf16-pure', 2, 4],
  ] as const)(
    'counts the state of %s: %i bytes of weights and %i of optimizer a parameter',
    (precision, weights, optimizer) => {
      const m = estimateLocalMemory(m150, { ...run, precision })
      expect(m.parameters).toBe(totalParameters(validateModel(m150)))
      // Norm weights are float32 and have no copy.
      const vectors = 512 * 25
      expect(m.weights).toBe(weights * (m.parameters - vectors) + 4 * vectors)
      expect(m.optimizer).toBe(optimizer * m.parameters - (precision === 'bf16' ? 4 * vectors : 0))
    },
  )

  it('is what a count by hand gives for nano in float32', () => {
    const m = estimateLocalMemory(nano, { ...run, positions: 256 })
    // Floats a token and layer: residual and norm twice, q, k, v, o, four heads' log-sum-exp, two 1 / rms, three times
    // the inner width.
    const floats = 4 * 128 + 4 * 128 + 4 + 2 + 3 * 512
    const after = 2 * 128 + 1 + 3
    expect(m.activations).toBe(4 * 512 * (4 * floats + after))
    expect(m.logits).toBe(4 * 512 * 2048)
    expect(m.gradients).toBe(4 * 2048 * 128)
    expect(m.working).toBe(4 * 512 * 128)
    expect(m.inputs).toBe(2 * 4 * 512 + 4 * 256 * 32)
    expect(m.moment).toBe('loss')
    expect(m.total).toBe(parts(m))
  })

  it('keeps one part of an accumulated batch, and the sums of those before', () => {
    const whole = estimateLocalMemory(nano, { ...run, positions: 128 })
    const parts = estimateLocalMemory(nano, { ...run, batch: 16, accumulation: 4, positions: 128 })
    expect(parts.activations).toBe(whole.activations)
    expect(parts.logits).toBe(whole.logits)
    expect(parts.gradients).toBe(whole.gradients + 4 * whole.parameters)
    expect(parts.inputs - whole.inputs).toBe(2 * 4 * 12 * 128)
    expect(() => estimateLocalMemory(nano, { ...run, accumulation: 3 })).toThrow(
      /run.accumulation must divide run.batch 4, got 3/,
    )
    expect(() => estimateLocalMemory(nano, { ...run, accumulation: 8 })).toThrow(/accumulation/)
  })

  it('holds some rows of the logits of a large vocabulary, at least half as many as hidden units', () => {
    const m = estimateLocalMemory(m150, { batch: 1, sequence: 2048 })
    expect(m.logits).toBe(4 * 256 * 99_487)
    expect(m.working).toBe(4 * 512 * 2048)
    // As many as 16 MiB hold, in tiles of 128: 131 of a vocabulary of 32,000.
    expect(estimateLocalMemory({ ...nano, vocab: 32_000 }, { batch: 8, sequence: 128 }).logits).toBe(4 * 128 * 32_000)
    // Fewer than a tile.
    expect(estimateLocalMemory({ ...nano, vocab: 100_000 }, { batch: 1, sequence: 1024 }).logits).toBe(4 * 64 * 100_000)
    // The embedding's gradient fits no buffer of a layer; on the processor buffers are divided.
    expect(m.unshared).toBe(4 * 99_487 * 512)
    const onCpu = estimateLocalMemory(m150, { batch: 1, sequence: 2048, device: 'cpu' })
    expect(onCpu.unshared).toBe(0)
    expect(onCpu.total).toBeLessThanOrEqual(m.total)
  })

  it('is linear in tokens where activations decide', () => {
    const at = (batch: number) => estimateLocalMemory(nano, { batch, sequence: 256, precision: 'bf16' })
    const [a, b, c] = [at(128), at(256), at(384)]
    expect([a.moment, b.moment, c.moment]).toEqual(['backward', 'backward', 'backward'])
    expect(c.total - b.total).toBe(b.total - a.total)
    expect(b.activations).toBe(2 * a.activations)
  })

  it('peaks where all gradients exist when there are few tokens', () => {
    const m = estimateLocalMemory({ ...nano, layers: 48, vocab: 256 }, { batch: 1, sequence: 8 })
    expect(m.moment).toBe('update')
    expect(m.activations).toBe(0)
    expect(m.gradients + m.unshared).toBe(4 * m.parameters)
  })

  it('keeps less of narrow activations, of fewer key heads, and one table when tied', () => {
    const layer = (model: PlannerModel, precision?: LocalRun['precision']) => {
      const { attention, mlp } = localLayerBytes(model, precision)
      return attention + mlp
    }
    // Norms twice, gate, up and their product are halved; the copy for attention's projection comes on top.
    expect(layer(nano, 'f32') - layer(nano, 'bf16')).toBe(2 * (2 * 128 + 3 * 512) - 2 * 128)
    expect(layer({ ...nano, kvHeads: 1 }, 'f32')).toBe(layer(nano, 'f32') - 2 * 4 * 3 * 32)
    const [tied, untied] = [true, false].map((tiedEmbeddings) =>
      estimateLocalMemory({ ...grouped, tiedEmbeddings }, run),
    )
    expect(untied.weights - tied.weights).toBe(4 * 2048 * 128)
  })

  it('takes a policy of @kumiki/train as it is', () => {
    const policy: LocalPrecision & { name: string } = { name: 'own', parameters: 'bfloat16', activations: 'bfloat16' }
    expect(estimateLocalMemory(nano, { ...run, precision: policy })).toEqual(
      estimateLocalMemory(nano, { ...run, precision: 'bf16' }),
    )
    expect(Object.keys(localPrecisions)).toEqual(['f32', 'bf16', 'bf16-pure'])
  })

  it('refuses what the formulas are not about, by name', () => {
    const estimate = (model: object, options: object = {}) =>
      estimateLocalMemory(model as PlannerModel, { ...run, ...options } as LocalRun)
    expect(() => estimate(v4_32bA3b)).toThrow(/dense decoders.*experts/s)
    expect(() => estimate({ ...nano, gatedMlp: false, learnedPositions: 8 })).toThrow(
      'learnedPositions, gatedMlp: false',
    )
    expect(() => estimate(nano, { batch: 0 })).toThrow('run.batch must be an integer from 1')
    expect(() => estimate(nano, { device: 'gpu' })).toThrow(/run.device must be one of cpu, webgpu/)
    expect(() => estimate(nano, { positions: 64 })).toThrow('run.positions must be an integer from 128')
    expect(() => estimate(nano, { precision: 'fp8-hybrid' })).toThrow(/precision must be one of f32, bf16, bf16-pure/)
    expect(() => estimate(nano, { precision: { ...localPrecisions.bf16, fp8: {} } })).toThrow('precision.fp8')
    expect(() => estimate(nano, { precision: { parameters: 'float16', activations: 'float32' } })).toThrow(
      'precision.parameters',
    )
    expect(() => estimate(nano, { precision: { ...localPrecisions.bf16, master: 1 } })).toThrow('precision.master')
  })
})
