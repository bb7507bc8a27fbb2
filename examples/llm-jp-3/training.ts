/** Trains on the built-in corpus with the recipe of the model. */
import { batches } from '@kumiki/data'
import { builtinCorpus } from '@kumiki/data/node'
import { decoderModel, type Parameters } from '@kumiki/models'
import type { ModelArchitecture, TrainingRecipe } from '@kumiki/models/configs'
import { chain, clipGlobalNorm, optimizerFromJSON, type Schedule, scheduleFromJSON } from '@kumiki/optim'
import type { Device } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { bf16, Trainer } from '@kumiki/train'

/** English and Japanese documents, encoded with a small tokenizer trained on them. */
export interface Text {
  readonly documents: readonly Int32Array[]
  readonly eosId: number
  readonly pieces: number
}

export async function readText(pieces = 2048): Promise<Text> {
  const { train } = await builtinCorpus()
  const texts = train.map(({ text }) => text)
  const model = trainUnigram(texts, { vocabSize: pieces, byteFallback: true, hardVocabLimit: false })
  const tokenizer = loadTokenizer(model)
  const documents = texts.map((text) => Int32Array.from(tokenizer.encode(text)))
  return { documents, eosId: tokenizer.eosId, pieces: tokenizer.vocabSize }
}

export interface TrainingPlan {
  readonly architecture: ModelArchitecture
  readonly batch: number
  readonly sequence: number
  readonly accumulation: number
  /** Initial weights, which the trainer takes ownership of. */
  readonly parameters?: Parameters
  /** Replaces the recipe's schedule. */
  readonly schedule?: Schedule
}

/** A trainer of the recipe: its AdamW, schedule, clipping and losses; bfloat16 with float32 master weights. */
export function recipeTrainer(device: Device, recipe: TrainingRecipe, plan: TrainingPlan, text: Text): Trainer {
  const { architecture, batch: batchSize, sequence: sequenceLength, accumulation, parameters } = plan
  const { auxiliaryLoss, routerZLoss, zLoss, maxGradNorm } = recipe
  return Trainer.create({
    device,
    model: decoderModel(architecture, {
      ...(architecture.experts && { auxiliaryLoss: auxiliaryLoss ?? 0, routerZLoss: routerZLoss ?? 0 }),
    }),
    data: batches({ ...text, vocabSize: architecture.vocabSize, batchSize, sequenceLength, seed: 0 }),
    optimizer: chain(clipGlobalNorm(maxGradNorm), optimizerFromJSON(recipe.optimizer)),
    schedule: plan.schedule ?? scheduleFromJSON(recipe.schedule),
    precision: bf16,
    accumulation,
    zLoss: zLoss ?? 0,
    ...(parameters && { parameters }),
  })
}
