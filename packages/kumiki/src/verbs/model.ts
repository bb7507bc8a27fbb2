/** `kumiki model list|show` */
import type { CardCount, CorpusBlend, LaunchNumbers, ParallelLayout, TrainingRecipe } from '@kumiki/models/configs'
import type { PlannerModel } from '@kumiki/planner'
import type { Command } from 'commander'
import { findPlannerModel } from '../flags/planner-flags.ts'
import { count, percent, textFields, textTable } from '../output/text-table.ts'
import { checkedUse } from '../usage-error.ts'
import { addCommand, addVerb, answer } from '../verb.ts'

export function addModel(program: Command): void {
  const group = addCommand(program, 'model', 'The LLM-jp models: sizes, parameters, training recipes.')
  addVerb(group, 'list', 'List the known models.', (c) => c, list)
  addVerb(
    group,
    'show',
    'Configuration, parameters, FLOP per token and recipe of one model.',
    (c) => c.argument('<name>', 'such as llm-jp-3-13b (see: model list), or a config.json or its folder'),
    show,
  )
}

async function list(options: { json?: boolean }): Promise<void> {
  const { countParameters, flopsPerToken, listModels } = await import('@kumiki/models/configs')
  const rows = listModels().map(({ name, architecture }) => {
    const { total, embedding, nonEmbedding, activated } = countParameters(architecture)
    return {
      name,
      parameters: { total, embedding, nonEmbedding, activated },
      flopsPerToken: flopsPerToken(architecture),
    }
  })
  answer(options, rows, () =>
    textTable(
      ['model', 'parameters', 'embedding', 'activated', 'FLOP/token'],
      rows.map(({ name, parameters: p, flopsPerToken: f }) => [
        name,
        count(p.total),
        count(p.embedding),
        count(p.activated),
        f.toExponential(3),
      ]),
    ),
  )
}

async function show(options: { json?: boolean }, name: string): Promise<void> {
  const { countModel } = await import('@kumiki/planner')
  const { countAsCard, countCorpusTokens, countParameters, languageShares, launchRecipe } = await import(
    '@kumiki/models/configs'
  )
  const corpusText = (blend: CorpusBlend) => ({
    name: blend.name,
    tokens: countCorpusTokens(blend),
    languages: languageShares(blend),
    source: blend.source,
  })
  const named = await findPlannerModel(name)
  const { architecture, published, model, notes } = named
  const { recipe = null, layout = null, card = null } = published ?? {}
  const sequenceLength = recipe?.sequenceLength ?? named.positions ?? 4096
  const counted = checkedUse(() => countModel(model))
  const { total, embedding, nonEmbedding, activated } = counted
  const flops = counted.flopsPerToken(sequenceLength)
  const result = {
    name: named.name,
    configuration: architecture ?? model,
    // Two sizes: model cards count with the vocabulary, Megatron-LM trains the padded rows.
    vocabulary: {
      size: model.vocab,
      padded: architecture?.paddedVocabSize ?? 128 * Math.ceil(model.vocab / 128),
    },
    parameters: architecture ? countParameters(architecture) : { total, embedding, nonEmbedding, activated },
    sequenceLength,
    // Causal attention counts half, as in Megatron-LM since core_v0.12; full attention, as before that.
    flopsPerToken: flops.causal,
    flopsPerTokenFullAttention: flops.full,
    // The counts by the convention of the model's card; those of LLM-jp-3 and LLM-jp-4 differ.
    card: architecture && card && { convention: card, ...countAsCard(architecture, card) },
    recipe,
    layout,
    corpus: published?.corpus ? corpusText(published.corpus) : null,
    startsFrom: published?.startsFrom ?? null,
    branches: published?.branches.map(({ name, schedule, source }) => ({ name, schedule, source })) ?? [],
    lesson: published?.lesson ?? null,
    source: published?.source ?? null,
    notes,
  }
  answer(options, result, () => {
    const sizes: [string, string][] = [
      ['layers', count(model.layers)],
      ['hidden', count(model.hidden)],
      ['MLP', mlpText(model)],
      ['heads', headsText(model)],
      [
        'positions',
        [
          named.positions === null ? 'unknown' : count(named.positions),
          named.ropeTheta === undefined ? '' : `, rotary base ${count(named.ropeTheta)}`,
        ].join(''),
      ],
      ['vocabulary', `${count(model.vocab)} (padded for training: ${count(result.vocabulary.padded)})`],
      ['parameters', count(total)],
      ['  embedding', count(embedding)],
      ['  non-embedding', count(nonEmbedding)],
      ['  activated', count(activated)],
      ['  padded', count(total + ((result.vocabulary.padded - model.vocab) * embedding) / model.vocab)],
      [
        'FLOP per token',
        `${flops.causal.toExponential(4)} at ${count(sequenceLength)} tokens (with full attention: ${flops.full.toExponential(4)})`,
      ],
      ...(recipe && layout ? recipeText(recipe, layout, launchRecipe(recipe, layout)) : []),
      ...optionalText(result),
      ...notes.map((note) => ['note', note] as [string, string]),
    ]
    return `${named.name}\n${textFields(sizes)}`
  })
}

