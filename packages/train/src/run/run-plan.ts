/** Prepares a new or resumed run: checks it and locks its folder. Node only. */
import { stat } from 'node:fs/promises'
import {
  configurationChanges,
  type RunConfiguration,
  type RunConfigurationChanges,
  type RunKinds,
} from './configuration.ts'
import { changedConfiguration } from './resume.ts'
import { controlsOf, type RunControls } from './run-controls.ts'
import { parseRunAtStep, RunFolder } from './run-folder.ts'
import type { LockOptions } from './run-lock.ts'
import { type Cadence, newRecord, type RunDefinition, type RunRecord, readRecord } from './run-record.ts'

/** A prepared run with its locked folder; call `folder.release()` at the end. */
export interface RunPlan {
  readonly folder: RunFolder
  readonly record: RunRecord
  /** For a resumed run: the step to resume from, and its earlier configuration. */
  readonly resume?: { readonly step?: number; readonly configuration: RunConfiguration }
  readonly changed: Readonly<Record<string, readonly [unknown, unknown]>>
}

export interface PlanOptions extends LockOptions {
  /**
   * When checkpoints are made. Default: every tenth of the run, at most 500 steps or half a minute apart; the newest
   * two are kept.
   */
  readonly cadence?: Partial<Cadence>
  /** Budgets and failure handling; for a resumed run, changes to the recorded ones. */
  readonly controls?: RunControls
  /** Custom schedules and optimizers. */
  readonly kinds?: RunKinds
  /** Checks the run, such as its memory, before the folder is changed. Its error aborts the preparation. */
  readonly check?: (run: RunDefinition) => void
}

export interface NewRunOptions extends PlanOptions {
  /** Paths of the training data, for the record. */
  readonly data: readonly string[]
  /** Run folder; default runs/NAME-DATE. */
  readonly folder?: string
  /** Whether an existing run in `folder` may be replaced. */
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

/** Prepares a new run. @throws RunFolderError if the folder has a run; the error of `check` */
export async function beginRun(run: RunDefinition, options: NewRunOptions): Promise<RunPlan> {
  options.check?.(run)
  const record = newRecord(run, options.data, cadenceOf(options, run.configuration), options.controls)
  return { folder: await newFolder(run.name, options), record, changed: {} }
}

/** Locks a folder for a new run. @throws RunFolderError if it has a run */
export function newFolder(
  name: string,
  options: Pick<NewRunOptions, 'folder' | 'overwrite'> & LockOptions,
): Promise<RunFolder> {
  return options.folder === undefined
    ? RunFolder.reserve('runs', `${name}-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, '-')}`)
    : RunFolder.create(options.folder, options)
}

/**
 * Prepares a run to be resumed.
 * @param run its folder, or `FOLDER@STEP`
 * @param changes to its configuration
 * @throws RunFolderError if there is no run; RunConfigurationError for invalid changes; the error of `check`
 */
export async function resumeRun(
  run: string,
  changes: RunConfigurationChanges,
  options: PlanOptions = {},
): Promise<RunPlan> {
  // An existing folder whose name ends in @5 is not split.
  const { folder: path, step } = (await isFolder(run)) ? { folder: run, step: undefined } : parseRunAtStep(run)
  const folder = await RunFolder.open(path, options)
  try {
    const before = await readRecord(folder.path, options.kinds)
    const configuration = changedConfiguration(before, changes, options.kinds)
    const controls = controlsOf(options.controls, before.controls)
    const checkpoints = cadenceOf(options, configuration, before.checkpoints)
    const record = { ...before, configuration, checkpoints, ...(controls && { controls }) }
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
