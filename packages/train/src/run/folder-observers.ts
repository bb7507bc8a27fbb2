/** What keeps a run in its folder: metrics, evaluations and checkpoints, and a warning where the loss diverges. Node only. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../atomic-file.ts'
import { listCheckpoints } from '../checkpoints/list.ts'
import { saveCheckpoint } from '../checkpoints/save.ts'
import { MetricsLog } from '../metrics-log.ts'
import { TrainingError } from '../trainer.ts'
import type { RunConfiguration } from './configuration.ts'
import { gapRemark, type MadeWith, wayBack } from './resume.ts'
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
  /** The device's name, for the checkpoints. */
  readonly device: string
  /** Whether an earlier step was asked for: the metrics after it are put aside. */
  readonly wentBack?: boolean
  /** Seconds of training over all processes. */
  readonly seconds: () => number
  readonly stop?: RunStop
  readonly log: (line: string) => void
}

/** Steps of a diverged loss before there is a warning. */
const troubledSteps = 16

/** The observers of a run that lives in a folder, to be given first. */
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
function keepMetrics({ folder, wentBack, seconds, log }: FolderObserverOptions, watch: TroubleWatch): RunObserver {
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
      await file!.append({ ...metrics, seconds: seconds() })
      watch.push(metrics)
    },
    onEnd: () => file?.close(),
  }
}

/** evaluations.json: held-out losses during training. */
function keepEvaluations({ folder }: FolderObserverOptions): RunObserver {
  const path = join(folder.path, 'evaluations.json')
  let evaluations: { step: number; natsPerToken: number }[] = []
  return {
    async onStart({ trainer, evaluated }) {
      const before: unknown = await readFile(path, 'utf8')
        .then(JSON.parse)
        .catch(() => [])
      if (Array.isArray(before))
        evaluations = before.filter((e) => Number.isSafeInteger(e?.step) && e.step <= trainer.step)
      for (const { step } of evaluations) evaluated.add(step)
    },
    async onEvaluation({ step, natsPerToken }) {
      evaluations.push({ step, natsPerToken })
      await writeFileAtomically(path, `${JSON.stringify(evaluations)}\n`)
    },
  }
}

function keepCheckpoints(options: FolderObserverOptions, watch: TroubleWatch): RunObserver {
  const { folder, runId, configuration, keep, device, seconds } = options
  return {
    async onCheckpoint({ trainer }) {
      // Another process may have taken the run over meanwhile.
      await folder.check()
      const made: MadeWith = { configuration, device }
      await saveCheckpoint(folder.path, await trainer.snapshot(), {
        keep,
        keepBefore: watch.since,
        context: { run: runId, seconds: seconds(), made: { ...made } },
      })
    },
  }
}

/** Says where the loss has gone wrong and stayed so, and what to do about it. */
function sayTrouble({ folder, configuration, stop, log }: FolderObserverOptions, watch: TroubleWatch): RunObserver {
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
        throw new TrainingError(`${end.error.message}. ${wayBack(path, trainer.step, configuration, found, since)}`, {
          cause: end.error,
        })
      }
      if (since === undefined || trainer.step - since < troubledSteps || stop?.requested) return
      const found = (await listCheckpoints(path)).map(({ step }) => step)
      log(
        `The loss has been far above what it was since step ${since}. ${wayBack(path, trainer.step, configuration, found, since)}`,
      )
    },
  }
}
