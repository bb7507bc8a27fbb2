/** `kumiki model list|show` */
import type { Command } from 'commander'
import { count, textFields, textTable } from '../text-table.ts'
import { checkedUse } from '../usage-error.ts'
import { addCommand, addVerb, answer } from '../verb.ts'

export function addModel(program: Command): void {
  const group = addCommand(program, 'model', 'The LLM-jp models: sizes, parameters, training recipes.')
  addVerb(group, 'list', 'Every model known by name.', (c) => c, list)
  addVerb(
    group,
    'show',
    'Configuration, parameters, FLOP per token and recipe of one model.',
    (c) => c.argument('<name>', 'such as llm-jp-3-13b (see: model list)'),
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
  const { countParameters, findModel, flopsPerToken } = await import('@kumiki/models/configs')
  const model = checkedUse(() => findModel(name))
  const { architecture, recipe } = model
  const sequenceLength = recipe?.sequenceLength ?? architecture.maxPositionEmbeddings
  const parameters = countParameters(architecture)
  const result = {
    name: model.name,
    configuration: architecture,
    // Two sizes that are easily confused: what model cards count with, and the rows that Megatron-LM trains.
    vocabulary: { size: architecture.vocabSize, padded: architecture.paddedVocabSize },
    parameters,
    sequenceLength,
    // Attention counted half under the causal mask, as Megatron-LM does since core_v0.12, and full, as before.
    flopsPerToken: flopsPerToken(architecture, { sequenceLength }),
    flopsPerTokenFullAttention: flopsPerToken(architecture, { sequenceLength, causal: false }),
    recipe,
  }
  answer(options, result, () => {
    const { experts } = architecture
    const sizes: [string, string][] = [
      ['layers', String(architecture.numHiddenLayers)],
      ['hidden', count(architecture.hiddenSize)],
      [
        'MLP',
        experts
          ? `${experts.numExperts} experts of ${count(experts.intermediateSize)}, ${experts.numExpertsPerToken} a token`
          : count(architecture.intermediateSize),
      ],
      [
        'heads',
        `${architecture.numAttentionHeads} x ${architecture.headDim}, ${architecture.numKeyValueHeads} key/value`,
      ],
      ['positions', `${count(architecture.maxPositionEmbeddings)}, rotary base ${count(architecture.ropeTheta)}`],
      ['vocabulary', `${count(architecture.vocabSize)} (padded for training: ${count(architecture.paddedVocabSize)})`],
      ['parameters', count(parameters.total)],
      ['  embedding', count(parameters.embedding)],
      ['  the rest', count(parameters.nonEmbedding)],
      ['  activated', count(parameters.activated)],
      ['  padded', count(parameters.totalPadded)],
      [
        'FLOP per token',
        `${result.flopsPerToken.toExponential(4)} at ${count(sequenceLength)} tokens (attention counted full: ${result.flopsPerTokenFullAttention.toExponential(4)})`,
      ],
    ]
    if (recipe) {
      sizes.push(
        [
          'learning rate',
          `${recipe.learningRate} to ${recipe.minLearningRate}, ${recipe.schedule}, ${count(recipe.warmupSteps)} steps of warm-up`,
        ],
        [
          'batch',
          `${count(recipe.globalBatchSize)} sequences of ${count(recipe.sequenceLength)}, ${count(recipe.trainSteps)} steps`,
        ],
        [
          'AdamW',
          `beta ${recipe.beta1}, ${recipe.beta2}, epsilon ${recipe.epsilon}, weight decay ${recipe.weightDecay}, clip ${recipe.gradientClip}${recipe.zLoss ? `, z-loss ${recipe.zLoss}` : ''}`,
        ],
        [
          'launch',
          `TP ${recipe.tensorParallel}, PP ${recipe.pipelineParallel}, micro batch ${recipe.microBatchSize}, ${recipe.nodes ?? '?'} nodes of ${recipe.gpusPerNode} ${recipe.gpu}`,
        ],
        ['source', recipe.source],
      )
    }
    return `${model.name}\n${textFields(sizes)}`
  })
}
