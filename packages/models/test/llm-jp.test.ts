/** Every field of LLM-jp's configurations against the data file made from its scripts. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type CorpusBlend,
  corpusShares,
  countAsCard,
  countCorpusTokens,
  countParameters,
  findModel,
  flopsPerToken,
  languageShares,
  listModels,
  llmJp3Corpus,
  llmJp4Corpus,
  llmJp4InstructionCorpus,
  llmJp4Phase2Corpus,
  llmJp4PlannedCorpus,
  type Model,
} from '../src/configs.ts'
import vectors from '../vectors/llm-jp-models.json' with { type: 'json' }

/** The data file's names of ours. */
const nameOf = (name: string) => name.replace(' phase1', '').replace(' phase2', '-phase2')

/** A model in the data file's fields. `undefined`: the file has no such field for it. */
function asDataFile({ architecture: a, recipe, layout }: Model): Record<string, unknown> {
  if (!recipe || !layout) throw new Error('no recipe')
  const { schedule, optimizer } = recipe
  const cosine = schedule.kind === 'warmup' ? schedule.schedule : undefined
  const wsd = schedule.kind === 'wsd' ? schedule : undefined
  const warmup = cosine ? (schedule as { steps: number }).steps : wsd!.warmupSteps
  const count = countParameters(a)
  const mixture = a.experts !== undefined
  const gpus = layout.nodes === null ? undefined : layout.nodes * layout.gpusPerNode
  const tokens = recipe.globalBatchSize * recipe.sequenceLength
  return {
    vocab: a.vocabSize,
    seq: recipe.sequenceLength,
    rope_base: a.ropeTheta,
    norm_eps: a.rmsNormEps,
    tied: a.tieWordEmbeddings,
    init_std: a.initializerRange,
    qk_norm: a.qkNorm ?? false,
    // The decoder's only forms.
    swiglu: true,
    norm: 'RMSNorm',
    pos: 'rope',
    adam: [optimizer.beta1, optimizer.beta2, optimizer.epsilon],
    weight_decay: optimizer.weightDecay,
    clip: recipe.maxGradNorm,
    warmup_iters: warmup,
    precision: recipe.precision,
    fp8: false,
    dist_opt: layout.distributedOptimizer,
    sp_flag: layout.sequenceParallel,
    gpus_per_node: layout.gpusPerNode,
    cp: layout.contextParallel,
    ep: layout.expertParallel,
    vpp: layout.virtualPipeline,
    layers: a.numHiddenLayers,
    hidden: a.hiddenSize,
    ffn: a.intermediateSize,
    heads: a.numAttentionHeads,
    nodes: layout.nodes,
    tp: layout.tensorParallel,
    pp: layout.pipelineParallel,
    mbs: layout.microBatchSize,
    gbs: recipe.globalBatchSize,
    lr: cosine?.from ?? wsd!.peak,
    min_lr: cosine?.to ?? wsd!.final,
    train_iters: recipe.trainSteps,
    lr_decay_iters: cosine ? cosine.steps + warmup : wsd!.steps,
    kv_groups: a.numKeyValueHeads,
    head_dim: a.headDim,
    experts: a.experts?.numExperts,
    topk: a.experts?.numExpertsPerToken,
    moe_ffn: a.experts?.intermediateSize,
    aux_loss: recipe.auxiliaryLoss ?? undefined,
    etp: layout.expertTensorParallel,
    params: {
      block: count.nonEmbedding,
      active_block: count.activated - count.embedding,
      embedding: count.inputEmbedding,
      lm_head: count.outputEmbedding,
      total: count.total,
      active_total: count.activated,
      total_minus_input_embedding: count.total - count.inputEmbedding,
      padded_vocab: a.paddedVocabSize,
      total_megatron_padded: count.totalPadded,
    },
    flops_per_token_megatron_causal: flopsPerToken(a),
    flops_per_token_full_attention: flopsPerToken(a, { causal: false }),
    gpus,
    dp: layout.dataParallel,
    num_microbatches: layout.dataParallel && recipe.globalBatchSize / (layout.microBatchSize * layout.dataParallel),
    expert_dp:
      mixture && gpus
        ? gpus / (layout.expertParallel * layout.expertTensorParallel * layout.pipelineParallel)
        : undefined,
    tokens_per_step: tokens,
    planned_tokens: tokens * recipe.trainSteps,
  }
}

