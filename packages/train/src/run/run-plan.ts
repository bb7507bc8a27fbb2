/** A run about to be made: a new one or one that goes on, checked, with its folder held. Node only. */
import { stat } from 'node:fs/promises'
import {
  configurationChanges,
  type RunConfiguration,
  type RunConfigurationChanges,
  type RunKinds,
} from './configuration.ts'
import { changedConfiguration } from './resume.ts'
import { conductOf, type RunConduct } from './run-conduct.ts'
import { parseRunAtStep, RunFolder } from './run-folder.ts'
import type { LockOptions } from './run-lock.ts'
import { type Cadence, newRecord, type RunDefinition, type RunRecord, readRecord } from './run-record.ts'

/** A folder that is held, and what shall be done in it. `folder.release()` at the end. */
export interface RunPlan {
  readonly folder: RunFolder
  readonly record: RunRecord
  /** For a run that goes on: from which step, and the configuration it had. */
  readonly resume?: { readonly step?: number; readonly configuration: RunConfiguration }
  readonly changed: Readonly<Record<string, readonly [unknown, unknown]>>
}

export interface PlanOptions extends LockOptions {
  /** When checkpoints are made. Default: each tenth of the run, at most 500 steps and half a minute apart; two stay. */
  readonly cadence?: Partial<Cadence>
  /** Budgets and the like; a run that goes on has what it had, with these over it. */
  readonly conduct?: RunConduct
  /** Kinds of schedules and optimizers of one's own. */
  readonly kinds?: RunKinds
  /** Looks at what will be trained before a folder is touched, such as at its memory. What it throws ends the plan. */
  readonly check?: (run: RunDefinition) => void
}

export interface NewRunOptions extends PlanOptions {
  /** What is trained on, for the record: paths. */
  readonly data: readonly string[]
  /** Run folder; default runs/NAME-DATE. */
  readonly folder?: string
  /** Whether a run in `folder` may be removed. */
  readonly overwrite?: boolean
}

export function cadenceOf({ cadence = {} }: PlanOptions, { steps }: RunConfiguration, before?: Cadence): Cadence {
  const keepEvery = cadence.keepEvery ?? before?.keepEvery
  return {
    steps: cadence.steps ?? before?.steps ?? Math.min(500, Math.max(1, Math.ceil(steps / 10))),
    minutes: cadence.minutes ?? before?.minutes ?? 0.5,
    keep: cadence.keep ?? before?.keep ?? 2,
    ...(keepEvery !== undefined && { keepEvery }),
  }
}

/** Takes a folder for a new run. @throws RunFolderError where there is a run in it; what `check` throws */
export async function beginRun(run: RunDefinition, options: NewRunOptions): Promise<RunPlan> {
  options.check?.(run)
  const record = newRecord(run, options.data, cadenceOf(options, run.configuration), options.conduct)
  return { folder: await newFolder(run.name, options), record, changed: {} }
}

/** @throws RunFolderError where there is a run in it */
export function newFolder(
  name: string,
  options: Pick<NewRunOptions, 'folder' | 'overwrite'> & LockOptions,
): Promise<RunFolder> {
  return options.folder === undefined
    ? RunFolder.reserve('runs', `${name}-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, '-')}`)
    : RunFolder.create(options.folder, options)
}

/**
 * Takes the folder of a run to go on with.
 * @param run its folder, or `FOLDER@STEP`
 * @param changes to its configuration
 * @throws RunFolderError where there is no run; RunConfigurationError for changes that cannot be; what `check` throws
 */
export async function resumeRun(
  run: string,
  changes: RunConfigurationChanges,
  options: PlanOptions = {},
): Promise<RunPlan> {
  // A folder whose own name ends in @5 is that folder.
  const { folder: path, step } = (await isFolder(run)) ? { folder: run, step: undefined } : parseRunAtStep(run)
  const folder = await RunFolder.open(path, options)
  try {
    const before = await readRecord(folder.path, options.kinds)
    const configuration = changedConfiguration(before, changes, options.kinds)
    const conduct = conductOf(options.conduct, before.conduct)
    const checkpoints = cadenceOf(options, configuration, before.checkpoints)
    const record = { ...before, configuration, checkpoints, ...(conduct && { conduct }) }
    options.check?.(record)
    return {
      folder,
      record,
      resume: { step, configuration: before.configuration },
      changed: configurationChanges(before.configuration, configuration),
    }
  } catch (error) {
    await folder.release()
    throw error
  }
}

const isFolder = (path: string) =>
  stat(path)
    .then((info) => info.isDirectory())
    .catch(() => false)
