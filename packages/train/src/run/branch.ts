/**
 * Runs that begin at a checkpoint of another run: decay branches of a stable run, and new runs from its weights. Node
 * only.
 */
import { copyFile, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { writeFileAtomically } from '../atomic-file.ts'
import { listCheckpoints } from '../checkpoints/list.ts'
import { loadCheckpoint } from '../checkpoints/load.ts'
import { saveCheckpoint } from '../checkpoints/save.ts'
import { MetricsLog } from '../metrics-log.ts'
import type { TrainerSnapshot } from '../snapshot.ts'
import {
  changeRunConfiguration,
  checkRunConfiguration,
  type RunConfiguration,
  type RunConfigurationChanges,
  RunConfigurationError,
  scheduleDescriptionOf,
  scheduleOf,
} from './configuration.ts'
import { parseRunAtStep, RunFolderError } from './run-folder.ts'
import { cadenceOf, type NewRunOptions, newFolder, type RunPlan } from './run-plan.ts'
import {
  newRecord,
  type RunDefinition,
  type RunRecord,
  type RunTokenFiles,
  readRecord,
  writeRecord,
} from './run-record.ts'

export interface BranchOptions extends Omit<NewRunOptions, 'data'> {
  /** Length of the decay in steps, or in tokens, rounded up to steps. */
  readonly decay: { readonly steps: number } | { readonly tokens: number }
  /** Final learning rate. Default 0, as in LLM-jp-4's branches. */
  readonly final?: number
  /** Shape of the decay. Default minus_sqrt, as in LLM-jp-4's branches. */
  readonly shape?: 'minus_sqrt' | 'linear' | 'cosine' | 'exponential'
}

export interface StartOptions extends Omit<NewRunOptions, 'data'> {
  /** Paths of training data. Default: those of the other run. */
  readonly data?: readonly string[]
  /** Token files as data instead; `data` has their paths. */
  readonly tokenFiles?: (configuration: RunConfiguration) => RunTokenFiles
  readonly changes: RunConfigurationChanges
}

/** Files of a run folder that a run from its checkpoint needs too. */
const tokenizerFiles = ['tokenizer.model', 'tokenizer.json', 'tokenizer_config.json'] as const

/**
 * Reads a run's record and one of its checkpoints. Changes nothing; another process may be using the folder.
 * @param run its folder, or `FOLDER@STEP`; without a step its newest checkpoint
 * @throws RunFolderError if there is none
 */
export async function originOf(run: string, options: Pick<NewRunOptions, 'kinds'>) {
  const { folder, step } = parseRunAtStep(run)
  const record = await readRecord(folder, options.kinds).catch((error: Error) => {
    throw new RunFolderError(
      `${run}: ${error.message}; give RUN@STEP, a run folder and the step of one of its checkpoints`,
    )
  })
  const all = (await listCheckpoints(folder)).filter(({ manifest }) => manifest)
  const entry = all.findLast((checkpoint) => step === undefined || checkpoint.step === step)
  if (!entry)
    throw new RunFolderError(
      `${folder}: no checkpoint${step === undefined ? '' : ` of step ${step}`}; available steps: ${all.map((c) => c.step).join(', ') || 'none'}`,
    )
  const snapshot = await loadCheckpoint(entry.path)
  return { folder: resolve(folder), record, entry, snapshot, step: entry.step }
}

/**
 * A new run that continues from a checkpoint of another: the same weights, moments, data and data position, with a
 * learning rate that decays from its value at that step. The other run may continue; several branches may start from
 * it.
 * @param run its folder, or `FOLDER@STEP`; without a step its newest checkpoint
 * @returns the plan of a resumed run
 * @throws RunFolderError if there is no such checkpoint, or the new folder has a run; RunConfigurationError for an
 * invalid decay
 */
export async function branchRun(run: string, options: BranchOptions): Promise<RunPlan> {
  const { decay, final = 0, shape = 'minus_sqrt' } = options
  const { folder: from, record: before, snapshot, entry, step } = await originOf(run, options)
  if (before.tuning)
    throw new RunFolderError(`${run}: a fine-tuning run cannot be branched; give a run of kumiki train`)
  const { batchSize, sequenceLength } = before.configuration
  const steps = 'steps' in decay ? decay.steps : Math.ceil(decay.tokens / (batchSize * sequenceLength))
  if (!Number.isInteger(steps) || steps < 1)
    throw new RunConfigurationError(`--decay: it must be at least 1 step, got ${JSON.stringify(decay)}`)
  const rate = scheduleOf(before.configuration, options.kinds)(step)
  if (!(rate > final))
    throw new RunConfigurationError(
      `${run}: the learning rate at step ${step} is ${rate}, not above ${final}, the end of the decay; branch at a step with a higher learning rate`,
    )
  const stable = scheduleDescriptionOf(before.configuration)
  const schedule = { kind: 'cooldown', schedule: stable, start: step, steps, final, shape }
  const configuration = checkRunConfiguration(
    changeRunConfiguration(before.configuration, { schedule, steps: step + steps }),
    'the branch',
    options.kinds,
  )
  const samples = before.tokenFiles?.samples
  if (samples !== undefined && configuration.steps * batchSize > samples)
    throw new RunConfigurationError(
      `${run}: the branch would end at step ${configuration.steps}, but the order of its token files was made for ${samples} samples, up to step ${Math.floor(samples / batchSize)}: branch off at an earlier step, or shorten --decay`,
    )
  const record: RunRecord = {
    ...newRecord(
      definitionOf(before, `${before.name}-decay`, configuration),
      before.data,
      cadenceOf(options, configuration),
      options.controls,
    ),
    tokens: before.tokens,
    device: before.device,
    origin: { run: from, id: before.id, step, kind: 'branch' },
  }
  return inNewFolder(record, options, before.configuration, async (folder) => {
    const { made } = entry.manifest!
    await saveCheckpoint(folder, snapshot, { context: { run: record.id, seconds: entry.manifest!.seconds, made } })
    const lines = await MetricsLog.read(join(from, 'metrics.jsonl'))
    const kept = lines.steps.filter(({ metrics }) => metrics.step! <= step).map(({ line }) => `${line}\n`)
    await writeFileAtomically(join(folder, 'metrics.jsonl'), kept.join(''))
    await copyTokenizer(from, folder)
  })
}

function definitionOf(record: RunRecord, name: string, configuration: RunConfiguration): RunDefinition {
  const { architecture, kinds, recipe, sources, tokenFiles, tokenizer, heldOut } = record
  return {
    name,
    architecture,
    configuration,
    ...(kinds !== undefined && { kinds }),
    ...(recipe && { recipe }),
    ...(sources && { sources }),
    ...(tokenFiles && { tokenFiles }),
    ...(tokenizer !== undefined && { tokenizer }),
    ...(heldOut && { heldOut }),
  }
}

/**
 * The initial weights of a run that began with those of another run.
 * @returns arrays by parameter name; undefined for a run with random initial weights
 * @throws Error if that checkpoint no longer exists
 */
export async function originWeights(record: RunRecord): Promise<TrainerSnapshot['arrays'] | undefined> {
  if (record.origin?.kind !== 'start') return undefined
  const { snapshot } = await originOf(`${record.origin.run}@${record.origin.step}`, {})
  const weights = [...snapshot.arrays].filter(([name]) => name.startsWith('params.'))
  return new Map(weights.map(([name, array]) => [name.slice('params.'.length), array]))
}

/**
 * A new run with initial weights from another run's checkpoint: optimizer, schedule, step and data position begin anew.
 * @param run its folder, or `FOLDER@STEP`; without a step its newest checkpoint
 * @returns the plan of a run resumed before its first checkpoint; `originWeights` returns the weights
 * @throws
 * RunFolderError if there is no such checkpoint, or the new folder has a run; RunConfigurationError for invalid changes
 */
export async function startFrom(run: string, options: StartOptions): Promise<RunPlan> {
  const { folder: from, record: before, step } = await originOf(run, options)
  if (before.tuning?.adapter)
    throw new RunFolderError(`${run}: its checkpoints contain only an adapter; give a run that trained all weights`)
  const configuration = checkRunConfiguration(
    changeRunConfiguration(before.configuration, options.changes),
    'train --from',
    options.kinds,
  )
  for (const field of ['vocabSize'] as const)
    if (configuration[field] !== before.configuration[field])
      throw new RunConfigurationError(
        `train --from: ${field} must be that of the other run's tokenizer, ${before.configuration[field]}`,
      )
  const own = options.tokenFiles ?? (options.data ? undefined : reusedFiles(before.tokenFiles))
  const tokenFiles = own?.(configuration)
  const record: RunRecord = {
    ...newRecord(
      definitionOf(
        {
          ...before,
          recipe: undefined,
          ...(options.data && { sources: undefined, tokenFiles: undefined }),
          ...(tokenFiles && { tokenFiles }),
        },
        before.name,
        configuration,
      ),
      options.data ?? before.data,
      cadenceOf(options, configuration),
      options.controls,
    ),
    origin: { run: from, id: before.id, step, kind: 'start' },
  }
  return inNewFolder(record, options, configuration, (folder) => copyTokenizer(from, folder))
}

/** The same files, with enough samples for the steps of the new run. */
const reusedFiles = (files: RunTokenFiles | undefined) =>
  files &&
  (({ steps, batchSize }: RunConfiguration): RunTokenFiles =>
    files.samples === undefined ? files : { ...files, samples: Math.max(files.samples, steps * batchSize) })

async function inNewFolder(
  record: RunRecord,
  options: Omit<NewRunOptions, 'data'>,
  before: RunConfiguration,
  fill: (folder: string) => Promise<unknown>,
): Promise<RunPlan> {
  options.check?.(record)
  const folder = await newFolder(record.name, options)
  try {
    await folder.empty()
    await fill(folder.path)
    // Written last: it makes the folder a run that can be resumed.
    await writeRecord(folder.path, record)
  } catch (error) {
    await folder.empty().catch(() => {})
    await folder.release()
    throw error
  }
  return { folder, record, resume: { configuration: before }, changed: {} }
}

async function copyTokenizer(from: string, to: string): Promise<void> {
  let found = 0
  for (const name of tokenizerFiles) {
    const there = await readFile(join(from, name)).catch(() => undefined)
    if (!there) continue
    await copyFile(join(from, name), join(to, name))
    found++
  }
  if (found === 0)
    throw new RunFolderError(
      `${from}: contains neither tokenizer.model nor tokenizer.json; a run from its weights needs the tokenizer`,
    )
}
