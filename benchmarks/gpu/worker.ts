/** The measuring process: all cases in order, reported to the process that supervises it. */
import { openAdapter } from './adapter.ts'
import { check, Devices, timed } from './measure.ts'
import { generation, hostCost, training } from './models.ts'
import { nvidia } from './nvidia.ts'
import { peaks } from './peaks.ts'
import { Budget, Cases, reasonOf } from './record.ts'
import type { Sizes } from './sizes.ts'
import type { WorkerMessage, WorkerTask } from './supervise.ts'

export async function measureAll(sizes: Sizes): Promise<void> {
  const send = (message: WorkerMessage) => process.send!(message)
  const task = await new Promise<WorkerTask>((resolve) => process.once('message', resolve))
  const { minutes, began } = task.budget
  const opened = await openAdapter().catch((error) => send({ kind: 'unusable', why: reasonOf(error) }))
  if (typeof opened !== 'object') return
  send({ kind: 'opened', opened })
  const cases = new Cases(task.done, new Budget(minutes, began), send)
  const devices = new Devices(opened.gpu)
  cases.afterFailure = () => devices.renew()
  const { adapter, limits, features, subgroupSizes, subgroupMatrixConfigs } = opened
  await cases.try('adapter', adapter, async () => ({
    ...nvidia('gpu_name,driver_version,memory.total,clocks.max.sm,power.limit'),
    subgroupSizes: subgroupSizes.map(String),
    features: [...features],
    subgroupMatrixConfigs: [...subgroupMatrixConfigs],
    limits: Object.entries(limits).map(([name, value]) => `${name}=${value}`),
  }))
  const peak = await peaks(cases, opened, sizes)
  const passed = await check(cases, devices, sizes)
  // Training first: if the time runs out, what is missing are the measurements that matter less.
  await training(cases, opened.gpu, sizes, peak)
  await timed(cases, devices, sizes, passed, peak)
  await generation(cases, devices, sizes)
  await hostCost(cases, devices, sizes.dispatches)
  send({ kind: 'done' })
}
