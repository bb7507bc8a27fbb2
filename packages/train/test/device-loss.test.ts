/** Recovery from a lost device, from state kept in memory. */
import { type Device, DeviceError, init } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { isDeviceLost, Run, type RunOptions, trainWithDeviceRecovery } from '../src/index.ts'
import { expectEqualStates, tiny, tinyOptions } from './tiny.ts'

const lost = () => new DeviceError('webgpu: the device was lost (unplugged); everything on it is gone', { lost: true })

// Many trainers are made.
const architecture = { ...tiny, numHiddenLayers: 1 }

/** A run of 7 steps, its state kept after every second, whose device fails before these updates, one after another. */
function failing(updates: readonly number[], more: Partial<RunOptions> = {}, error: () => Error = lost) {
  const left = [...updates]
  const devices: Device[] = []
  const steps: number[] = []
  const begin = async () => {
    const device = await init({ backend: 'cpu', threads: 1 })
    devices.push(device)
    const schedule = (step: number) => {
      if (step !== left[0]) return 3e-3
      left.shift()
      throw error()
    }
    const options = {
      ...tinyOptions(device, { architecture, seed: 1, schedule }),
      steps: 7,
      cadence: { checkpointSteps: 2 },
    }
    return Run.create({ ...options, keepState: true, ...more }, [{ onStep: ({ step }) => void steps.push(step) }])
  }
  return { begin, devices, steps }
}

test('a run without a folder goes on from memory on another device, with the bits of one that kept its own', async () => {
  const whole = await trainWithDeviceRecovery(failing([]).begin)
  const said: [string, number][] = []
  const { begin, devices, steps } = failing([1, 5])
  const again = await trainWithDeviceRecovery(begin, { onLoss: ({ message }, step) => said.push([message, step]) })
  expect(said).toEqual([
    [lost().message, 0],
    [lost().message, 4],
  ])
  expect(again.end).toEqual({ kind: 'finished' })
  // Metrics come a step late: those of the step before a loss are lost with the device.
  expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7])
  await expectEqualStates(again.run.trainer, whole.run.trainer)
  expect(again.run.kept?.step).toBe(7)
  expect(devices.length).toBe(3)
  for (const { run } of [whole, again]) {
    run.dispose()
    run.trainer.device.dispose()
  }
})

test('a device that is lost again before another state is kept, and any other failure, end it', async () => {
  const twice = failing([0, 0, 0])
  await expect(trainWithDeviceRecovery(twice.begin)).rejects.toThrow(/the device was lost/)
  expect(twice.devices.length).toBe(2)
  const other = failing([0], {}, () => new Error('something else'))
  await expect(trainWithDeviceRecovery(other.begin)).rejects.toThrow('something else')
  await expect(trainWithDeviceRecovery(failing([], { keepState: false }).begin)).rejects.toThrow(/with keepState: true/)
})

test.each([
  [lost(), true],
  [
    new DeviceError('cpu: a kernel failed in a worker thread; the device cannot be used any more', { lost: true }),
    true,
  ],
  [new DeviceError('webgpu: out of memory'), false],
  [new DeviceError('the device was lost'), false],
  [new Error('the device was lost'), false],
  ['the device was lost', false],
])('%s: lost is %s', (error, is) => expect(isDeviceLost(error)).toBe(is))
