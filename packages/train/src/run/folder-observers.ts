/** What keeps a run in its folder: metrics, evaluations and checkpoints, and a warning where the loss diverges. Node only. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../atomic-file.ts'
import { BackgroundSave } from '../checkpoints/background-save.ts'
import { listCheckpoints } from '../checkpoints/list.ts'
import { dropOldest } from '../checkpoints/save.ts'
import { bearable, saidOnTheWay } from '../disk-error.ts'
import { MetricsLog } from '../metrics-log.ts'
import { TrainingError } from '../training-error.ts'
import type { RunConfiguration } from './configuration.ts'
import { gapRemark, type MadeWith, type RunVerb, wayBack } from './resume.ts'
import type { RunObserver, RunStop } from './run.ts'
import type { RunFolder } from './run-folder.ts'
import { TroubleWatch } from './trouble-watch.ts'

export interface FolderObserverOptions {
  readonly folder: RunFolder
  /** The run's own id, written into its checkpoints. */
  readonly runId: string
  readonly configuration: RunConfiguration
  /** Checkpoints that stay. */
  readonly keep: number
  /** Others that stay for good: those of steps that this divides. */
  readonly keepEvery?: number
  /** What a save or a line of metrics that cannot be written does (a full disk): ends the run (default), or is told while it goes on. */
  readonly onWriteFailure?: 'stop' | 'continue'
  /** Called when a checkpoint is on the disk. */
  readonly onSaved?: (step: number) => void
  /** The device's name, for the checkpoints. */
  readonly device: string
  /** Which verb goes on with the run, for what is said; default train. */
  readonly verb?: RunVerb
  /** Whether an earlier step was asked for: the metrics after it are put aside. */
  readonly wentBack?: boolean
  /** Seconds of training over all processes. */
  readonly seconds: () => number
  readonly stop?: RunStop
  readonly log: (line: string) => void
}

/** Steps of a diverged loss before there is a warning. */
const troubledSteps = 16

/**
 * The observers of a run that lives in a folder, to be given first.
 * @example
 * const kept = await RunFolder.create('runs/one')
 * const observers = folderObservers({ folder: kept, runId: 'one', configuration, keep: 2, device: device.name, seconds: () => 0 })
 * await kept.release()
 * observers.length > 0 // true
 */
export function folderObservers(options: FolderObserverOptions): RunObserver[] {
  const watch = new TroubleWatch()
  return [
    keepMetrics(options, watch),
    keepEvaluations(options),
    keepCheckpoints(options, watch),
    sayTrouble(options, watch),
  ]
}

/** metrics.jsonl: one object a step. */
function keepMetrics(options: FolderObserverOptions, watch: TroubleWatch): RunObserver {
  const { folder, wentBack, seconds, log, onWriteFailure } = options
  const bear = bearable(onWriteFailure, log)
  let file: MetricsLog | undefined
  return {
    async onStart({ trainer }) {
      const aside = wentBack ? join(folder.path, `metrics-before-${trainer.step}.jsonl`) : undefined
      file = await MetricsLog.open(join(folder.path, 'metrics.jsonl'), trainer.step, { aside })
      const gap = gapRemark(file.gaps)
      if (gap) log(gap)
      for (const { step, loss, gradNorm } of file.kept)
        watch.push({ step: step!, loss: loss ?? Number.NaN, gradNorm: gradNorm ?? undefined })
    },
    async onStep(metrics) {
      watch.push(metrics)
      await bear(() => file!.append({ ...metrics, seconds: seconds() }), 'these lines')
    },
    async onRewind({ toStep }) {
      await file!.close()
      const aside = join(folder.path, `metrics-before-rewind-${toStep}.jsonl`)
      file = await MetricsLog.open(join(folder.path, 'metrics.jsonl'), toStep, { aside })
    },
    onEnd: () => file?.close(),
  }
}

