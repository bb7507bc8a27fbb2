/** A lost device: `GPUDevice.destroy()` while steps are in flight, on the WebGPU adapter of this machine. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runTrain } from '../src/train/train-command.ts'
import { metricLines, tinyRun } from './run-processes.ts'

/** The device of the run that was asked for last. */
let last: Device | undefined
let asked = 0
vi.mock('@kumiki/tensor', async (original) => {
  const tensor = await original<typeof import('@kumiki/tensor')>()
  const watched: typeof init = async (options) => {
    asked++
    last = await tensor.init(options)
    return last
  }
  return { ...tensor, init: watched }
})

const root = mkdtempSync(join(tmpdir(), 'kumiki-device-loss-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let said = ''
beforeAll(() => {
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text)
    return true
  })
})
afterAll(() => vi.restoreAllMocks())

const [, config, , texts] = tinyRun(root)
/** A schedule that loses the device before the update of a step, once. */
const losing = (name: string, step: number) => {
  const file = join(root, `losing-${name}.mjs`)
  writeFileSync(
    file,
    `let lost = false
export const schedules = {
  losing: () => (step) => {
    if (step === ${step} && !lost) {
      lost = true
      globalThis.loseTheDevice?.()
    }
    return 1e-3
  },
}`,
  )
  return file
}

test.each([
  [5, 'resuming from the checkpoint of step 4'],
  [1, 'restarting'],
])(
  'a device that is lost before the update of step %i: %s, with the bits of a run that kept it',
  async (step, words) => {
    const run = async (name: string, lose: boolean) => {
      const out = join(root, name)
      Object.assign(globalThis, {
        loseTheDevice: lose
          ? () => (last!.backend as unknown as { device: { destroy(): void } }).device.destroy()
          : undefined,
      })
      const overrides = { steps: 8, schedule: { kind: 'losing' } as never }
      const more = { plugin: losing(name, step), checkpointEvery: 4, device: 'webgpu' as const }
      await runTrain({ config, data: [texts], out, overrides, ...more })
      return out
    }
    const whole = await run(`whole-${step}`, false)
    said = ''
    const before = asked
    const lost = await run(`lost-${step}`, true)
    expect(asked - before).toBe(2)
    expect(said).toMatch(new RegExp(`the device was lost .*; ${words} on a new device`))
    const losses = (out: string) => metricLines(out).map(({ step, loss }) => [step, loss])
    expect(losses(lost)).toEqual(losses(whole))
    expect(readFileSync(join(lost, 'model.safetensors')).equals(readFileSync(join(whole, 'model.safetensors')))).toBe(
      true,
    )
  },
)
