/** A run's figures as TensorBoard shows them. Node only. */
import type { RunObserver } from '../run/run.ts'
import type { StepMetrics } from '../step-metrics.ts'
import { EventFile } from './event-file.ts'

export interface TensorBoardOptions {
  /** Where event files go: what `tensorboard --logdir` is given, or a folder in it, whose name is the run's there. */
  readonly folder: string
  /** What is trained and how; shown as text. */
  readonly configuration?: unknown
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number
  /** Where it is said that events can no longer be written: the run goes on without them. */
  readonly log?: (line: string) => void
}

/** Seconds that events wait to be written together. */
const flushSeconds = 1

/** Under which heading each figure stands; what is not named here stands under `train`. */
const headings: Readonly<Record<string, string>> = {
  learningRate: 'optimizer',
  gradNorm: 'optimizer',
  updateRatio: 'optimizer',
  effectiveStep: 'optimizer',
  clippedNorm: 'optimizer',
  tokensPerSecond: 'performance',
  mfu: 'performance',
  programBytes: 'performance',
  processBytes: 'performance',
}

/** A scalar's tag: `train/loss`, `performance/tokensPerSecond` and so on. */
export const tensorBoardTag = (metric: string): string => `${headings[metric] ?? 'train'}/${metric}`

/**
 * Writes every step's figures, held-out losses and the configuration as event files. A run that goes on writes a file of its own, which says that
 * steps it makes again replace those of before. A full disk ends the events, not the run.
 */
export function tensorBoardObserver({ folder, configuration, now = Date.now, log }: TensorBoardOptions): RunObserver {
  let file: EventFile | undefined
  let flushed = 0
  const guarded = async (work: () => Promise<unknown>) => {
    try {
      await work()
    } catch (error) {
      await file?.close().catch(() => {})
      file = undefined
      log?.(`${folder}: TensorBoard's events are not written any more (${(error as Error).message})`)
    }
  }
  const flush = async (all: boolean) => {
    if (!file || (!all && performance.now() - flushed < flushSeconds * 1000)) return
    flushed = performance.now()
    await file.flush()
  }
  return {
    onStart: ({ trainer }) =>
      guarded(async () => {
        const wallTime = now() / 1000
        file = await EventFile.create(folder, wallTime)
        if (trainer.step > 0) file.add({ wallTime, step: trainer.step + 1, restart: true })
        if (configuration !== undefined)
          file.add({ wallTime, step: trainer.step, texts: { configuration: codeBlock(configuration) } })
        await flush(true)
      }),
    onStep: (metrics) =>
      guarded(async () => {
        file?.add({ wallTime: now() / 1000, step: metrics.step, scalars: scalarsOf(metrics) })
        await flush(false)
      }),
    onEvaluation: ({ step, natsPerToken }) =>
      guarded(async () => {
        file?.add({ wallTime: now() / 1000, step, scalars: { 'heldOut/natsPerToken': natsPerToken } })
        await flush(true)
      }),
    onRewind({ toStep }) {
      file?.add({ wallTime: now() / 1000, step: toStep + 1, restart: true })
    },
    onCheckpoint: () => guarded(() => flush(true)),
    onEnd: () => guarded(async () => file?.close()),
  }
}

function scalarsOf({ step: _, ...metrics }: StepMetrics): Record<string, number> {
  const scalars: Record<string, number> = {}
  for (const [name, value] of Object.entries(metrics)) if (value !== undefined) scalars[tensorBoardTag(name)] = value
  return scalars
}

/** JSON as Markdown shows it unchanged. */
const codeBlock = (value: unknown) => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``
