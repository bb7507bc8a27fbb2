/**
 * Observers that write a run's folder: metrics, evaluations and checkpoints, and warnings if the loss diverges. Node
 * only.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../atomic-file.ts'
import { BackgroundSave } from '../checkpoints/background-save.ts'
import { listCheckpoints } from '../checkpoints/list.ts'
import { dropOldest } from '../checkpoints/save.ts'
import { messageWhileRunning, tolerateWriteFailures } from '../disk-error.ts'
import { MetricsLog } from '../metrics-log.ts'
import { TrainingError } from '../training-error.ts'
import type { RunConfiguration } from './configuration.ts'
import { DivergenceDetector } from './divergence-detector.ts'
import { divergenceAdvice, gapRemark, type MadeWith, type RunVerb } from './resume.ts'
import type { RunObserver, RunStop } from './run.ts'
import type { RunFolder } from './run-folder.ts'

export interface FolderObserverOptions {
  readonly folder: RunFolder
  /** The run's id, stored in its checkpoints. */
  readonly runId: string
  readonly configuration: RunConfiguration
  /** Number of newest checkpoints to keep. */
  readonly keep: number
  /** Also keep all checkpoints at multiples of this step count. */
  readonly keepEvery?: number
  /**
   * If a checkpoint or metrics cannot be written (a full disk): `stop` ends the run (default), `continue` logs it and
   * goes on.
   */
  readonly onWriteFailure?: 'stop' | 'continue'
  /** Called when a checkpoint has been written. */
  readonly onSaved?: (step: number) => void
  /** The device's name, stored in checkpoints. */
  readonly device: string
  /** The command that resumes the run, for messages; default train. */
  readonly verb?: RunVerb
  /** Whether the run goes back to an earlier step: metrics after it are moved to another file. */
  readonly wentBack?: boolean
  /** Training time in seconds, over all processes. */
  readonly seconds: () => number
  readonly stop?: RunStop
  readonly log: (line: string) => void
}

/** Steps of a diverged loss before the warning. */
const divergedSteps = 16

/**
 * The observers that write a run's folder; they must come first in the list.
 * @example
 * const kept = await RunFolder.create('runs/one')
 * const options = { folder: kept, runId: 'one', configuration, keep: 2, device: device.name, seconds: () => 0 }
 * const observers = folderObservers(options)
 * await kept.release()
 * observers.length > 0 // true
 */
export function folderObservers(options: FolderObserverOptions): RunObserver[] {
  const detector = new DivergenceDetector()
  return [
    keepMetrics(options, detector),
    keepEvaluations(options),
    keepCheckpoints(options, detector),
    reportDivergence(options, detector),
  ]
}

/** metrics.jsonl: one object per step. */
function keepMetrics(options: FolderObserverOptions, detector: DivergenceDetector): RunObserver {
  const { folder, wentBack, seconds, log, onWriteFailure } = options
  const tolerate = tolerateWriteFailures(onWriteFailure, log)
  let file: MetricsLog | undefined
  return {
    async onStart({ trainer }) {
      const aside = wentBack ? join(folder.path, `metrics-before-${trainer.step}.jsonl`) : undefined
      file = await MetricsLog.open(join(folder.path, 'metrics.jsonl'), trainer.step, { aside })
      const gap = gapRemark(file.gaps)
      if (gap) log(gap)
      for (const { step, loss, gradNorm } of file.kept)
        detector.push({ step: step!, loss: loss ?? Number.NaN, gradNorm: gradNorm ?? undefined })
    },
    async onStep(metrics) {
      detector.push(metrics)
      await tolerate(() => file!.append({ ...metrics, seconds: seconds() }), 'these metrics')
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
  const tolerate = tolerateWriteFailures(onWriteFailure, log)
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
      await tolerate(
        () => writeFileAtomically(path, `${JSON.stringify(evaluations)}\n`),
        'this file until the next write',
      )
    },
    onRewind({ toStep }) {
      evaluations = evaluations.filter(({ step }) => step <= toStep)
    },
  }
}

function keepCheckpoints(options: FolderObserverOptions, detector: DivergenceDetector): RunObserver {
  const { folder, runId, configuration, keep, keepEvery, device, seconds, onWriteFailure, onSaved, log } = options
  const saving = new BackgroundSave()
  /** Whether an earlier checkpoint exists to fall back to while the next one is written. */
  let safe = false
  let failure: unknown
  const failed = (error: unknown) => {
    if (onWriteFailure === 'continue')
      log(
        `The checkpoint could not be written: ${messageWhileRunning(error)}. The run continues; the next save tries again`,
      )
    else failure ??= error
  }
  const check = () => {
    if (failure !== undefined) throw failure
  }
  return {
    onStep: check,
    async onCheckpoint({ trainer, steps }) {
      // Another process may have taken over the run folder.
      await folder.check()
      await saving.idle()
      check()
      const made: MadeWith = { configuration, device }
      const { step } = trainer
      const done = saving
        .begin(folder.path, await trainer.snapshot(), {
          keep,
          keepEvery,
          keepBefore: detector.since,
          context: { run: runId, seconds: seconds(), made: { ...made } },
        })
        .then(() => {
          safe = true
          onSaved?.(step)
        }, failed)
      // The first and the last checkpoint are awaited.
      if (!safe || step >= steps || options.stop?.requested) await done
      check()
    },
    async onEnd({ kind }) {
      await saving.close()
      check()
      // The last save may be of a process that crashed before it deleted old checkpoints.
      if (kind === 'finished' && !safe) await dropOldest(folder.path, { keep, keepEvery, keepBefore: detector.since })
    },
  }
}

/** Reports a loss that has diverged and not recovered, with advice. */
function reportDivergence(
  { folder, configuration, verb, stop, log }: FolderObserverOptions,
  detector: DivergenceDetector,
): RunObserver {
  const { path } = folder
  /** The step of the divergence that was reported. */
  let said: number | undefined
  return {
    async onCheckpoint({ trainer }) {
      const { since } = detector
      if (since === undefined || since === said || trainer.step - since < divergedSteps) return
      said = since
      const before = (await listCheckpoints(path)).findLast(({ step, manifest }) => manifest && step < since)
      log(
        `The loss has been far above its earlier level since step ${since}; ${before ? `the checkpoint of step ${before.step}, before that, is kept` : 'there is no checkpoint from before that step'}`,
      )
    },
    async onEnd(end, { trainer }) {
      const { since } = detector
      if (end.kind === 'failed') {
        if (!(end.error instanceof TrainingError)) return
        const found = (await listCheckpoints(path)).flatMap(({ step, manifest }) => (manifest ? [step] : []))
        throw new TrainingError(
          `${end.error.message}. ${divergenceAdvice(path, trainer.step, configuration, found, since, verb)}`,
          {
            cause: end.error,
            problem: end.error.problem,
          },
        )
      }
      if (since === undefined || trainer.step - since < divergedSteps || stop?.requested) return
      const found = (await listCheckpoints(path)).map(({ step }) => step)
      log(
        `The loss has been far above its earlier level since step ${since}. ${divergenceAdvice(path, trainer.step, configuration, found, since, verb)}`,
      )
    },
  }
}
