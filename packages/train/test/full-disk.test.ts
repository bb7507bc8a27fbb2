/**
 * A disk that is really full: a tmpfs of 4 MiB. Where none can be mounted (no root, no Linux), checkpoints.test.ts
 * simulates failing writes.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Run, type RunObserver } from '../src/index.ts'
import { folderObservers, loadNewestCheckpoint, RunFolder, saveCheckpoint } from '../src/node.ts'
import { documents, heldOut, tinyOptions } from './tiny.ts'

const page = 4096
const disk = mkdtempSync(join(tmpdir(), 'kumiki-full-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0
afterAll(() => {
  if (mounted) spawnSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true, force: true })
})

const filler = join(disk, 'filler')
const empty = () => rmSync(filler, { force: true })
/** Leaves so many pages free. */
function fill(free: number): void {
  empty()
  writeFileSync(filler, new Uint8Array(Math.max(0, statfsSync(disk).bavail - free) * page))
}

if (!mounted) console.warn('full-disk.test.ts: 2 tests are skipped: no tmpfs can be mounted here')

describe.skipIf(!mounted)('on a full disk', () => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend: 'cpu', threads: 1 })
  })
  afterAll(() => device?.dispose())
  beforeEach(async () => {
    for (const name of await readdir(disk)) await rm(join(disk, name), { recursive: true })
  })

  test('a save that fails at any write leaves what was there, says what to do, and succeeds once there is room', async () => {
    const array = (step: number) => ({ shape: [3000], data: new Float32Array(3000).fill(step) })
    const at = (step: number) => ({
      step,
      tokens: step,
      batches: { sequence: step },
      arrays: new Map([
        ['params.a', array(step)],
        ['params.b', array(step)],
      ]),
    })
    const run = join(disk, 'run')
    const names = () => readdir(join(run, 'checkpoints'))
    // Two shards, so that there are three files to fail in.
    const save = (step: number) => saveCheckpoint(run, at(step), { shardBytes: 12_000 })
    for (const step of [1, 2]) await save(step)
    const before = await names()
    let free = 0
    for (; ; free++) {
      fill(free)
      const failure = await save(3).then(
        () => undefined,
        (error: Error) => error.message,
      )
      if (failure === undefined) break
      expect(failure).toMatch(
        /checkpoints: the disk is full; existing checkpoints are intact\. Free some space and resume/,
      )
      expect(await names()).toEqual(before)
      expect((await loadNewestCheckpoint(run))!.snapshot).toEqual(at(2))
    }
    // Each file takes a page at least.
    expect(free).toBeGreaterThan(6)
    expect((await loadNewestCheckpoint(run))!.snapshot).toEqual(at(3))
  })

  test.each(['stop', 'continue'] as const)('a run does as it was told: %s', async (onWriteFailure) => {
    const folder = await RunFolder.create(join(disk, 'run'))
    const said: string[] = []
    const options = { ...tinyOptions(device, { seed: 1 }), steps: 8, heldOut: heldOut(documents.slice(0, 2)) }
    const cadence = { checkpointSteps: 2, evaluationSteps: 2 }
    const space: RunObserver = {
      onStep({ step }) {
        if (step === 3) fill(0)
        if (step === 7) empty()
      },
    }
    const observers = folderObservers({
      folder,
      runId: 'one',
      configuration: { learningRate: 3e-3 } as never,
      keep: 1,
      onWriteFailure,
      device: device.name,
      seconds: () => 1,
      log: (line) => void said.push(line),
    })
    const run = Run.create({ ...options, cadence }, [space, ...observers])
    const end = run.train()
    if (onWriteFailure === 'stop') {
      await expect(end).rejects.toThrow(/the disk is full; .*Free some space and resume the run/)
      empty()
      expect((await loadNewestCheckpoint(folder.path))!.snapshot.step).toBe(2)
    } else {
      expect(await end).toEqual({ kind: 'finished' })
      const onTheWay = said.filter((line) => /The run continues/.test(line))
      expect(onTheWay.length).toBeGreaterThan(0)
      for (const line of onTheWay) expect(line).toMatch(/Free some space\. The run continues/)
      expect((await loadNewestCheckpoint(folder.path))!.snapshot.step).toBe(8)
      // Whole lines only: what could not be written is missing, and nothing is torn.
      const lines = readFileSync(join(folder.path, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
      const steps = lines.map((line) => JSON.parse(line).step)
      expect([steps[0], steps.at(-1)]).toEqual([1, 8])
      const evaluations = JSON.parse(readFileSync(join(folder.path, 'evaluations.json'), 'utf8'))
      expect(evaluations.map((e: { step: number }) => e.step)).toEqual([2, 4, 6, 8])
    }
    run.dispose()
    await folder.release()
  })
})
