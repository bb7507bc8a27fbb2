/**
 * Builds any dense LLM-jp-3 model by name: its exact tensor shapes, and as much real computation as the machine's memory allows.
 *
 *   npm start -- --model 150m                       two real training steps of the whole 150M model
 *   npm start -- --model 13b --layers 1 --vocab 2048   one layer of 13B at its real width
 *   npm start -- --model 172b                       shapes and counts alone
 */

import { decoderModel, type Parameters } from '@kumiki/models'
import {
  countParameters,
  findModel,
  flopsPerToken,
  type ModelArchitecture,
  parameterShapes,
} from '@kumiki/models/configs'
import { chain, clipGlobalNorm, optimizerFromJSON, scheduleFromJSON } from '@kumiki/optim'
import { cast, compile, type Device, init, type Tensor } from '@kumiki/tensor'
import { bf16, initialState, makeTrainStep } from '@kumiki/train'
import { Command } from 'commander'
import { planWorkload } from './plan.ts'

const options = new Command('llm-jp-3')
  .description('Build a dense LLM-jp-3 model by name and take real steps where memory allows.')
  .requiredOption('--model <name>', '150m, 440m, 980m, 1.8b, 3.7b, 7.2b, 13b or 172b')
  .option('--layers <n>', 'keep only this many layers', Number)
  .option('--vocab <n>', 'keep only this many rows of the vocabulary', Number)
  .option('--sequence <n>', 'tokens in a sequence (the models were trained with 4096)', Number, 64)
  .option('--batch <n>', 'sequences in a batch', Number, 1)
  .option('--steps <n>', 'training steps', Number, 2)
  .option('--device <name>', 'auto, webgpu or cpu', 'auto')
  .parse()
  .opts()

const model = findModel(options.model)
if (model.architecture.experts)
  throw new RangeError(`${model.name} is a mixture of experts; this example builds the dense models`)
const whole = model.architecture
console.log(
  `${model.name}: ${countParameters(whole).total.toLocaleString('en')} parameters with the vocabulary of ${whole.vocabSize.toLocaleString('en')} (tables padded to ${whole.paddedVocabSize.toLocaleString('en')} rows: ${countParameters(whole).totalPadded.toLocaleString('en')})`,
)
console.log(
  `${(flopsPerToken(whole) / 1e9).toFixed(2)} GFLOP a token in training, at ${whole.maxPositionEmbeddings} tokens`,
)
printShapes(whole)

const architecture: ModelArchitecture = {
  ...whole,
  numHiddenLayers: options.layers ?? whole.numHiddenLayers,
  vocabSize: options.vocab ?? whole.vocabSize,
  paddedVocabSize: options.vocab ?? whole.paddedVocabSize,
}
const device = await init({ backend: options.device })
try {
  const limit = device.kind === 'cpu' ? 4 * 2 ** 30 : 0.75 * 2 ** 40
  const workload = planWorkload(architecture, limit)
  const reduced = [
    architecture.numHiddenLayers < whole.numHiddenLayers
      ? `${architecture.numHiddenLayers} of ${whole.numHiddenLayers} layers`
      : '',
    architecture.vocabSize < whole.vocabSize
      ? `${architecture.vocabSize} of ${whole.vocabSize} rows of the vocabulary`
      : '',
    `sequences of ${options.sequence} instead of 4096 tokens`,
    `batches of ${options.batch} instead of ${model.recipe?.globalBatchSize}`,
  ].filter(Boolean)
  console.log(`\n${device.name}. Reduced for this machine: ${reduced.join(', ')}.`)
  if (workload.mode === 'shapes') {
    console.log(
      `${workload.parameters.toLocaleString('en')} parameters do not fit into ${(limit / 2 ** 30).toFixed(0)} GiB even in bfloat16; shapes are all there is to see. Try --layers 1 --vocab 2048.`,
    )
  } else {
    console.log(
      `${workload.mode === 'train' ? 'Training' : 'A forward pass'} on ${workload.parameters.toLocaleString('en')} parameters: ${(workload.bytes / 2 ** 30).toFixed(2)} GiB of weights${workload.mode === 'train' ? ', gradients and optimizer state' : ' in bfloat16'}.`,
    )
    await (workload.mode === 'train' ? trainSteps(device) : forwardPass(device))
  }
} finally {
  device.dispose()
}

