/** Where a run stands when a signal comes, and what is said then. */
import { listCheckpoints, type RunFolder, Stopped, type StopSignal, shellWord } from '@kumiki/train/node'

/** What signals are answered with. */
export interface StopPlace {
  /** What is being done. */
  phase: string
  /** Whether steps are being made. */
  stepping?: boolean
  /** The newest checkpoint; undefined before there is one. */
  kept: number | undefined
}

/** The step of the newest sound checkpoint. */
export async function keptIn(folder: RunFolder): Promise<number | undefined> {
  return (await listCheckpoints(folder.path)).findLast(({ manifest }) => manifest)?.step
}

export function resumeHint(folder: string, kept: number | undefined): string {
  return kept === undefined
    ? 'No checkpoint was made yet'
    : `The checkpoint of step ${kept} is kept; go on with: kumiki train --resume ${shellWord(folder)}`
}

export function stopped(signal: StopSignal, folder: string, { phase, stepping, kept }: StopPlace): Stopped {
  return kept === undefined
    ? new Stopped(signal, `stopped by ${signal} ${phase}; no step was made and nothing is kept`)
    : new Stopped(
        signal,
        `stopped by ${signal} ${stepping ? `at step ${kept}` : phase}; go on with: kumiki train --resume ${shellWord(folder)}`,
        0,
      )
}
