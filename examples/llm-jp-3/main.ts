/**
 * Reproduces any LLM-jp-3 or LLM-jp-4 configuration by name: its exact shapes and parameter count, its plan and cost on
 * the cluster it was trained on, its launch script, and real training of what fits on this machine, comparing predicted
 * with measured memory.
 *
 *   npm start -- --model 150m                  the whole 150M model, trained with its own recipe
 *   npm start -- --model 13b --launch 13b.sh   13B at reduced depth, and the Slurm script of its real cluster
 *   npm start -- --model 8x1.8b                the MoE model, upcycled from a dense model at reduced width
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
import { Command, InvalidArgumentError } from 'commander'
import { showCluster } from './cluster.ts'
import { trainMixture } from './mixture.ts'
import { count, duration, field, gibibytes, percent, section } from './text.ts'
import { readText, recipeTrainer } from './training.ts'
import { fitWorkload } from './workload.ts'

interface Options {
  readonly model: Model
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
  .requiredOption('--model <name>', 'such as 150m, 1.8b, 13b, 172b, 8x1.8b, or llm-jp-4-8b', modelNamed)
  .option('--steps <n>', 'training steps (default: 3; for an MoE model 60)', Number)
  .option('--batch <n>', 'sequences per batch', Number, 4)
  .option('--sequence <n>', 'tokens per sequence', Number, 128)
  .option('--full', "the recipe's batch size and sequence length, in micro-batches: for a GPU")
  .option('--price <dollars>', 'price of a GPU-hour', Number, 2)
  .option('--launch <file>', 'write the Slurm script of the real run')
  .option('--device <name>', 'auto, webgpu or cpu', 'auto')
  .option('--memory <gigabytes>', 'memory limit for training, in GiB', Number, 3.5)
  .option('--plan-only', 'do not train')
  .parse()
  .opts<Options>()

const { model } = options
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

function modelNamed(name: string): Model {
  try {
    return findModel(name)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message.replace(/^findModel: /, ''))
  }
}

/** Every tensor once; layers share their shapes. */
function showShape({ name, architecture, card }: Model): void {
  const parameters = countParameters(architecture)
  const { vocabSize, paddedVocabSize, maxPositionEmbeddings, numHiddenLayers } = architecture
  section(`${name}: ${count(parameters.total)} parameters`)
  field(
    'vocabulary',
    `${count(vocabSize)} pieces; with ${count(paddedVocabSize)} padded rows ${count(parameters.totalPadded)} parameters`,
  )
  if (card) {
    const { embedding, nonEmbedding, activated } = countAsCard(architecture, card)
    field(
      `as in the model cards`,
      `${count(embedding)} embedding, ${count(nonEmbedding)} other, ${count(activated)} activated`,
    )
  }
  field(
    'FLOPs per token',
    `${(flopsPerToken(architecture) / 1e9).toFixed(2)} GFLOP in training, context ${count(maxPositionEmbeddings)}`,
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
  field('sum of these shapes', `${count(sum)} parameters`)
}

async function trainDense(device: Device, { architecture: whole, recipe }: Model): Promise<void> {
  if (!recipe) return
  const steps = options.steps ?? 3
  section(`Training on ${device.name}`)
  const text = await readText()
  const wish = {
    batch: options.full ? recipe.globalBatchSize : options.batch,
    sequence: options.full ? recipe.sequenceLength : options.sequence,
    pieces: text.pieces,
    limit: options.memory * 2 ** 30,
  }
  const { architecture, accumulation, predicted, reduced, batch, sequence } = fitWorkload(whole, wish)
  field('model', reduced.length > 0 ? `reduced: ${reduced.join(', ')}` : 'complete')
  field(
    'recipe',
    `AdamW, schedule, clipping, z-loss and bfloat16 as published; ${batch} of ${recipe.globalBatchSize} sequences${accumulation === 1 ? '' : ` in ${accumulation} micro-batches`}, ${sequence} of ${count(recipe.sequenceLength)} tokens, ${steps} of ${count(recipe.trainSteps)} steps`,
  )
  field('predicted memory', gibibytes(predicted.total))
  const trainer = recipeTrainer(device, recipe, { architecture, batch, sequence, accumulation }, text)
  const started = performance.now()
  let tokens = 0
  for await (const { step, loss, gradNorm, learningRate, tokensPerSecond } of trainer.run(steps)) {
    tokens = tokensPerSecond
    field(
      `step ${step}`,
      `loss ${loss.toFixed(4)}, gradient norm ${gradNorm.toFixed(3)}, learning rate ${learningRate.toExponential(2)}, ${((performance.now() - started) / 1000 / step).toFixed(1)} s per step`,
    )
  }
  const { peakBytes } = trainer.memory()
  field(
    'measured memory',
    `${gibibytes(peakBytes)}; the prediction is ${percent(Math.abs(predicted.total / peakBytes - 1))} ${predicted.total < peakBytes ? 'lower' : 'higher'}`,
  )
  field('ln(vocabulary)', `${Math.log(architecture.vocabSize).toFixed(4)}, the loss of an untrained model`)
  const all = recipe.trainSteps * recipe.globalBatchSize * recipe.sequenceLength
  const part = reduced.length > 0 ? 'the reduced model' : 'the model'
  field('at this speed', `${part} would take ${duration(all / tokens)} for the ${(all / 1e12).toFixed(2)}T tokens`)
  trainer.dispose()
}
