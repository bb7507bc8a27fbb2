/**
 * Trains a mixture of experts as LLM-jp did, at reduced width: trains a dense model, upcycles it, and continues
 * training.
 */
import { type Parameters, upcycle } from '@kumiki/models'
import { countParameters, findModel, type Model, type ModelArchitecture } from '@kumiki/models/configs'
import { cosine, warmup } from '@kumiki/optim'
import type { Device } from '@kumiki/tensor'
import type { Trainer } from '@kumiki/train'
import { count, field, section } from './text.ts'
import { readText, recipeTrainer } from './training.ts'
import { narrowed } from './workload.ts'

/** LLM-jp-3 re-initialized half of each expert's intermediate dimension (drop-upcycling). */
const dropRatio = 0.5
const layers = 4
const width = 128
/**
 * Own schedule instead of the recipe's: a small model needs another learning rate, and a few steps no warmup of 2,000.
 */
const peak = 3e-3

export async function trainMixture(
  device: Device,
  model: Model,
  { batch, sequence, steps }: { readonly batch: number; readonly sequence: number; readonly steps: number },
): Promise<void> {
  const { experts } = model.architecture
  if (!experts || !model.recipe) return
  const { numExperts, numExpertsPerToken } = experts
  // The dense model that the experts are copies of; for a mixture trained from scratch, one of its own sizes.
  const base = model.startsFrom === null ? undefined : findModel(model.startsFrom)
  const text = await readText()
  const dense = smallDense(base?.architecture ?? model.architecture, text.pieces)
  section(`Upcycling on ${device.name}`)
  field(
    'reduced',
    `${layers} of ${model.architecture.numHiddenLayers} layers, hidden ${dense.hiddenSize} of ${count(model.architecture.hiddenSize)}, ${count(text.pieces)} pieces; ${batch} sequences of ${sequence} tokens`,
  )
  const schedule = warmup(cosine({ from: peak, to: peak / 10, steps }), Math.ceil(steps / 10))
  field('recipe', `${steps} steps each, peak learning rate ${peak}; AdamW, clipping, losses and bfloat16 as published`)
  const plan = { batch, sequence, accumulation: 1, schedule }
  const first = recipeTrainer(device, base?.recipe ?? model.recipe, { ...plan, architecture: dense }, text)
  await run(first, `dense, ${count(countParameters(dense).total)} parameters`, steps)
  const { architecture, parameters } = await upcycle(device, dense, await trained(device, first), {
    ...{ numExperts, numExpertsPerToken, dropRatio },
    tensorNames: experts.tensorNames,
  })
  const counted = countParameters(architecture)
  const name = `${numExperts} experts, ${numExpertsPerToken} a token: ${count(counted.total)} parameters, ${count(counted.activated)} activated`
  const second = recipeTrainer(device, model.recipe, { ...plan, architecture, parameters }, text)
  await run(second, name, steps)
  second.dispose()
  first.dispose()
}

function smallDense({ experts: _, family: __, ...whole }: ModelArchitecture, pieces: number): ModelArchitecture {
  const small = narrowed(whole, whole.hiddenSize / width)
  const heads = { numAttentionHeads: 4, numKeyValueHeads: 4, headDim: width / 4 }
  return {
    ...(small ?? whole),
    ...heads,
    hiddenSize: width,
    intermediateSize: 4 * width,
    numHiddenLayers: layers,
    vocabSize: pieces,
    paddedVocabSize: pieces,
  }
}

/** The float32 master weights, not the bfloat16 copies of the forward pass. */
async function trained(device: Device, trainer: Trainer): Promise<Parameters> {
  const { arrays } = await trainer.snapshot()
  return Object.fromEntries(
    Object.keys(trainer.parameters).map((name) => {
      const { data, shape } = arrays.get(`params.${name}`)!
      return [name, device.tensor(data, shape)]
    }),
  )
}

async function run(trainer: Trainer, name: string, steps: number): Promise<void> {
  field(name, '')
  for await (const { step, loss, gradNorm, ...metrics } of trainer.run(steps)) {
    if (step > 1 && step < steps && step % Math.ceil(steps / 6) !== 0) continue
    const router = ['expertLoad', 'routerEntropy', 'expertBalance']
      .flatMap((key) => (metrics[key] === undefined ? [] : [`${key} ${metrics[key]?.toFixed(3)}`]))
      .join(', ')
    field(`step ${step}`, `loss ${loss.toFixed(4)}, gradient norm ${gradNorm.toFixed(3)}${router && `, ${router}`}`)
  }
}
