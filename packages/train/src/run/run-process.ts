/** The part of one process in a run: its time, and its entry in run.json. Node only. */
import { bearable } from '../disk-error.ts'
import type { RunObserver } from './run.ts'
import type { RunPlan } from './run-plan.ts'
import { type RunRecord, secondsOf, writeRecord } from './run-record.ts'

/** Counts the seconds of a run over all of its processes. */
export class RunClock {
  private readonly started: number
  /** Of the processes before this one, as far as run.json knows. */
  private readonly recorded: number
  private before: number
  /** When this process began, as ISO time: by the system's clock as it stood then. */
  readonly began: string

  /** @param started when this process began, by `performance.now()` */
  constructor(record: RunRecord, started = performance.now()) {
    this.started = started
    this.began = new Date(Date.now() - (performance.now() - started)).toISOString()
    this.recorded = secondsOf(record)
    this.before = this.recorded
  }

  /** A process that was killed said how long it took in its metrics and checkpoints alone. */
  atLeast(seconds: number): void {
    this.before = Math.max(this.before, seconds)
  }

  /** Of the whole run. */
  seconds(): number {
    return this.before + (performance.now() - this.started) / 1000
  }

  /** Since run.json was written last before this process. */
  sinceRecord(): number {
    return this.seconds() - this.recorded
  }
}

/**
 * Writes run.json at the start, with every checkpoint and at the end. Give it after `folderObservers`.
 * @param log where it is said that it cannot be written, where the run shall go on then
 * @param known what is known by now: the architecture with its vocabulary, the tokens of the text
 */
export function keepRecord(
  { folder, record, changed }: RunPlan,
  device: string,
  clock: RunClock,
  known: Pick<RunRecord, 'architecture' | 'tokens' | 'corpus'>,
  log?: (line: string) => void,
): RunObserver {
  const bear = bearable(record.conduct?.onFullDisk, log)
  let fromStep = 0
  const write = (step: number) =>
    writeRecord(folder.path, {
      ...record,
      ...known,
      device,
      processes: [
        ...record.processes,
        {
          started: clock.began,
          device,
          fromStep,
          step,
          seconds: clock.sinceRecord(),
          ...(Object.keys(changed).length > 0 && { changed }),
        },
      ],
    })
  return {
    async onStart({ trainer }) {
      fromStep = trainer.step
      await write(trainer.step)
    },
    onCheckpoint: ({ trainer }) => bear(() => write(trainer.step), 'it until it is written next'),
    async onEnd(end, { trainer }) {
      if (end.kind === 'finished') await write(trainer.step)
    },
  }
}
