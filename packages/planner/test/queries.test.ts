/** Queries on plans: smallest cluster, sensitivity to one parameter, other GPU memory. */
import { describe, expect, it } from 'vitest'
import {
  changeMemory,
  estimate,
  minimumGpus,
  plan,
  planLabel,
  rankPlan,
  sensitivity,
  summarizePlans,
} from '../src/index.ts'
import { v3_13b, v3_172b, v4_32b, v4_332b } from './models.ts'

const recipe = { globalBatchSize: 1024, sequenceLength: 4096 }
const h100 = (nodes: number) => ({ gpu: 'H100', nodes, gpusPerNode: 8 })

describe('minimumGpus', () => {
  it('finds the smallest cluster, and the smallest below 80 %', () => {
    const search = {
      model: v3_172b,
      cluster: { gpu: 'H100', gpusPerNode: 8 },
      recipe: { ...recipe, globalBatchSize: 1728 },
    }
    const { fits, stable } = minimumGpus(search, 64)
    expect(fits!.gpus).toBe(fits!.nodes * 8)
    // 18 bytes a parameter over all GPUs is the least that weights, gradients and optimizer take.
    expect(fits!.gpus).toBeGreaterThanOrEqual(Math.ceil((172.4e9 * 6) / 85.5e9))
    expect(stable!.nodes).toBeGreaterThanOrEqual(fits!.nodes)
    expect(stable!.best.estimate.memoryFraction).toBeLessThanOrEqual(0.8)
    // One node less holds no plan.
    const less = plan({ ...search, cluster: h100(fits!.nodes - 1) })
    expect(less.feasible).toBe(0)
  })

  it('says when there is none, and names bad bounds', () => {
    const search = { model: v4_332b, cluster: { gpu: 'A100-40GB', gpusPerNode: 8 }, recipe }
    expect(minimumGpus(search, 3)).toEqual({ fits: null, stable: null })
    expect(() => minimumGpus(search, 0)).toThrow(/maxNodes must be an integer from 1/)
    expect(() => minimumGpus({ ...search, recipe: { ...recipe, globalBatchSize: 0 } })).toThrow(/globalBatchSize/)
  })
})

describe('sensitivity', () => {
  const request = {
    model: v3_13b,
    cluster: h100(16),
    plan: { ...recipe, tensorParallel: 2, pipelineParallel: 2, microBatchSize: 2 },
  }
  const rows = sensitivity(request)
  const row = (parameter: string, to: string) => rows.find((one) => one.parameter === parameter && one.to === to)!

  it('changes one parameter at a time', () => {
    const base = estimate(request)
    const changed = estimate({ ...request, plan: { ...request.plan, tensorParallel: 4 } })
    expect(row('tensorParallel', '4').stepRatio).toBeCloseTo(changed.stepSeconds / base.stepSeconds, 12)
    expect(row('tensorParallel', '4').memoryRatio).toBeCloseTo(changed.memoryBytes / base.memoryBytes, 12)
    expect(row('recompute', 'full').stepRatio).toBeGreaterThan(1.2)
    expect(row('recompute', 'full').memoryRatio).toBeLessThan(0.8)
    expect(row('nodes', '32').stepRatio).toBeLessThan(0.6)
    expect(row('interNodeBandwidth', '25 GB/s').stepRatio).toBeGreaterThan(1)
    expect(row('memoryBytes', '171 GB').stepRatio).toBe(1)
    expect(rows.length).toBeGreaterThan(25)
  })

  it('says why a change is not possible', () => {
    expect(row('tensorParallel', '1').reasons[0]).toMatch(/needs \d+\.\d GB of 85.5 GB/)
    const large = sensitivity({ ...request, plan: { ...request.plan, tensorParallel: 8 } })
    expect(large.find(({ parameter, to }) => parameter === 'tensorParallel' && to === '16')).toMatchObject({
      stepRatio: null,
      reasons: expect.arrayContaining(['tensorParallel 16 must divide the 40 heads']),
    })
  })
})

