/** A lost device: `GPUDevice.destroy()` while steps are in flight, on the WebGPU adapter of this machine. */
import { type Device, init } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { Run, trainWithDeviceRecovery } from '../src/index.ts'
import { expectEqualStates, tiny, tinyOptions } from './tiny.ts'

// A device that is really lost: GPUDevice.destroy() while steps are under way, on the WebGPU adapter that is there.
const destroy = (device: Device) => (device.backend as unknown as { device: { destroy(): void } }).device.destroy()

async function trained(losses: readonly number[]) {
  const left = [...losses]
  const begin = async () => {
    const device = await init({ backend: 'webgpu' })
    const schedule = (step: number) => {
      if (step === left[0]) {
        left.shift()
        destroy(device)
      }
      return 3e-3
    }
    const options = tinyOptions(device, { architecture: { ...tiny, numHiddenLayers: 1 }, seed: 1, schedule })
    return Run.create({ ...options, steps: 7, cadence: { checkpointSteps: 2 }, keepState: true })
  }
  const from: number[] = []
  const { run, end } = await trainWithDeviceRecovery(begin, { onLoss: (_, step) => from.push(step) })
  return { run, end, from }
}

test('a run goes on from memory on another WebGPU device, with the bits of one that kept its own', async () => {
  const whole = await trained([])
  const again = await trained([1, 5])
  expect(again.from).toEqual([0, 4])
  expect(again.end).toEqual({ kind: 'finished' })
  await expectEqualStates(again.run.trainer, whole.run.trainer)
  for (const { run } of [whole, again]) {
    run.dispose()
    run.trainer.device.dispose()
  }
})
