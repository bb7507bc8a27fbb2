/** Properties of the estimate of every legal plan: finite parts that add up, monotone costs. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cluster, estimate, gpus, type ParallelPlan, type PlannerModel } from '../src/index.ts'

const models = fc.record({
  layers: fc.integer({ min: 1, max: 48 }),
  hidden: fc.integer({ min: 1, max: 64 }).map((n) => 128 * n),
  ffn: fc.integer({ min: 1, max: 64 }).map((n) => 256 * n),
  heads: fc.constantFrom(8, 16, 32, 64),
  kvHeads: fc.constantFrom(1, 2, 8),
  headDim: fc.constantFrom(64, 96, 128),
  vocab: fc.integer({ min: 1, max: 200_000 }),
  gatedMlp: fc.boolean(),
  tiedEmbeddings: fc.boolean(),
  qkNorm: fc.boolean(),
  experts: fc.option(
    fc.record({
      count: fc.constantFrom(8, 64),
      topK: fc.integer({ min: 1, max: 8 }),
      ffn: fc.constantFrom(512, 2048),
      sharedFfn: fc.constantFrom(0, 1024),
      firstDenseLayers: fc.constantFrom(0, 1),
    }),
    { nil: undefined },
  ),
})
const clusters = fc.record({
  gpu: fc.constantFrom(...Object.keys(gpus)),
  nodes: fc.constantFrom(1, 2, 4, 16),
  gpusPerNode: fc.constantFrom(4, 8),
  network: fc.constantFrom(undefined, { inter: 'ethernet' as const }, { intra: 'pcie' as const }),
})
const plans = fc.record({
  tensorParallel: fc.constantFrom(1, 2, 4, 8),
  pipelineParallel: fc.constantFrom(1, 2, 4),
  virtualPipeline: fc.constantFrom(1, 2),
  contextParallel: fc.constantFrom(1, 2),
  expertParallel: fc.constantFrom(1, 2, 8),
  microBatchSize: fc.constantFrom(1, 2, 4),
  globalBatchSize: fc.constantFrom(128, 512),
  sequenceLength: fc.constantFrom(2048, 4096, 32_768),
  sharding: fc.constantFrom('none' as const, 'optimizer' as const, 'gradients' as const, 'full' as const),
  recompute: fc.constantFrom('none' as const, 'selective' as const, 'operators' as const, 'full' as const),
  attentionBackend: fc.constantFrom('fused' as const, 'flash' as const, 'unfused' as const),
  overlap: fc.boolean(),
  precision: fc.constantFrom('bf16' as const, 'fp16' as const),
  anyLayout: fc.constant(true),
})

/** The estimate of a legal combination, null of any other. */
function tryEstimate(model: PlannerModel, cluster: Cluster, plan: ParallelPlan) {
  const fitting = {
    ...plan,
    virtualPipeline: (plan.pipelineParallel ?? 1) > 1 ? plan.virtualPipeline : 1,
    expertParallel: model.experts ? plan.expertParallel : 1,
  }
  try {
    return { plan: fitting, result: estimate({ model, cluster, plan: fitting }) }
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

describe('every legal plan', () => {
  it('has finite parts that add up, and monotone costs', () => {
    let legal = 0
    fc.assert(
      fc.property(models, clusters, plans, (model, cluster, given) => {
        const made = tryEstimate(model, cluster, given)
        if (!made) return
        legal++
        const { plan, result } = made
        const { step, computeParts, collectives, ...parts } = result.time
        for (const value of Object.values(parts)) expect(value).toBeGreaterThanOrEqual(0)
        const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
        expect(sum(Object.values(parts)) / step).toBeCloseTo(1, 9)
        expect(sum(Object.values(computeParts)) / parts.compute).toBeCloseTo(1, 9)
        for (const axis of ['tensor', 'context', 'expert', 'pipeline', 'data'] as const) {
          const exposed = sum(collectives.filter((one) => one.axis === axis).map((one) => one.exposedSeconds))
          const part = axis === 'pipeline' ? parts.pipeline : parts[`${axis}Parallel` as const]
          expect(exposed).toBeCloseTo(part, 9)
        }
        for (const stage of result.memoryByStage) {
          const { weights, gradients, optimizer, activations, logits, buffers, total } = stage
          expect((weights + gradients + optimizer + activations + logits + buffers) / total).toBeCloseTo(1, 9)
        }
        expect(result.mfu).toBeGreaterThan(0)
        expect(result.mfu).toBeLessThan(1)
        expect(result.hfu).toBeGreaterThanOrEqual(result.mfu)
        expect(result.mfuFullAttention).toBeGreaterThan(result.mfu)
        // Twice every rate of the GPU and the network is never slower; more is kept without recomputation.
        const gpu = gpus[cluster.gpu as string]
        const fast = {
          ...gpu,
          watts: 2 * (gpu.watts ?? 700),
          peakBf16: 2 * gpu.peakBf16,
          memoryBandwidth: 2 * gpu.memoryBandwidth,
          intraNodeBandwidth: 2 * gpu.intraNodeBandwidth,
          interNodeBandwidth: 2 * gpu.interNodeBandwidth,
        }
        expect(estimate({ model, cluster: { ...cluster, gpu: fast }, plan }).stepSeconds).toBeLessThanOrEqual(step)
        const kept = estimate({ model, cluster, plan: { ...plan, recompute: 'none' } })
        if (plan.recompute === 'selective' || plan.recompute === 'operators') {
          expect(kept.memoryBytes).toBeGreaterThanOrEqual(result.memoryBytes)
        }
        expect(kept.stepSeconds).toBeLessThanOrEqual(step)
      }),
      { numRuns: 1500, seed: 5 },
    )
    expect(legal).toBeGreaterThan(150)
  })
})