/** Every tensor once; layers share their shapes. */
function printShapes(a: ModelArchitecture): void {
  for (const { name, shape } of parameterShapes(a)) {
    const layer = /\.layers\.(\d+)\./.exec(name)
    if (layer && layer[1] !== '0') continue
    console.log(
      `  ${(layer ? name.replace('.layers.0.', `.layers.0-${a.numHiddenLayers - 1}.`) : name).padEnd(58)} [${shape.join(', ')}]`,
    )
  }
}

function tokens(device: Device, step: number): { inputs: Tensor; targets: Tensor } {
  const { batch, sequence } = options
  const ids = Int32Array.from(
    { length: batch * (sequence + 1) },
    (_, i) => (Math.imul(i + 1 + 9973 * step, 2654435761) >>> 0) % architecture.vocabSize,
  )
  const shape = [batch, sequence]
  return {
    inputs: device.tensor(ids.subarray(0, batch * sequence), shape),
    targets: device.tensor(ids.subarray(batch, batch + batch * sequence), shape),
  }
}

/** Real updates with the recipe's AdamW, clipping and z-loss, in bfloat16 with float32 master weights. */
async function trainSteps(device: Device): Promise<void> {
  const { recipe } = model
  const decoder = decoderModel(architecture)
  const optimizer = chain(clipGlobalNorm(recipe!.maxGradNorm), optimizerFromJSON(recipe!.optimizer))
  const schedule = scheduleFromJSON(recipe!.schedule)
  const step = makeTrainStep({ model: decoder, optimizer, precision: bf16, zLoss: recipe!.zLoss ?? 0, accumulation: 1 })
  let state = initialState(decoder.initialize(device), optimizer, bf16)
  for (let i = 1; i <= options.steps; i++) {
    const started = performance.now()
    const result = await step(
      state,
      tokens(device, i),
      // The rate of the second update on: at the first one the warm-up is at 0.
      optimizer.scalars(i, schedule(i)),
    )
    state = result.state
    const seconds = (performance.now() - started) / 1000
    console.log(
      `step ${i}: loss ${(await result.loss.item()).toFixed(4)} (ln of the vocabulary is ${Math.log(architecture.vocabSize).toFixed(4)}), gradient norm ${(await result.gradNorm!.item()).toFixed(3)}, ${seconds.toFixed(1)} s`,
    )
    result.loss.dispose()
    result.gradNorm!.dispose()
  }
  console.log(`planned: ${(step.memory().temporaryBytes / 2 ** 20).toFixed(0)} MiB of temporaries beside the state`)
}

/** Mean loss on bfloat16 weights. */
async function forwardPass(device: Device): Promise<void> {
  const decoder = decoderModel(architecture)
  const parameters: Parameters = {}
  for (const [name, t] of Object.entries(decoder.initialize(device))) {
    parameters[name] = t.ndim >= 2 ? await cast(t, 'bfloat16').evaluate() : t
    if (t.ndim >= 2) t.dispose()
  }
  const run = compile((p: Parameters, inputs: Tensor, targets: Tensor) =>
    decoder.forward(p, inputs, { activations: 'bfloat16' }).losses(targets).mean(),
  )
  const { inputs, targets } = tokens(device, 1)
  const started = performance.now()
  const loss = await (await run(parameters, inputs, targets)).item()
  console.log(
    `loss ${loss.toFixed(4)} (ln of the vocabulary is ${Math.log(architecture.vocabSize).toFixed(4)}), ${((performance.now() - started) / 1000).toFixed(1)} s`,
  )
}
