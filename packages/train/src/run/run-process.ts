/** One process of a run: its training time, and its entry in run.json. Node only. */
import { tolerateWriteFailures } from '../disk-error.ts'
import type { RunObserver } from './run.ts'
import type { RunPlan } from './run-plan.ts'
import { type RunRecord, secondsOf, writeRecord } from './run-record.ts'

/** Training time of a run in seconds, over all of its processes. */
export class RunClock {
  private readonly started: number
  /** Seconds of earlier processes according to run.json. */
  private readonly recorded: number
  private before: number
  /** Start of this process by the system's clock, ISO 8601. */
  readonly began: string

  /** @param started start of this process by `performance.now()` */
  constructor(record: RunRecord, started = performance.now()) {
    this.started = started
    this.began = new Date(Date.now() - (performance.now() - started)).toISOString()
    this.recorded = secondsOf(record)
    this.before = this.recorded
  }

  /** Raises the earlier time to that of metrics and checkpoints, which include a killed process. */
  atLeast(seconds: number): void {
    this.before = Math.max(this.before, seconds)
  }

  /** Seconds of the whole run. */
  seconds(): number {
    return this.before + (performance.now() - this.started) / 1000
  }

  /** Seconds since the last write of run.json before this process. */
  sinceRecord(): number {
    return this.seconds() - this.recorded
  }
}

/**
 * The observer that writes run.json at the start, with every checkpoint and at the end. It must come after
 * `folderObservers`.
 * @param log reports that it cannot be written, if the run is to continue then
 * @param known facts known when training begins: the architecture with its vocabulary, the tokens of the data
 */
export function runRecordObserver(
  { folder, record, changed }: RunPlan,
  device: string,
  clock: RunClock,
  known: Pick<RunRecord, 'architecture' | 'tokens' | 'corpus'>,
  log?: (line: string) => void,
): RunObserver {
  const tolerate = tolerateWriteFailures(record.controls?.onFullDisk, log)
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
    onCheckpoint: ({ trainer }) => tolerate(() => write(trainer.step), 'it until it is written next'),
    async onEnd(end, { trainer }) {
      if (end.kind === 'finished') await write(trainer.step)
    },
  }
}