function mlpText({ experts, ffn }: PlannerModel): string {
  if (!experts) return count(ffn)
  const shared = experts.sharedFfn ? `, a shared expert of ${count(experts.sharedFfn)}` : ''
  const dense = experts.firstDenseLayers ? `; ${count(ffn)} in the first ${experts.firstDenseLayers} layers` : ''
  return `${experts.count} experts of ${count(experts.ffn)}, top-${experts.topK}${shared}${dense}`
}

function headsText({ heads, headDim, kvHeads, latentAttention: latent, slidingWindow: window }: PlannerModel): string {
  const widths = latent
    ? `${heads} x ${headDim} and ${latent.ropeDim} rotary; latent: queries ${latent.queryRank}, keys and values ${latent.keyValueRank}`
    : `${heads} x ${headDim}, ${kvHeads} key/value`
  return window
    ? `${widths}; ${percent(window.share)} of the layers with a window of ${count(window.window)} tokens`
    : widths
}

interface Known {
  readonly card: (CardCount & { readonly convention: string }) | null
  readonly corpus: {
    readonly name: string
    readonly tokens: { readonly weighted: number }
    readonly languages: Readonly<Record<string, number>>
  } | null
  readonly startsFrom: string | null
  readonly branches: readonly { readonly name: string }[]
  readonly lesson: string | null
  readonly source: string | null
}

/** Fields that only some models have. */
function optionalText({ card, corpus, startsFrom, branches, lesson, source }: Known): [string, string][] {
  const rows: [string, string | null | undefined][] = [
    [
      'model card counts',
      card &&
        `embedding ${count(card.embedding)}, non-embedding ${count(card.nonEmbedding)}, activated ${count(card.activated)} (convention of ${card.convention})`,
    ],
    [
      'corpus',
      corpus &&
        `${corpus.name}: ${count(corpus.tokens.weighted)} tokens with repeats; ${Object.entries(corpus.languages)
          .sort(([, a], [, b]) => b - a)
          .map(([language, share]) => `${language} ${percent(share)}`)
          .join(', ')}`,
    ],
    ['initialized from', startsFrom],
    ['decay branches', branches.map(({ name }) => name).join(', ')],
    ['lesson', lesson],
    ['source', source],
  ]
  return rows.flatMap(([name, value]) => (value ? [[name, value] as [string, string]] : []))
}

function recipeText(recipe: TrainingRecipe, layout: ParallelLayout, numbers: LaunchNumbers): [string, string][] {
  const { learningRate, minLearningRate, warmupSteps, schedule } = numbers
  const { beta1, beta2, epsilon, weightDecay } = recipe.optimizer
  return [
    ['learning rate', `${learningRate} to ${minLearningRate}, ${schedule}, ${count(warmupSteps)} warmup steps`],
    [
      'batch',
      `${count(recipe.globalBatchSize)} sequences of ${count(recipe.sequenceLength)}, ${count(recipe.trainSteps)} steps`,
    ],
    [
      'AdamW',
      `beta ${beta1}, ${beta2}, epsilon ${epsilon}, weight decay ${weightDecay}, clip ${recipe.maxGradNorm}${recipe.zLoss ? `, z-loss ${recipe.zLoss}` : ''}`,
    ],
    ...(recipe.auxiliaryLoss === null
      ? []
      : [
          [
            'router',
            `auxiliary loss ${recipe.auxiliaryLoss}${recipe.routerZLoss ? `, z-loss ${recipe.routerZLoss}` : ''}${recipe.routerPrecision ? `, ${recipe.routerPrecision}` : ''}`,
          ] as [string, string],
        ]),
    [
      'launch',
      `TP ${layout.tensorParallel}, PP ${layout.pipelineParallel}${layout.virtualPipeline ? `x${layout.virtualPipeline}` : ''}, CP ${layout.contextParallel}, EP ${layout.expertParallel}, DP ${layout.dataParallel ?? '?'}, micro batch ${layout.microBatchSize}, ${layout.nodes ?? '?'} nodes of ${layout.gpusPerNode} ${layout.gpu}`,
    ],
  ]
}
