/** Runs that begin at a checkpoint of another run: decays that branch off a stable one, and fresh starts from its weights. Node only. */
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
  /** How long the decay is: updates, or tokens that are rounded up to updates. */
  readonly decay: { readonly steps: number } | { readonly tokens: number }
  /** Where the rate ends. Default 0, as LLM-jp-4's branches do. */
  readonly final?: number
  /** Of the fall. Default minus_sqrt, as there. */
  readonly shape?: 'minus_sqrt' | 'linear' | 'cosine' | 'exponential'
}

export interface StartOptions extends Omit<NewRunOptions, 'data'> {
  /** Default: what the other run was trained on. */
  readonly data?: readonly string[]
  /** Token files in place of that; `data` names them then. */
  readonly tokenFiles?: (configuration: RunConfiguration) => RunTokenFiles
  readonly changes: RunConfigurationChanges
}

/** What a run folder has beside its checkpoints that a run from it needs. */
const tokenizerFiles = ['tokenizer.model', 'tokenizer.json', 'tokenizer_config.json'] as const

/**
 * A run and one of its checkpoints. Nothing of it is changed, and another process may be at work there.
 * @param run its folder, or `FOLDER@STEP`; without a step its newest checkpoint
 * @throws RunFolderError where there is none
 */
export async function originOf(run: string, options: Pick<NewRunOptions, 'kinds'>) {
  const { folder, step } = parseRunAtStep(run)
  const record = await readRecord(folder, options.kinds).catch((error: Error) => {
    throw new RunFolderError(
      `${run}: ${error.message}; give RUN@STEP, the folder of a run and a step that it has a checkpoint of`,
    )
  })
  const all = (await listCheckpoints(folder)).filter(({ manifest }) => manifest)
  const entry = all.findLast((checkpoint) => step === undefined || checkpoint.step === step)
  if (!entry)
    throw new RunFolderError(
      `${folder}: there is no checkpoint${step === undefined ? '' : ` of step ${step}`}; there ${all.length === 1 ? 'is' : 'are'} ${all.map((c) => c.step).join(', ') || 'none'}`,
    )
  const snapshot = await loadCheckpoint(entry.path)
  return { folder: resolve(folder), record, entry, snapshot, step: entry.step }
}

/**
 * A run of its own that goes on with a checkpoint of another: the same weights, moments, data and place in it, with a learning rate that falls
 * from what it is there. The other run may go on; several branches may leave it.
 * @param run its folder, or `FOLDER@STEP`; without a step its newest checkpoint
 * @returns a plan as of a run that is resumed
 * @throws RunFolderError where there is no such checkpoint, or a run in the new folder; RunConfigurationError for a decay that cannot be
 */
export async function branchRun(run: string, options: BranchOptions): Promise<RunPlan> {
  const { decay, final = 0, shape = 'minus_sqrt' } = options
  const { folder: from, record: before, snapshot, entry, step } = await originOf(run, options)
  if (before.tuning) throw new RunFolderError(`${run}: it is a fine-tuning; a branch leaves a run of kumiki train`)
  const { batchSize, sequenceLength } = before.configuration
  const steps = 'steps' in decay ? decay.steps : Math.ceil(decay.tokens / (batchSize * sequenceLength))
  if (!Number.isInteger(steps) || steps < 1)
    throw new RunConfigurationError(`--decay: it must be at least 1 step, got ${JSON.stringify(decay)}`)
  const rate = scheduleOf(before.configuration, options.kinds)(step)
  if (!(rate > final))
    throw new RunConfigurationError(
      `${run}: the rate at step ${step} is ${rate}, not above ${final}, where the decay shall end: branch off where the rate is still high`,
    )
  const stable = scheduleDescriptionOf(before.configuration)
  const schedule = { kind: 'cooldown', schedule: stable, start: step, steps, final, shape }
  const configuration = checkRunConfiguration(
    changeRunConfiguration(before.configuration, { schedule, steps: step + steps }),
    'the branch',
    options.kinds,
  )
  const record: RunRecord = {
    ...newRecord(
      definitionOf(before, `${before.name}-decay`, configuration),
      before.data,
      cadenceOf(options, configuration),
      options.conduct,
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
 * The weights that a run began with, where it began with those of another one.
 * @returns arrays by the parameters' names; undefined for a run with weights of its own
 * @throws Error where that checkpoint is gone
 */
export async function originWeights(record: RunRecord): Promise<TrainerSnapshot['arrays'] | undefined> {
  if (record.origin?.kind !== 'start') return undefined
  const { snapshot } = await originOf(`${record.origin.run}@${record.origin.step}`, {})
  const weights = [...snapshot.arrays].filter(([name]) => name.startsWith('params.'))
  return new Map(weights.map(([name, array]) => [name.slice('params.'.length), array]))
}

/**
 * A new run whose first weights are those of another run's checkpoint: optimizer, schedule, step and data begin anew.
 * @param run its folder, or `FOLDER@STEP`; without a step its newest checkpoint
 * @returns a plan as of a run that is resumed before its first checkpoint; `originWeights` has the weights
 * @throws RunFolderError where there is no such checkpoint, or a run in the new folder; RunConfigurationError for changes that cannot be
 */
export async function startFrom(run: string, options: StartOptions): Promise<RunPlan> {
  const { folder: from, record: before, step } = await originOf(run, options)
  if (before.tuning?.adapter)
    throw new RunFolderError(
      `${run}: its checkpoints hold an adapter alone; begin from a run whose weights are all trained`,
    )
  const configuration = checkRunConfiguration(
    changeRunConfiguration(before.configuration, options.changes),
    'train --from',
    options.kinds,
  )
  for (const field of ['vocabSize'] as const)
    if (configuration[field] !== before.configuration[field])
      throw new RunConfigurationError(
        `train --from: ${field} is that of the other run's tokenizer, ${before.configuration[field]}`,
      )
  const own = options.tokenFiles ?? (options.data ? undefined : anew(before.tokenFiles))
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
      options.conduct,
    ),
    origin: { run: from, id: before.id, step, kind: 'start' },
  }
  return inNewFolder(record, options, configuration, (folder) => copyTokenizer(from, folder))
}

/** The same files in an order for the steps of another run. */
const anew = (files: RunTokenFiles | undefined) =>
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
    // Last: from here on there is a run that can be gone on with.
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
      `${from}: there is no tokenizer.model and no tokenizer.json; the weights mean nothing without it`,
    )
}