describe('changeMemory', () => {
  it('removes the pipeline from LLM-jp-3 13B, as H200 did', () => {
    const search = { model: v3_13b, cluster: h100(16), recipe }
    const result = changeMemory(search)
    expect(result.memoryBytes.changed).toBe(2 * result.memoryBytes.now)
    expect(result.feasible.changed).toBeGreaterThan(result.feasible.now)
    expect(result.speedup.byStability).toBeGreaterThan(1)
    expect(result.byStability.changed!.estimate.plan.pipelineParallel).toBe(1)
    expect(() => changeMemory(search, Number.NaN)).toThrow(/factor must be a number above 0/)
  })

  it('is null where nothing fits', () => {
    const result = changeMemory({ model: v3_172b, cluster: h100(1), recipe })
    expect(result.byStability.now).toBeNull()
    expect(result.speedup.byStability).toBeNull()
  })
})

describe('rankPlan', () => {
  const search = {
    model: v4_32b,
    cluster: { gpu: 'H200', nodes: 32, gpusPerNode: 8 },
    recipe: { globalBatchSize: 512, sequenceLength: 4096 },
    limit: 1000,
  }
  const own = { ...search.recipe, pipelineParallel: 1 }

  it("explains the lecture's choice: TP 4, PP 1, micro-batch 2", () => {
    const adopted = rankPlan(search, { ...own, tensorParallel: 4, microBatchSize: 2 })
    expect(adopted.reasons).toEqual([])
    expect(adopted.candidate!.risks).toEqual([])
    expect(adopted.stabilityShare).toBeLessThan(0.2)
    // TP 2 is as fast or faster on paper, and fills the memory.
    const flaky = rankPlan(search, { ...own, tensorParallel: 2, microBatchSize: 1 })
    expect(flaky.candidate!.risks[0]).toMatch(/memory 89 % is above 80 %/)
    expect(flaky.stabilityShare).toBeGreaterThan(adopted.stabilityShare)
    const over = rankPlan(search, { ...own, tensorParallel: 2, microBatchSize: 2 })
    expect(over.reasons[0]).toMatch(/needs 16\d\.\d GB plus 2.5 GB for CUDA and NCCL buffers/)
    // DP x micro-batch may not exceed the batch: at TP 1, 512 sequences feed no more than 512 GPUs.
    const wide = { ...search, cluster: { ...search.cluster, nodes: 128 } }
    expect(rankPlan(wide, { ...own, tensorParallel: 1, microBatchSize: 1 }).reasons[0]).toMatch(
      /globalBatchSize 512 must be a multiple of microBatchSize x DP = 1 x 1024/,
    )
  })
})

describe('summarizePlans', () => {
  it('has title, labels, numbers and the pipeline of the first plan that has one', () => {
    const search = { model: { ...v3_13b, name: 'a model' }, cluster: h100(16), recipe }
    const result = plan(search)
    const summary = summarizePlans(search, result)
    expect(summary.title).toBe('a model on 16 nodes of 8 x H100-SXM-80GB')
    expect(summarizePlans(search, result, { title: 'mine' }).title).toMatch(/^mine on 16/)
    const { plan: best, memoryBytes } = result.byStability[0].estimate
    expect(summary.byStability[0].label).toBe(planLabel(best))
    expect(summary.byStability[0].estimate.memoryBytes).toBe(memoryBytes)
    expect(summary).toMatchObject({ considered: result.considered, refused: result.refused.length })
    const { timeline, after, stepSeconds } = summary.pipeline!
    expect(timeline.passes.length).toBeGreaterThan(0)
    expect(timeline.seconds + after.reduce((sum, block) => sum + block.seconds, 0)).toBeCloseTo(stepSeconds, 9)
  })

  it('has no plan and no pipeline where nothing fits', () => {
    const search = { model: v3_172b, cluster: h100(1), recipe }
    expect(summarizePlans(search, plan(search))).toMatchObject({ byStability: [], pipeline: undefined })
  })
})
