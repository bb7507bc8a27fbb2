/**
 * Launches that Megatron-LM's own validation refuses are not emitted (arguments.py, transformer_config.py,
 * token_dispatcher.py at d98e8a64).
 */
import { describe, expect, it } from 'vitest'
import { emitMegatron, type LaunchRequest, type ParallelPlan, type PlannerModel } from '../src/index.ts'
import { readMegatron } from '../src/read.ts'
import { ci7b, recipe, v3_13b, v4_32bA3b } from './models.ts'

const plan: ParallelPlan = {
  tensorParallel: 2,
  pipelineParallel: 1,
  microBatchSize: 1,
  globalBatchSize: 64,
  sequenceLength: 4096,
}
const launch = (model: PlannerModel, own: Partial<ParallelPlan> = {}, rest: Partial<LaunchRequest> = {}) =>
  emitMegatron({
    model,
    cluster: { gpu: 'H100', nodes: 2, gpusPerNode: 8 },
    plan: { ...plan, ...own },
    recipe,
    ...rest,
  })
const flagValue = (args: readonly string[], flag: string) => args[args.indexOf(flag) + 1]
const latentAttention = { queryRank: 512, keyValueRank: 256, ropeDim: 64, valueDim: 128 }

describe('emitMegatron', () => {
  it.each([
    [{ ...v3_13b, latentAttention, kvHeads: 8 }, {}, /kvHeads must be model.heads with latentAttention/],
    [v3_13b, { sequenceParallel: false, overlapTensorParallel: true }, /overlapTensorParallel needs sequence/],
    [v4_32bA3b, { sequenceParallel: false }, /experts needs sequence parallelism/],
    [v3_13b, { recompute: 'selective', recomputeModules: ['moe_act'] }, /moe_act needs a model with experts/],
    [v3_13b, { recompute: 'selective', recomputeModules: ['moe'] }, /moe needs a model with experts/],
    [v3_13b, { recompute: 'selective', recomputeModules: ['mla_up_proj'] }, /needs a model with latent attention/],
    [v4_32bA3b, { recompute: 'selective', recomputeModules: ['layernorm'], precision: 'fp8' }, /with fp8 and delayed/],
    [v3_13b, { sharding: 'none', momentsInFp32: false }, /needs sharding optimizer/],
    [v4_32bA3b, { expertDispatch: 'deepep' }, /deepep needs expertParallel/],
    [ci7b, { sequenceLength: 16_384 }, /8192 rows of the position table/],
    [{ ...v3_13b, activation: 'gelu' }, {}, /gated MLP with GELU/],
    [{ ...v3_13b, normsPerLayer: 4 }, {}, /normsPerLayer must be 2/],
  ] as const)('refuses what Megatron-LM does (%#)', (model, own, message) => {
    expect(() => launch(model as PlannerModel, own as Partial<ParallelPlan>)).toThrow(message)
  })

  it('writes the layout of layers that split no other way, and reads it back', () => {
    const model = { ...v3_13b, layers: 25 }
    const own = { pipelineParallel: 4, anyLayout: true }
    const { args, command } = launch(model, own)
    expect(flagValue(args, '--pipeline-model-parallel-layout')).toBe('Et*6|t*7|t*6|t*6L')
    expect(args).not.toContain('--account-for-loss-in-pipeline-split')
    const chunked = launch(model, { ...own, virtualPipeline: 2 })
    expect(flagValue(chunked.args, '--pipeline-model-parallel-layout')).toBe('Et*3|t*4|t*3|t*3|t*3|t*3|t*3|t*3L')
    expect(chunked.args).not.toContain('--num-virtual-stages-per-pipeline-rank')
    expect(readMegatron(command, { vocab: model.vocab }).plan).toMatchObject({ anyLayout: true, virtualPipeline: 1 })
    expect(readMegatron(chunked.command, { vocab: model.vocab }).plan.virtualPipeline).toBe(2)
    expect(() => launch(model, { pipelineParallel: 4 })).toThrow(/25 layers .* cannot be split/)
  })

  it('writes what a model and plan say, where a default of Megatron-LM says another thing', () => {
    const experts = { ...v4_32bA3b, experts: { count: 128, topK: 1, ffn: 960 } }
    expect(launch(experts).args).toContain('--moe-router-pre-softmax')
    expect(launch(v4_32bA3b).args).not.toContain('--moe-router-pre-softmax')
    const inner = launch(v4_32bA3b, { tensorParallel: 1, expertTensorParallel: 2 }).args
    expect(flagValue(inner, '--expert-tensor-parallel-size')).toBe('2')
    const deep = launch(v4_32bA3b, { expertParallel: 4, expertDispatch: 'deepep' }).args
    expect(flagValue(deep, '--moe-flex-dispatcher-backend')).toBe('deepep')
    expect(flagValue(deep, '--moe-router-dtype')).toBe('fp32')
    expect(deep).not.toContain('--moe-enable-deepep')
    // GPT as it was: LayerNorm, biases, GELU, learned positions.
    const gpt = launch({ ...ci7b, kvHeads: 32 }).args
    expect(flagValue(gpt, '--normalization')).toBe('LayerNorm')
    for (const flag of ['--disable-bias-linear', '--swiglu', '--rotary-base']) expect(gpt).not.toContain(flag)
    const qwen = launch({ ...v3_13b, biases: 'qkv' }).args
    expect(qwen).toContain('--disable-bias-linear')
    expect(qwen).toContain('--add-qkv-bias')
  })

  it('says that many experts want a router in fp32', () => {
    expect(launch(v4_32bA3b).notes.join()).toMatch(/--moe-router-dtype fp32 for 128 experts/)
    const said = launch(v4_32bA3b, {}, { recipe: { ...recipe, routerPrecision: 'fp32', memoryMappedData: false } })
    expect(said.notes.join()).not.toMatch(/router-dtype/)
    expect(said.args).toContain('--no-mmap-bin-files')
  })
})
