/** Runs and their observers: order of calls, stopping, failures, resuming. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Run, type RunObserver, type RunOptions, type RunStop, TrainingError } from '../src/index.ts'
import { folderObservers, listCheckpoints, loadNewestCheckpoint, RunFolder } from '../src/node.ts'
import { documents, expectEqualStates, heldOut, type TinyRun, tinyOptions } from './tiny.ts'

let device: Device
let root: string
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  root = await mkdtemp(join(tmpdir(), 'kumiki-run-'))
})
afterAll(async () => {
  device.dispose()
  await rm(root, { recursive: true })
})

const configuration = (extra: Partial<RunOptions> & TinyRun = {}): RunOptions => {
  const { steps = 7, cadence, ...rest } = extra
  const base = tinyOptions(device, { seed: 1, ...rest })
  return { ...base, steps, cadence, heldOut: heldOut(documents.slice(0, 4)) }
}

/** Writes down what it sees. */
function witness(more: Partial<RunObserver> = {}): RunObserver & { readonly seen: string[] } {
  const seen: string[] = []
  return {
    seen,
    onStart: ({ trainer }) => void seen.push(`start ${trainer.step}`),
    onStep: ({ step }) => void seen.push(`${step}`),
    onCheckpoint: ({ trainer }) => void seen.push(`checkpoint ${trainer.step}`),
    onEvaluation: ({ step, natsPerToken }) => void seen.push(`evaluation ${step} ${natsPerToken > 0}`),
    onEnd: ({ kind }) => void seen.push(kind),
    ...more,
  }
}

/** Asks to stop once so many steps were listened to. */
function stopAfter(count: number): RunStop {
  const controller = new AbortController()
  return {
    get requested() {
      return controller.signal.aborted
    },
    signal: controller.signal,
    async listen() {
      if (count-- <= 0) controller.abort()
      return controller.signal.aborted
    },
  }
}

describe('a run', () => {
  test('shows observers every step once, and stands still where checkpoints and evaluations are due', async () => {
    const one = witness()
    const run = Run.create(configuration({ cadence: { checkpointSteps: 3, evaluationSteps: 4 } }), [one])
    expect(await run.train()).toEqual({ kind: 'finished' })
    expect(one.seen).toEqual(
      ['start 0', 1, 2, 3, 'checkpoint 3', 4, 'evaluation 4 true', 5, 6, 'checkpoint 6', 7]
        .map(String)
        .concat(['checkpoint 7', 'evaluation 7 true', 'finished']),
    )
    run.dispose()
  })

  test('stops on request after the current step, with a checkpoint and no evaluation', async () => {
    const one = witness()
    const run = Run.create(configuration(), [one])
    expect(await run.train(stopAfter(3))).toEqual({ kind: 'stopped' })
    // Metrics come a step late: the step under way is read too.
    expect(one.seen).toEqual(['start 0', '1', '2', '3', '4', 'checkpoint 4', 'stopped'])
    run.dispose()
  })

  test('ends for every observer when it fails, and one that fails ends it', async () => {
    const [first, last] = [witness(), witness()]
    const run = Run.create(configuration({ schedule: () => 1e30, steps: 30 }), [first, last])
    await expect(run.train()).rejects.toThrow(TrainingError)
    expect([first.seen.at(-1), last.seen.at(-1)]).toEqual(['failed', 'failed'])
    run.dispose()
    const full = witness({
      onCheckpoint: () => {
        throw new Error('the disk is full')
      },
    })
    const end = witness({
      onEnd: () => {
        throw new Error('and no report')
      },
    })
    const other = witness()
    const broken = Run.create(configuration(), [full, end, other])
    await expect(broken.train()).rejects.toThrow(/and no report/)
    expect(full.seen.slice(-2)).toEqual(['7', 'failed'])
    expect(other.seen.at(-1)).toBe('failed')
    broken.dispose()
  })

  test('refuses a cadence that cannot be', () => {
    expect(() => Run.create(configuration({ steps: 0 }))).toThrow(/steps must be an integer of at least 1, got 0/)
    expect(() => Run.create(configuration({ cadence: { evaluationSteps: 1.5 } }))).toThrow(/evaluationSteps must be/)
    expect(() => Run.create(configuration({ cadence: { checkpointMinutes: 0 } }))).toThrow(/must be above 0, got 0/)
  })
})

test('in a folder it keeps metrics, evaluations and checkpoints, and resumes bit for bit', async () => {
  const cadence = { checkpointSteps: 4, evaluationSteps: 2 }
  const inJson = { learningRate: 3e-3 } as never
  const inFolder = (folder: RunFolder, said: string[] = []) =>
    folderObservers({
      folder,
      runId: 'one',
      configuration: inJson,
      keep: 2,
      device: device.name,
      seconds: () => 1,
      log: (line) => void said.push(line),
    })
  const path = (name: string) => join(root, 'kept', name)
  const whole = Run.create(configuration({ cadence, steps: 6 }))
  await whole.train()
  const folder = await RunFolder.create(join(root, 'kept'))
  const first = Run.create(configuration({ cadence, steps: 6 }), inFolder(folder))
  await first.train(stopAfter(2))
  expect(first.trainer.step).toBe(2)
  first.dispose()
  const second = Run.create(configuration({ cadence, steps: 6 }), inFolder(folder))
  await second.trainer.restore((await loadNewestCheckpoint(folder.path, { run: 'one' }))!.snapshot)
  await second.train()
  await expectEqualStates(whole.trainer, second.trainer)
  const lines = (await readFile(path('metrics.jsonl'), 'utf8')).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).step)).toEqual([1, 2, 3, 4, 5, 6])
  const evaluations = JSON.parse(await readFile(path('evaluations.json'), 'utf8'))
  expect(evaluations.map((e: { step: number }) => e.step)).toEqual([4, 6])
  expect((await listCheckpoints(folder.path)).map(({ step }) => step)).toEqual([4, 6])
  for (const run of [whole, second]) run.dispose()
  const said: string[] = []
  const wild = Run.create(configuration({ steps: 40, schedule: () => 1e30 }), inFolder(folder, said))
  await expect(wild.train()).rejects.toThrow(
    /training stopped\..* kumiki train --resume .*kept@6 --learning-rate 0\.001/,
  )
  wild.dispose()
  await folder.release()
})
