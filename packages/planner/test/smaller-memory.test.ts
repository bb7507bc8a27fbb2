/** Ways to fit a model into memory: 8-bit moments, optimizer offload, adapters; and all GPUs of the table. */
import { describe, expect, it } from 'vitest'
import { emitMegatron, estimate, estimateRun, findGpu, gpus, type ParallelPlan } from '../src/index.ts'
import { recipe, v3_13b, v4_32bA3b } from './models.ts'

const plan: ParallelPlan = {
  tensorParallel: 1,
  pipelineParallel: 1,
  microBatchSize: 1,
  globalBatchSize: 8,
  sequenceLength: 2048,
}
const cluster = { gpu: 'H100', nodes: 1, gpusPerNode: 8 }
const of = (own: Partial<ParallelPlan>, gpu = 'H100') =>
  estimate({ model: v3_13b, cluster: { ...cluster, gpu }, plan: { ...plan, ...own } })
const stage = (own: Partial<ParallelPlan>) => of(own).memoryByStage[0]

describe('memory', () => {
  it('of 8-bit moments is 4 + 2.03 bytes of optimizer for 4 + 8', () => {
    const [whole, eight] = [stage({}), stage({ eightBitMoments: true })]
    expect(eight.optimizer / whole.optimizer).toBeCloseTo((4 + 2 + 8 / 256) / 12, 6)
    expect(eight.weights).toBe(whole.weights)
  })

  it('of an optimizer on the host is none of the GPU, and its step takes longer', () => {
    expect(stage({ offloadOptimizer: true }).optimizer).toBe(0)
    expect(of({ offloadOptimizer: true }).time.optimizer).toBeGreaterThan(3 * of({}).time.optimizer)
  })

  it('of adapters is 2 bytes a weight and 18 an adapter parameter', () => {
    const rank = 16
    // q, k, v, o: in + out; gate, up, down: hidden + ffn.
    const adapters = 40 * rank * (4 * (5120 + 5120) + 3 * (5120 + 13_824))
    const { parameters, weights, gradients, optimizer } = stage({ loraRank: rank, sharding: 'none' })
    expect(weights).toBeCloseTo(2 * parameters + 2 * adapters, -1)
    expect(gradients).toBeCloseTo(4 * adapters, -1)
    expect(optimizer).toBeCloseTo(12 * adapters, -1)
    expect(of({ loraRank: rank }).stepSeconds).toBeLessThan(0.8 * of({}).stepSeconds)
    expect(of({ loraRank: rank }).fits).toBe(true)
  })

  it('of adapters in a model with experts is that of attention; experts are frozen, and sharded weights still gathered', () => {
    const { layers, hidden, heads, kvHeads, headDim } = v4_32bA3b
    const adapters = layers * 8 * (2 * (hidden + heads * headDim) + 2 * (hidden + kvHeads * headDim))
    const lora = (own: Partial<ParallelPlan>) =>
      estimate({ model: v4_32bA3b, cluster, plan: { ...plan, loraRank: 8, sharding: 'none', ...own } })
    const [whole] = lora({}).memoryByStage
    expect(whole.weights).toBeCloseTo(2 * whole.parameters + 2 * adapters, -1)
    expect(whole.gradients).toBeCloseTo(4 * adapters, -1)
    expect(whole.optimizer).toBeCloseTo(12 * adapters, -1)
    const gathered = (loraRank: number) =>
      estimate({ model: v4_32bA3b, cluster, plan: { ...plan, loraRank, sharding: 'full' } }).time.collectives.find(
        ({ axis }) => axis === 'data',
      )!.bytes
    // 2 + 2 bytes of every weight for 2 + 2 + 4.
    expect(gathered(8) / gathered(0)).toBeCloseTo(0.5, 2)
  })

  it('of kernels that are not fused is larger, of deterministic ones not', () => {
    const base = { tensorParallel: 2, pipelineParallel: 2 }
    const [fused, plain, same] = [of(base), of({ ...base, fusedKernels: false }), of({ ...base, deterministic: true })]
    expect(plain.memoryBytes).toBeGreaterThan(1.02 * fused.memoryBytes)
    expect(same.memoryBytes).toBe(fused.memoryBytes)
    expect(same.stepSeconds).toBe(plain.stepSeconds)
  })

  it('and time of FSDP with a pipeline follow one schedule: gathered and reduced once a step', () => {
    const data = (own: Partial<ParallelPlan>) =>
      of({ sharding: 'full', ...own }).time.collectives.find(({ axis }) => axis === 'data')!
    const few = data({ pipelineParallel: 2, globalBatchSize: 16 })
    const many = data({ pipelineParallel: 2, globalBatchSize: 128 })
    expect(many.bytes).toBe(few.bytes)
    // Without one every micro-batch gathers.
    expect(data({ globalBatchSize: 64 }).bytes).toBeCloseTo(8 * data({ globalBatchSize: 8 }).bytes, -3)
  })

  it('is not emitted where a launch would not do it', () => {
    const request = { model: v3_13b, cluster, recipe }
    expect(() => emitMegatron({ ...request, plan: { ...plan, loraRank: 8 } })).toThrow(/loraRank is not supported/)
    expect(() => emitMegatron({ ...request, plan: { ...plan, eightBitMoments: true } })).toThrow(/eightBitMoments/)
    const { args } = emitMegatron({ ...request, plan: { ...plan, offloadOptimizer: true } })
    expect(args).toContain('--optimizer-cpu-offload')
    expect(args).toContain('--use-precision-aware-optimizer')
  })
})

describe('GPUs', () => {
  it('of all kinds are known, and what a kind lacks is said', () => {
    for (const [name, { bf16 = true }] of Object.entries(gpus)) {
      const precision = bf16 ? 'bf16' : 'fp16'
      const tiny = { ...v3_13b, layers: 2 }
      const result = estimate({ model: tiny, cluster: { ...cluster, gpu: name }, plan: { ...plan, precision } })
      expect(result.mfu, name).toBeGreaterThan(0.05)
      expect(result.mfu, name).toBeLessThan(0.95)
    }
    expect(() => of({}, 'V100')).toThrow(/V100-SXM-32GB has no bf16; use precision fp16/)
    expect(findGpu('rtx4090').memoryBytes).toBeLessThan(26e9)
    expect(Object.keys(gpus).length).toBeGreaterThan(20)
  })
})

describe('a published run', () => {
  const row = {
    id: 'words',
    model: { layers: 32, hidden: 4096, ffn: 11_008, heads: 32, vocab: 32_000 },
    gpu_type: 'H100-SXM-80GB',
    gpus: 64,
    gpus_per_node: 8,
    tp: 2,
    pp: 4,
    micro_batch: 1,
    global_batch: 256,
    seq: 4096,
  }
  it('with counts in words is read as far as they say a number, and says so', () => {
    const taken = estimateRun({ ...row, vpp: 'interleaved, 2 chunks', cp: 'none', micro_batch: 'not stated' })
    expect(taken.assumptions).toEqual([
      expect.stringMatching(/^cp: 1 \(given in words: "none"\)/),
      'micro_batch: 1',
      expect.stringMatching(/^vpp: 2 \(given in words: "interleaved, 2 chunks"\)/),
    ])
    expect(taken.stepSeconds).toBe(estimateRun({ ...row, vpp: 2 }).stepSeconds)
    expect(estimateRun({ ...row, vpp: 'yes' }).stepSeconds).toBe(estimateRun(row).stepSeconds)
  })
})