/** evaluations.json: held-out losses during training. */
function keepEvaluations({ folder, onWriteFailure, log }: FolderObserverOptions): RunObserver {
  const bear = bearable(onWriteFailure, log)
  const path = join(folder.path, 'evaluations.json')
  let evaluations: { step: number; natsPerToken: number }[] = []
  return {
    async onStart(run) {
      const before: unknown = await readFile(path, 'utf8')
        .then(JSON.parse)
        .catch(() => [])
      if (Array.isArray(before))
        evaluations = before.filter((e) => Number.isSafeInteger(e?.step) && e.step <= run.trainer.step)
      for (const { step, natsPerToken } of evaluations) run.recall(step, natsPerToken)
    },
    async onEvaluation({ step, natsPerToken }) {
      evaluations.push({ step, natsPerToken })
      await bear(() => writeFileAtomically(path, `${JSON.stringify(evaluations)}\n`), 'it until it is written next')
    },
    onRewind({ toStep }) {
      evaluations = evaluations.filter(({ step }) => step <= toStep)
    },
  }
}

function keepCheckpoints(options: FolderObserverOptions, watch: TroubleWatch): RunObserver {
  const { folder, runId, configuration, keep, keepEvery, device, seconds, onWriteFailure, onSaved, log } = options
  const saving = new BackgroundSave()
  /** Whether there is one to fall back to while the next is written. */
  let safe = false
  let failure: unknown
  const failed = (error: unknown) => {
    if (onWriteFailure === 'continue')
      log(`The checkpoint could not be written: ${saidOnTheWay(error)}. The run goes on; the next save tries again`)
    else failure ??= error
  }
  const check = () => {
    if (failure !== undefined) throw failure
  }
  return {
    onStep: check,
    async onCheckpoint({ trainer, steps }) {
      // Another process may have taken the run over meanwhile.
      await folder.check()
      await saving.idle()
      check()
      const made: MadeWith = { configuration, device }
      const { step } = trainer
      const done = saving
        .begin(folder.path, await trainer.snapshot(), {
          keep,
          keepEvery,
          keepBefore: watch.since,
          context: { run: runId, seconds: seconds(), made: { ...made } },
        })
        .then(() => {
          safe = true
          onSaved?.(step)
        }, failed)
      // The first, and the last, are waited for.
      if (!safe || step >= steps || options.stop?.requested) await done
      check()
    },
    async onEnd({ kind }) {
      await saving.close()
      check()
      // Where the last save was made by a process that died before it had dropped the oldest.
      if (kind === 'finished' && !safe) await dropOldest(folder.path, { keep, keepEvery, keepBefore: watch.since })
    },
  }
}

/** Says where the loss has gone wrong and stayed so, and what to do about it. */
function sayTrouble(
  { folder, configuration, verb, stop, log }: FolderObserverOptions,
  watch: TroubleWatch,
): RunObserver {
  const { path } = folder
  /** The step of trouble that was told of. */
  let said: number | undefined
  return {
    async onCheckpoint({ trainer }) {
      const { since } = watch
      if (since === undefined || since === said || trainer.step - since < troubledSteps) return
      said = since
      const before = (await listCheckpoints(path)).findLast(({ step, manifest }) => manifest && step < since)
      log(
        `The loss is far above what it was since step ${since}: ${before ? `the checkpoint of step ${before.step}, from before, is kept` : 'there is no checkpoint from before'}`,
      )
    },
    async onEnd(end, { trainer }) {
      const { since } = watch
      if (end.kind === 'failed') {
        if (!(end.error instanceof TrainingError)) return
        const found = (await listCheckpoints(path)).flatMap(({ step, manifest }) => (manifest ? [step] : []))
        throw new TrainingError(
          `${end.error.message}. ${wayBack(path, trainer.step, configuration, found, since, verb)}`,
          {
            cause: end.error,
          },
        )
      }
      if (since === undefined || trainer.step - since < troubledSteps || stop?.requested) return
      const found = (await listCheckpoints(path)).map(({ step }) => step)
      log(
        `The loss has been far above what it was since step ${since}. ${wayBack(path, trainer.step, configuration, found, since, verb)}`,
      )
    },
  }
}
