/** Adapts a recipe to another batch size, sequence length or number of tokens. */
import { type Fields, fields, integer, positive } from '../check.ts'
import { checkRecipe, type LaunchRecipe } from './launch-recipe.ts'

/** The batch and length of the new run. */
export interface RunLength {
  /** Sequences in one optimizer step. */
  readonly globalBatchSize: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  /** Tokens to train on; default: those of the recipe. */
  readonly tokens?: number
}

/** A recipe with its original batch size and sequence length. */
export interface SizedRecipe extends LaunchRecipe {
  readonly globalBatchSize?: number
  readonly sequenceLength?: number
}

/** Maximum fraction of a run for warm-up. */
const mostWarmup = 0.1

const text = (value: number) => value.toLocaleString('en-US')

const lengthFields: Fields<RunLength> = { globalBatchSize: 1, sequenceLength: 1, tokens: 1 }

/**
 * Fits steps and schedule to a run. The number of steps follows from the tokens. The warm-up keeps its steps (Adam's
 * averages count steps), but at most a tenth of the run. The decay ends as in the original: at the end of the run, one
 * warm-up before it, or at the same fraction of it.
 * @returns the recipe, and the changes as sentences; the same recipe if nothing differs
 * @throws RangeError or TypeError naming a field
 * @example fitRecipe(recipe, { tokens: 1e12, globalBatchSize: 512, sequenceLength: 4096 }).recipe.trainSteps // 476838
 */
export function fitRecipe<R extends SizedRecipe>(
  recipe: R,
  length: RunLength,
): { readonly recipe: R; readonly changes: readonly string[] } {
  checkRecipe(recipe)
  fields('length', length, lengthFields)
  const batch = integer('length.globalBatchSize', length.globalBatchSize, 1, 1 << 30)
  const sequence = integer('length.sequenceLength', length.sequenceLength, 1, 1 << 28)
  const ownBatch = recipe.globalBatchSize ?? batch
  const ownSequence = recipe.sequenceLength ?? sequence
  const { trainSteps, warmupSteps, decaySteps, wsdDecaySteps } = recipe
  const sameStep = batch === ownBatch && sequence === ownSequence
  const tokens =
    length.tokens === undefined ? trainSteps * ownBatch * ownSequence : positive('length.tokens', length.tokens, 1e18)
  const steps = sameStep && length.tokens === undefined ? trainSteps : Math.ceil(tokens / (batch * sequence))
  integer('steps for these tokens', steps, 1, 1e12)
  const changes: string[] = []
  if (batch !== ownBatch)
    changes.push(
      `The batch is ${text(batch)} sequences, the recipe's ${text(ownBatch)}; learning rates are those of the recipe.`,
    )
  if (sequence !== ownSequence)
    changes.push(`Sequences have ${text(sequence)} tokens, the recipe's ${text(ownSequence)}.`)
  if (steps === trainSteps) return { recipe, changes }
  const warmup = Math.min(warmupSteps, Math.floor(mostWarmup * steps))
  const untilEnd = trainSteps - decaySteps
  const decay =
    untilEnd === 0
      ? steps
      : untilEnd === warmupSteps
        ? Math.max(1, steps - warmup)
        : Math.max(1, Math.round((steps * decaySteps) / trainSteps))
  // A decay of one step means a constant learning rate.
  const wsd =
    wsdDecaySteps === undefined || wsdDecaySteps <= 1
      ? wsdDecaySteps
      : Math.max(1, Math.round((steps * wsdDecaySteps) / trainSteps))
  const step = `${text(batch)} x ${text(sequence)}`
  changes.push(
    `${text(steps)} steps train on ${length.tokens === undefined ? "the recipe's" : 'the'} ${text(tokens)} tokens at ${step} per step; the recipe has ${text(trainSteps)}.`,
  )
  if (warmup !== warmupSteps) changes.push(`The warm-up is ${text(warmup)} steps, the recipe's ${text(warmupSteps)}.`)
  if (decay !== decaySteps)
    changes.push(`The schedule ends at ${text(decay)} steps, the recipe's at ${text(decaySteps)}.`)
  if (wsd !== wsdDecaySteps)
    changes.push(`The decay takes ${text(wsd as number)} steps, the recipe's ${text(wsdDecaySteps as number)}.`)
  return {
    recipe: {
      ...recipe,
      trainSteps: steps,
      warmupSteps: warmup,
      decaySteps: decay,
      ...(wsd !== undefined && { wsdDecaySteps: wsd }),
    },
    changes,
  }
}