/** Fields that the file has in words. */
const inWords: Readonly<Record<string, (said: string | null, model: Model) => boolean>> = {
  name: () => true,
  file: (said, { source }) => {
    const [, folder] = /(?:pretrain\/scripts\/|scripts\/gcp\/)([\w.-]+?)(?:-exp\{1,2\})?[-/{]/.exec(`${said}/`) ?? []
    return folder !== undefined && source!.includes(folder)
  },
  schedule: (said, { recipe }) => said!.toLowerCase().startsWith(recipe!.schedule.kind === 'wsd' ? 'wsd' : 'cosine'),
  z_loss: (said, { recipe }) => {
    if (said === null) return recipe!.zLoss === null && recipe!.routerZLoss === null
    return said.startsWith('moe') ? recipe!.routerZLoss === 1e-3 : recipe!.zLoss === 1e-4
  },
  recompute: (said, { layout }) =>
    said!.startsWith(layout!.recompute) &&
    (!/\[/.test(said!) || said!.includes(`[${layout!.recomputeModules.join(', ')}]`)),
  overlap: (said, { layout }) => said!.startsWith('none') !== layout!.overlap,
  gpu: (said, { layout }) => said!.startsWith(layout!.gpu),
  dispatcher: (said, { layout }) => /deepep/i.test(said!) === (layout!.expertDispatch === 'deepep'),
}

describe('models', () => {
  it.each(vectors.models.map((entry) => [entry.name, entry] as const))('%s, field by field', (name, entry) => {
    const model = findModel(nameOf(name))
    const ours = asDataFile(model)
    for (const [field, value] of Object.entries(entry)) {
      if (field in inWords) expect(inWords[field](value as string | null, model), `${field}: ${value}`).toBe(true)
      else expect(ours[field], field).toEqual(value)
    }
  })

  it('are all there, and one that is not in the file', () => {
    const known = new Set(vectors.models.map(({ name }) => nameOf(name)))
    expect(known.size).toBe(17)
    expect(
      listModels()
        .filter(({ name, recipe }) => recipe !== null && !known.has(name))
        .map(({ name }) => name),
    ).toEqual(['llm-jp-4-8b-65k'])
    const { architecture, recipe, layout } = findModel('llm-jp-4-8b-65k')
    expect(architecture).toEqual({ ...findModel('llm-jp-4-8b').architecture, maxPositionEmbeddings: 65_536 })
    expect(recipe).toMatchObject({ sequenceLength: 65_536, globalBatchSize: 128, trainSteps: 25_000 })
    expect(recipe!.schedule).toMatchObject({ peak: 1.5e-4, final: 0, warmupSteps: 250, decaySteps: 12_500 })
    expect(layout).toMatchObject({ contextParallel: 8, recompute: 'selective', attentionBackend: 'fused' })
  })

  it('start from one another, and say where their numbers stand', () => {
    for (const { name, startsFrom, source, card, lesson, recipe } of listModels()) {
      if (startsFrom !== null) expect(findModel(startsFrom).name, name).toBe(startsFrom)
      if (recipe === null) continue // a preset of our own
      expect(source, name).toMatch(/^https:\/\/github\.com\/llm-jp\//)
      expect(card === null, name).toBe(lesson !== null)
    }
    expect(findModel('llm-jp-172b-exp1-failed').recipe!.optimizer.epsilon).toBe(1e-5)
  })

  it('count as their cards do', () => {
    const card = (name: string) => {
      const { architecture, card } = findModel(name)
      return countAsCard(architecture, card!)
    }
    // From the model cards on Hugging Face.
    expect(card('llm-jp-3-13b')).toMatchObject({ embedding: 1_018_746_880, nonEmbedding: 12_688_184_320 })
    expect(card('llm-jp-3-8x1.8b')).toMatchObject({ total: 9_266_362_368, activated: 2_924_279_808 })
    expect(card('llm-jp-3-8x13b')).toMatchObject({ total: 73_162_828_800, activated: 22_200_806_400 })
    expect(card('llm-jp-4-8b')).toMatchObject({ embedding: 805_306_368, nonEmbedding: 7_784_894_464 })
    expect(card('llm-jp-4-32b-a3.8b')).toEqual({
      embedding: 503_316_480,
      nonEmbedding: 31_635_712_512,
      total: 32_139_028_992,
      activated: 3_827_476_992,
    })
  })
})

describe('corpora', () => {
  const blends: Readonly<Record<string, CorpusBlend>> = Object.fromEntries(
    [llmJp4Corpus, llmJp4Phase2Corpus, llmJp4InstructionCorpus, llmJp3Corpus, llmJp4PlannedCorpus].map((b) => [
      b.name,
      b,
    ]),
  )
  const { totals } = vectors.corpora

  it('have the tokens of the data file', () => {
    expect(Object.keys(blends).sort()).toEqual(Object.keys(totals).sort())
    for (const [name, { subsets, weighted, unique }] of Object.entries(totals)) {
      expect(blends[name].subsets.length, name).toBe(subsets)
      expect(countCorpusTokens(blends[name]), name).toEqual({ weighted, unique })
    }
  })

  it('have the shares of languages that LLM-jp published', () => {
    const percent = (blend: CorpusBlend) =>
      Object.fromEntries(Object.entries(languageShares(blend)).map(([k, v]) => [k, Number((100 * v).toFixed(2))]))
    expect(percent(llmJp3Corpus)).toEqual({ ja: 48.6, en: 45.84, code: 5.5, zh: 0.04, ko: 0.02 })
    expect(percent(llmJp4Corpus)).toEqual({ en: 73.53, ja: 15.5, code: 8.14, zh: 2.59, ko: 0.23 })
    const mixed = corpusShares(llmJp4InstructionCorpus)
    expect([...mixed.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12)
    expect(languageShares(llmJp4InstructionCorpus).code).toBeCloseTo(0.4 * languageShares(llmJp4Corpus).code, 12)
  })
})

// The file itself lies beside the project, on some machines.
const shared = (file: string) => new URL(`../../../../shared/llm-jp/${file}`, import.meta.url)
describe.skipIf(!existsSync(shared('models.json')))('the data files beside the project', () => {
  const digest = (file: string) =>
    createHash('sha256')
      .update(readFileSync(shared(file)))
      .digest('hex')

  it('are those that the vectors were made from', () => {
    expect(digest('models.json')).toBe(vectors.sha256)
    expect(digest('corpora.json')).toBe(vectors.corpora.sha256)
  })

  it('have the subsets of our blends, row by row', () => {
    const file = JSON.parse(readFileSync(shared('corpora.json'), 'utf8')) as Record<string, { rows: object[] }>
    for (const blend of [llmJp4Corpus, llmJp4Phase2Corpus, llmJp4InstructionCorpus, llmJp3Corpus, llmJp4PlannedCorpus])
      expect(blend.subsets, blend.name).toEqual(file[blend.name].rows)
  })
})
