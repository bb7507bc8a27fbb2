/** A run that outlives its device: another one is asked for, and the run goes on from what was kept in memory. */
import type { DeviceError } from '@kumiki/tensor'
import type { TrainerSnapshot } from '../snapshot.ts'
import type { Run, RunEnd, RunStop } from './run.ts'

/**
 * Whether an error says that a device is of no use any more: lost (WebGPU), or with a kernel that failed in a thread of its own (cpu).
 * What was on it is gone.
 */
export function isDeviceLost(error: unknown): boolean {
  // By name: an application may hold two copies of @kumiki/tensor.
  return error instanceof Error && error.name === 'DeviceError' && (error as DeviceError).lost
}

export interface DeviceLossOptions {
  /** Asks for an early end, as for `Run.train`. */
  readonly stop?: RunStop
  /** Called with each loss, and with the step that the run goes on from: 0 where nothing was kept yet. */
  readonly onLoss?: (error: Error, step: number) => void
}

/**
 * Trains a run to its end, whatever becomes of its device: where one is lost, it is disposed with its run, `begin` is asked for the run anew, and
 * it goes on from the state that `keepState` kept in memory, or from its beginning where there was none yet. It gives the bits of a run whose
 * device was never lost, on the same adapter. A run with a folder of checkpoints goes on from the disk as well: `kumiki train` does.
 *
 * @param begin makes the run on a device of its own, with `keepState: true`; data and observers anew, since those of a lost run have ended
 * @returns the run that came to the end, not disposed, and how it ended
 * @throws what the run throws for any other reason, and a loss where no state was kept since the one before it; run and device are disposed then too
 * @example
 * const begin = async () => {
 *   const device = await init() // a new one, each time
 *   const data = batches({ documents, eosId: 2, batchSize: 2, sequenceLength: 8 })
 *   return Run.create({ device, model, data, optimizer, schedule, steps: 2, keepState: true })
 * }
 * const { run, end } = await trainThroughDeviceLoss(begin)
 * run.dispose()
 * end.kind // 'finished'
 */
export async function trainThroughDeviceLoss(
  begin: () => Run | Promise<Run>,
  { stop, onLoss }: DeviceLossOptions = {},
): Promise<{ readonly run: Run; readonly end: RunEnd }> {
  let kept: TrainerSnapshot | undefined
  let lostAt = -1
  for (;;) {
    const run = await begin()
    try {
      if (!run.options.keepState)
        throw new RangeError('trainThroughDeviceLoss: the run keeps no state in memory; make it with keepState: true')
      if (kept) await run.trainer.restore(kept)
      return { run, end: await run.train(stop) }
    } catch (error) {
      kept = run.kept ?? kept
      const { device } = run.trainer
      run.dispose()
      device.dispose()
      if (!isDeviceLost(error)) throw error
      // Once for every state that is reached: a device that dies on the same way again is not asked for a third time.
      const step = kept?.step ?? 0
      if (step === lostAt) throw error
      lostAt = step
      onLoss?.(error as Error, step)
    }
  }
}
