/** The observer that writes a run's metrics for TensorBoard. Node only. */
import type { RunObserver } from '../run/run.ts'
import type { StepMetrics } from '../step-metrics.ts'
import { EventFile } from './event-file.ts'

export interface TensorBoardOptions {
  /** Folder of event files: that of `tensorboard --logdir`, or a subfolder of it, whose name is then the run's. */
  readonly folder: string
  /** The run's configuration, shown as text. */
  readonly configuration?: unknown
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number
  /** Called when events can no longer be written; the run continues without them. */
  readonly log?: (line: string) => void
}

/** Seconds between flushes of buffered events. */
const flushSeconds = 1

/** The group of each metric; those not listed are in `train`. */
const groups: Readonly<Record<string, string>> = {
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
export const tensorBoardTag = (metric: string): string => `${groups[metric] ?? 'train'}/${metric}`

/**
 * Writes the metrics of every step, held-out losses and the configuration as event files. A resumed run writes a new
 * file, with a restart event so that repeated steps replace earlier ones. If the disk is full, events stop but the run
 * continues.
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
      log?.(`${folder}: TensorBoard events are no longer written (${(error as Error).message})`)
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

/** JSON in a Markdown code block. */
const codeBlock = (value: unknown) => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``
