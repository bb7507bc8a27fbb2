/**
 * Reproduces any LLM-jp-3 or LLM-jp-4 configuration by name: its exact shape and count, its plan and cost on the cluster it was trained on, its
 * launch, and real training of what fits here, with the memory that was predicted beside the memory it took.
 *
 *   npm start -- --model 150m                  the whole 150M model: real updates by its own recipe
 *   npm start -- --model 13b --launch 13b.sh   13B at reduced depth, and the Slurm script of its real cluster
 *   npm start -- --model 8x1.8b                the mixture, upcycled from a dense model at reduced width
 */
import {
  countAsCard,
  countParameters,
  findModel,
  flopsPerToken,
  type Model,
  parameterShapes,
} from '@kumiki/models/configs'
import { type Device, init } from '@kumiki/tensor'
import { Command } from 'commander'
import { showCluster } from './cluster.ts'
import { trainMixture } from './mixture.ts'
import { count, duration, field, gibibytes, percent, section } from './text.ts'
import { readText, recipeTrainer } from './training.ts'
import { fitWorkload } from './workload.ts'

interface Options {
  readonly model: string
  readonly steps?: number
  readonly batch: number
  readonly sequence: number
  readonly full?: boolean
  readonly price: number
  readonly launch?: string
  readonly device: 'auto' | 'cpu' | 'webgpu'
  readonly memory: number
  readonly planOnly?: boolean
}

const options = new Command('llm-jp-3')
  .description('Reproduce an LLM-jp configuration by name: shape, plan, cost, launch, and what fits of its training.')
  .requiredOption('--model <name>', 'such as 150m, 1.8b, 13b, 172b, 8x1.8b, or llm-jp-4-8b')
  .option('--steps <n>', 'updates (default 3; 60 of a mixture at reduced width)', Number)
  .option('--batch <n>', 'sequences in a batch', Number, 4)
  .option('--sequence <n>', 'tokens in a sequence', Number, 128)
  .option('--full', "the recipe's own batch and sequences, the batch worked on in parts: for a GPU")
  .option('--price <dollars>', 'of one GPU for an hour on the cluster', Number, 2)
  .option('--launch <file>', 'write the Slurm script of the real run')
  .option('--device <name>', 'auto, webgpu or cpu', 'auto')
  .option('--memory <gigabytes>', 'what training may take here', Number, 3.5)
  .option('--plan-only', 'no training')
  .parse()
  .opts<Options>()

const model = findModel(options.model)
showShape(model)
await showCluster(model, options.price, options.launch)
if (!options.planOnly) {
  const device = await init({ backend: options.device })
  try {
    await (model.architecture.experts
      ? trainMixture(device, model, { ...options, steps: options.steps ?? 60 })
      : trainDense(device, model))
  } finally {
    device.dispose()
  }
}

/** Every tensor once; layers share their shapes. */
function showShape({ name, architecture, card }: Model): void {
  const parameters = countParameters(architecture)
  const { vocabSize, paddedVocabSize, maxPositionEmbeddings, numHiddenLayers } = architecture
  section(`${name}: ${count(parameters.total)} parameters`)
  field(
    'vocabulary',
    `${count(vocabSize)} pieces; tables of ${count(paddedVocabSize)} rows hold ${count(parameters.totalPadded)}`,
  )
  if (card) {
    const { embedding, nonEmbedding, activated } = countAsCard(architecture, card)
    field(
      `as ${card}'s cards count`,
      `${count(embedding)} embedding, ${count(nonEmbedding)} the rest, ${count(activated)} activated`,
    )
  }
  field(
    'a token in training',
    `${(flopsPerToken(architecture) / 1e9).toFixed(2)} GFLOP at ${count(maxPositionEmbeddings)} tokens`,
  )
  let sum = 0
  for (const { name: tensor, shape } of parameterShapes(architecture)) {
    sum += shape.reduce((a, b) => a * b, 1)
    const layer = /\.layers\.(\d+)\./.exec(tensor)
    const expert = /\.experts\.(\d+)\./.exec(tensor)
    if ((layer && layer[1] !== '0') || (expert && expert[1] !== '0')) continue
    const shown = tensor
      .replace('.layers.0.', `.layers.0-${numHiddenLayers - 1}.`)
      .replace('.experts.0.', `.experts.0-${(architecture.experts?.numExperts ?? 1) - 1}.`)
    console.log(`    ${shown.padEnd(66)} [${shape.join(', ')}]`)
  }
  if (sum !== parameters.total && sum !== parameters.totalPadded)
    throw new Error(`${name}: its tensors hold ${count(sum)} numbers, but it counts ${count(parameters.total)}`)
  field('sum of these shapes', `${count(sum)}, as counted`)
}

async function trainDense(device: Device, { architecture: whole, recipe }: Model): Promise<void> {
  if (!recipe) return
  const steps = options.steps ?? 3
  section(`Training it here, on ${device.name}`)
  const text = await readText()
  const wish = {
    batch: options.full ? recipe.globalBatchSize : options.batch,
    sequence: options.full ? recipe.sequenceLength : options.sequence,
    pieces: text.pieces,
    limit: options.memory * 2 ** 30,
  }
  const { architecture, accumulation, predicted, reduced, batch, sequence } = fitWorkload(whole, wish)
  field('of the model', reduced.length > 0 ? reduced.join(', ') : 'all of it')
  field(
    'of the recipe',
    `its AdamW, schedule, clipping, z-loss and bfloat16; ${batch} of ${recipe.globalBatchSize} sequences, ${accumulation === 1 ? 'at once' : `in ${accumulation} parts`}, ${sequence} of ${count(recipe.sequenceLength)} tokens; ${steps} of ${count(recipe.trainSteps)} steps`,
  )
  field('predicted memory', gibibytes(predicted.total))
  const trainer = recipeTrainer(device, recipe, { architecture, batch, sequence, accumulation }, text)
  const started = performance.now()
  let tokens = 0
  for await (const { step, loss, gradNorm, learningRate, tokensPerSecond } of trainer.run(steps)) {
    tokens = tokensPerSecond
    field(
      `step ${step}`,
      `loss ${loss.toFixed(4)}, gradient norm ${gradNorm.toFixed(3)}, rate ${learningRate.toExponential(2)}, ${((performance.now() - started) / 1000 / step).toFixed(1)} s a step`,
    )
  }
  const { peakBytes } = trainer.memory()
  field(
    'memory it took',
    `${gibibytes(peakBytes)} of tensors; predicted ${percent(Math.abs(predicted.total / peakBytes - 1))} ${predicted.total < peakBytes ? 'less' : 'more'}`,
  )
  field('ln of the vocabulary', `${Math.log(architecture.vocabSize).toFixed(4)}: where an untrained model stands`)
  const all = recipe.trainSteps * recipe.globalBatchSize * recipe.sequenceLength
  const part = reduced.length > 0 ? 'this part of the model' : 'the model'
  field('at this speed', `${part} would take ${duration(all / tokens)} for the ${(all / 1e12).toFixed(2)}T tokens`)
  trainer.dispose()
}
