/** Recovery from device loss: a new device is requested, and the run resumes from the state kept in memory. */
import type { DeviceError } from '@kumiki/tensor'
import type { TrainerSnapshot } from '../snapshot.ts'
import type { Run, RunEnd, RunStop } from './run.ts'

/**
 * Whether an error means that a device is unusable: lost (WebGPU), or a kernel failed in a worker thread (cpu). Its
 * tensors are lost too.
 */
export function isDeviceLost(error: unknown): error is DeviceError {
  // Compared by name, because an application may load two copies of @kumiki/tensor.
  return error instanceof Error && error.name === 'DeviceError' && (error as DeviceError).lost
}

export interface DeviceLossOptions {
  /** Requests an early end, as for `Run.train`. */
  readonly stop?: RunStop
  /** Called at each device loss with the error and the step that the run resumes from; 0 if no state was kept yet. */
  readonly onLoss?: (error: Error, step: number) => void
}

/**
 * Trains a run to its end and recovers from device loss: the lost device and its run are disposed, `begin` makes the
 * run again, and it resumes from the state that `keepState` keeps in memory, or from its beginning if there is none
 * yet. The result is bitwise that of a run without device loss on the same adapter. A run with a folder can also resume
 * from its checkpoints, as `kumiki train` does.
 *
 * @param begin makes the run on a new device, with `keepState: true`, and with new data and observers, because those of
 * a lost run have ended
 * @returns the run that reached the end, not disposed, and how it ended
 * @throws any other error of the run, and a device loss without progress since the previous one; run and device are
 * then disposed too
 * @example
 * const begin = async () => {
 *   const device = await init() // a new device each time
 *   const data = batches({ documents, eosId: 2, batchSize: 2, sequenceLength: 8 })
 *   return Run.create({ device, model, data, optimizer, schedule, steps: 2, keepState: true })
 * }
 * const { run, end } = await trainWithDeviceRecovery(begin)
 * run.dispose()
 * end.kind // 'finished'
 */
export async function trainWithDeviceRecovery(
  begin: () => Run | Promise<Run>,
  { stop, onLoss }: DeviceLossOptions = {},
): Promise<{ readonly run: Run; readonly end: RunEnd }> {
  let kept: TrainerSnapshot | undefined
  let lostAt = -1
  for (;;) {
    const run = await begin()
    try {
      if (!run.options.keepState)
        throw new RangeError(
          'trainWithDeviceRecovery: the run keeps no state in memory; create it with keepState: true',
        )
      if (kept) await run.trainer.restore(kept)
      return { run, end: await run.train(stop) }
    } catch (error) {
      kept = run.kept ?? kept
      const { device } = run.trainer
      run.dispose()
      device.dispose()
      if (!isDeviceLost(error)) throw error
      // Gives up at the second loss from the same state, which would repeat forever.
      const step = kept?.step ?? 0
      if (step === lostAt) throw error
      lostAt = step
      onLoss?.(error as Error, step)
    }
  }
}
