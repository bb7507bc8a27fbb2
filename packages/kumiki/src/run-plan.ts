/** What `kumiki train` is asked to do: a new run or one that goes on, checked, with its folder held. */
import { stat } from 'node:fs/promises'
import type { ModelArchitecture } from '@kumiki/models'
import { findPrecision } from '@kumiki/train'
import { type LockHolder, parseRunAtStep, RunFolder, RunFolderError } from '@kumiki/train/node'
import { type Recipe, resolveRun } from './recipe.ts'
import { changedRecipe, refuseFixedFlags } from './resume.ts'
import { type Cadence, newRecord, type RunRecord, readRecord, recipeChanges } from './run-record.ts'
import type { TrainCommandOptions } from './train-command.ts'
import { checkTrainingMemory } from './training-memory.ts'
import { UsageError } from './usage-error.ts'
import { log } from './verb.ts'

/** A folder that is held, and what shall be done in it. */
export interface Plan {
  readonly folder: RunFolder
  readonly record: RunRecord
  /** For a run that goes on: from which step, and the recipe it had. */
  readonly resume?: { readonly step?: number; readonly recipe: Recipe }
  readonly changed: Readonly<Record<string, readonly [unknown, unknown]>>
}

function cadenceOf(options: TrainCommandOptions, recipe: Recipe, before?: Cadence): Cadence {
  return {
    steps: options.checkpointEvery ?? before?.steps ?? Math.min(500, Math.max(1, Math.ceil(recipe.steps / 10))),
    minutes: options.checkpointMinutes ?? before?.minutes ?? 10,
    keep: options.keep ?? before?.keep ?? 2,
  }
}

/** Checks what is wanted and takes a folder for it. @throws UsageError; RangeError where memory does not suffice */
export async function beginRun(options: TrainCommandOptions): Promise<Plan> {
  if (options.overwrite && options.out === undefined)
    throw new UsageError('--overwrite removes the run that is in --out: give --out FOLDER too')
  const resolved = await resolveRun(options)
  const { recipe, name } = resolved
  checkMemory(resolved, recipe, options.device)
  const record = newRecord(resolved, options.data, cadenceOf(options, recipe))
  const folder = await asUsage(() =>
    options.out === undefined
      ? RunFolder.reserve('runs', `${name}-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, '-')}`)
      : RunFolder.create(options.out, { overwrite: options.overwrite, onWait }),
  )
  return { folder, record, changed: {} }
}

/** Takes the folder of a run to go on with. @throws UsageError naming a flag that cannot be changed */
export async function goOn(options: TrainCommandOptions, resume: string): Promise<Plan> {
  refuseFixedFlags({ ...options, ...options.overrides })
  // A folder whose own name ends in @5 is that folder.
  const { folder: path, step } = (await isFolder(resume)) ? { folder: resume, step: undefined } : parseRunAtStep(resume)
  const folder = await asUsage(() => RunFolder.open(path, { onWait }))
  try {
    const before = await readRecord(folder.path)
    const recipe = changedRecipe(before, options.overrides)
    const checkpoints = cadenceOf(options, recipe, before.checkpoints)
    checkMemory(before, recipe, options.device)
    return {
      folder,
      record: { ...before, recipe, checkpoints },
      resume: { step, recipe: before.recipe },
      changed: recipeChanges(before.recipe, recipe),
    }
  } catch (error) {
    await folder.release()
    throw error
  }
}

const onWait = ({ pid, host }: LockHolder, seconds: number) =>
  log(`Process ${pid} on ${host} holds the folder and cannot be seen from here; waiting ${seconds} s for a sign of it`)

const isFolder = (path: string) =>
  stat(path)
    .then((info) => info.isDirectory())
    .catch(() => false)

/** A folder that cannot be taken is wrong use. */
async function asUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RunFolderError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}

/** @throws RangeError where the run does not fit the memory there is */
export function checkMemory(
  { name, architecture }: { readonly name: string; readonly architecture: ModelArchitecture },
  recipe: Recipe,
  device: 'auto' | 'cpu' | 'webgpu',
): void {
  // The tables have as many rows as the tokenizer will have pieces.
  const rows = { vocabSize: recipe.vocabSize, paddedVocabSize: recipe.vocabSize }
  checkTrainingMemory(
    name,
    {
      architecture: { ...architecture, ...rows },
      precision: findPrecision(recipe.precision),
      batchSize: recipe.batchSize,
      accumulation: recipe.accumulation,
      sequenceLength: recipe.sequenceLength,
    },
    device,
  )
}
