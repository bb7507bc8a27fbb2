/** The progress of a run for the messages at a signal. */
import { listCheckpoints, type RunFolder, Stopped, type StopSignal, shellQuote } from '@kumiki/train/node'

/** The state of a run that the messages at a signal report. */
export interface StopPlace {
  /** The current phase of the work, such as "before the first step". */
  phase: string
  /** Whether training steps are running. */
  stepping?: boolean
  /** The step of the newest checkpoint; undefined before the first. */
  kept: number | undefined
}

/** The step of the newest valid checkpoint. */
export async function keptIn(folder: RunFolder): Promise<number | undefined> {
  return (await listCheckpoints(folder.path)).findLast(({ manifest }) => manifest)?.step
}

export function resumeHint(folder: string, kept: number | undefined): string {
  return kept === undefined
    ? 'No checkpoint was written yet'
    : `The checkpoint of step ${kept} is kept; resume with: kumiki train --resume ${shellQuote(folder)}`
}

export function stopped(signal: StopSignal, folder: string, { phase, stepping, kept }: StopPlace): Stopped {
  return kept === undefined
    ? new Stopped(signal, `stopped by ${signal} ${phase}; no checkpoint was written`)
    : new Stopped(
        signal,
        `stopped by ${signal} ${stepping ? `at step ${kept}` : phase}; resume with: kumiki train --resume ${shellQuote(folder)}`,
        0,
      )
}
