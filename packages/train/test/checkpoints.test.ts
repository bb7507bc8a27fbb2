/** Checkpoints: retention, several files, background writes, corruption, interrupted writes. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TrainerSnapshot } from '../src/index.ts'
import {
  BackgroundSave,
  type Disk,
  listCheckpoints,
  loadCheckpoint,
  loadNewestCheckpoint,
  nodeDisk,
  RunFolder,
  saveCheckpoint,
} from '../src/node.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kumiki-checkpoints-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A small state that tells its step in every number. */
function snapshotAt(step: number): TrainerSnapshot {
  const batches = { version: 1, fingerprint: 'x', seed: 0, epoch: 0, sequence: step } as const
  const array = (n: number) => ({ shape: [n], data: new Float32Array(n).fill(step) })
  return {
    step,
    tokens: step * 10,
    batches,
    arrays: new Map([
      ['params.a', array(70)],
      ['optimizer.m.a', array(70)],
    ]),
  }
}

const stepsOf = async (run: string) => (await listCheckpoints(run)).map((c) => c.step)

async function runOf(name: string, steps: readonly number[], keep = 5): Promise<string> {
  const run = join(folder, name)
  for (const step of steps) await saveCheckpoint(run, snapshotAt(step), { keep, context: { run: name } })
  return run
}

async function flipBit(file: string, at: number): Promise<void> {
  const bytes = await readFile(file)
  bytes[at < 0 ? bytes.length + at : at] ^= 1
  await writeFile(file, bytes)
}

test('the newest by time are kept, whatever their steps', async () => {
  const run = await runOf('second-run', [36, 40], 2)
  // A run that went back to its beginning.
  await saveCheckpoint(run, snapshotAt(4))
  expect(await stepsOf(run)).toEqual([40, 4])
  await saveCheckpoint(run, snapshotAt(8), { keep: 1 })
  expect(await stepsOf(run)).toEqual([8])
  // The same step again has a name of its own.
  await saveCheckpoint(run, snapshotAt(8), { keep: 2 })
  expect((await listCheckpoints(run)).map((c) => c.name)).toEqual(['step-00000008', 'step-00000008-2'])
  await expect(saveCheckpoint(run, snapshotAt(9), { keep: 0 })).rejects.toThrow(/keep must be an integer of at least 1/)
})

test('every so many steps one stays for good', async () => {
  const run = join(folder, 'every')
  for (const step of [10, 20, 30, 40, 50, 60]) await saveCheckpoint(run, snapshotAt(step), { keep: 1, keepEvery: 20 })
  expect(await stepsOf(run)).toEqual([20, 40, 60])
  await expect(saveCheckpoint(run, snapshotAt(70), { keepEvery: 1.5 })).rejects.toThrow(/keepEvery must be an integer/)
})

test('a large state is several files, each with its checksum', async () => {
  const run = join(folder, 'shards')
  const path = await saveCheckpoint(run, snapshotAt(10), { shardBytes: 300 })
  expect((await readdir(path)).sort()).toEqual([
    'checkpoint.json',
    'state-00001-of-00002.safetensors',
    'state-00002-of-00002.safetensors',
  ])
  expect(await loadCheckpoint(path)).toEqual(snapshotAt(10))
  await rm(join(path, 'state-00002-of-00002.safetensors'))
  await expect(loadCheckpoint(path)).rejects.toThrow(/state-00002-of-00002\.safetensors/)
})

test('a thread writes what would keep training waiting, one save after another; its failure is told', async () => {
  const run = join(folder, 'thread')
  const saving = new BackgroundSave({ threadBytes: 1 })
  const first = saving.begin(run, snapshotAt(1), { keep: 2 })
  const second = saving.begin(run, snapshotAt(2), { keep: 2 })
  expect(saving.busy).toBe(true)
  await Promise.all([first, second])
  expect((await loadNewestCheckpoint(run))!.snapshot).toEqual(snapshotAt(2))
  await writeFile(join(folder, 'a-file'), '')
  await expect(saving.begin(join(folder, 'a-file', 'run'), snapshotAt(3), {})).rejects.toThrow(/a-file/)
  await saving.close()
  expect(await stepsOf(run)).toEqual([1, 2])
})

test('one from before a divergence stays', async () => {
  const run = await runOf('trouble', [10, 20, 30], 3)
  for (const step of [40, 50, 60]) await saveCheckpoint(run, snapshotAt(step), { keep: 2, keepBefore: 35 })
  expect(await stepsOf(run)).toEqual([30, 50, 60])
})

describe('a damaged checkpoint', () => {
  const damages: [string, (path: string) => Promise<void>, RegExp][] = [
    ['one flipped bit of the state', (p) => flipBit(join(p, 'state.safetensors'), -1), /checksum does not match/],
    ['one flipped bit of the header', (p) => flipBit(join(p, 'state.safetensors'), 12), /state\.safetensors/],
    ['one flipped bit of the position', (p) => flipBit(join(p, 'checkpoint.json'), 60), /checkpoint\.json/],
    [
      'another step in the manifest',
      async (p) => {
        const file = join(p, 'checkpoint.json')
        await writeFile(file, (await readFile(file, 'utf8')).replace('"tokens": 400', '"tokens": 300'))
      },
      /does not match its own checksum/,
    ],
    [
      'the state of another step',
      (p) => rename(join(p, '..', 'step-00000020', 'state.safetensors'), join(p, 'state.safetensors')),
      /checksum/,
    ],
    [
      'an empty folder',
      async (p) => {
        await rm(p, { recursive: true })
        await mkdir(p)
      },
      /is missing/,
    ],
  ]
  test.each(damages)('%s: named, passed over, the newest sound one taken', async (name, damage, message) => {
    const run = await runOf(name, [20, 30, 40])
    await damage(join(run, 'checkpoints', 'step-00000040'))
    const faults: string[] = []
    const loaded = await loadNewestCheckpoint(run, { run: name, onFault: (_, fault) => faults.push(fault) })
    expect(loaded!.snapshot).toEqual(snapshotAt(30))
    expect(faults).toEqual([expect.stringMatching(message)])
    expect(await readdir(join(run, 'checkpoints'))).toContain('step-00000040.damaged')
  })

  test('none sound is an error, none at all is none', async () => {
    const run = await runOf('none-sound', [20])
    await flipBit(join(run, 'checkpoints', 'step-00000020', 'state.safetensors'), -1)
    await expect(loadNewestCheckpoint(run, {})).rejects.toThrow(/no intact checkpoint: .*step-00000020/)
    expect(await loadNewestCheckpoint(join(folder, 'no-run'))).toBeUndefined()
    const other = await runOf('of-another-run', [20])
    await expect(loadNewestCheckpoint(other, { run: 'me' })).rejects.toThrow(/belongs to another run/)
  })
})

test('a step that is gone back to is the newest from then on', async () => {
  const run = await runOf('back', [20, 30, 40])
  await expect(loadNewestCheckpoint(run, { step: 25 })).rejects.toThrow(
    /no checkpoint of step 25; available steps: 20, 30, 40/,
  )
  expect((await loadNewestCheckpoint(run, { step: 20 }))!.snapshot.step).toBe(20)
  expect((await loadNewestCheckpoint(run))!.snapshot.step).toBe(20)
  await saveCheckpoint(run, snapshotAt(25), { keep: 2 })
  expect(await stepsOf(run)).toEqual([20, 25])
})

test('files are read in pieces of any size', async () => {
  const run = await runOf('pieces', [20])
  expect(await loadCheckpoint(join(run, 'checkpoints', 'step-00000020'), { chunkBytes: 7 })).toEqual(snapshotAt(20))
})

test('a disk that is full at any write leaves the old checkpoints, and says what to do', async () => {
  for (let n = 0; n < 2; n++) {
    const run = await runOf(`full-${n}`, [10, 20], 2)
    let writes = 0
    const full: Disk = {
      ...nodeDisk,
      async write(path, chunks) {
        if (writes++ < n) return nodeDisk.write(path, chunks)
        await writeFile(path, 'half')
        throw Object.assign(new Error('write'), { code: 'ENOSPC' })
      },
    }
    await expect(saveCheckpoint(run, snapshotAt(30), { disk: full })).rejects.toThrow(
      /the disk is full; existing checkpoints are intact\. Free some space and resume/,
    )
    expect((await loadNewestCheckpoint(run))!.snapshot).toEqual(snapshotAt(20))
    expect(await readdir(join(run, 'checkpoints'))).toEqual(['step-00000010', 'step-00000020'])
  }
})

/** A process that dies before its n-th operation, or in the middle of it; nothing it would do after that happens. */
function dyingDisk(n: number, half: boolean): Disk & { readonly operations: number } {
  let operations = 0
  const step = async <T>(work: () => Promise<T>, part: () => Promise<unknown> = async () => {}): Promise<T> => {
    if (operations++ < n) return work()
    if (operations === n + 1 && half) await part()
    throw new Error('killed')
  }
  return {
    get operations() {
      return operations
    },
    makeFolder: (path) => step(() => nodeDisk.makeFolder(path)),
    write: (path, chunks) =>
      step(
        () => nodeDisk.write(path, chunks),
        async () => {
          for await (const chunk of chunks) return writeFile(path, chunk.subarray(0, chunk.length / 2))
        },
      ),
    rename: (from, to) => step(() => nodeDisk.rename(from, to)),
    settle: (path) => step(() => nodeDisk.settle(path)),
    remove: (path) =>
      step(
        () => nodeDisk.remove(path),
        async () => rm(join(path, (await readdir(path))[0]), { recursive: true }),
      ),
    list: (path) => step(() => nodeDisk.list(path)),
  }
}

test('a process that dies at any moment of a save leaves sound checkpoints, and the next one clears up', async () => {
  const counting = dyingDisk(Number.POSITIVE_INFINITY, false)
  await saveCheckpoint(await runOf('counted', [10, 20], 2), snapshotAt(30), { disk: counting })
  expect(counting.operations).toBeGreaterThan(8)
  for (let n = 0; n < counting.operations; n++) {
    for (const half of [false, true]) {
      const name = `killed-${n}-${half}`
      const run = await runOf(name, [10, 20], 2)
      await writeFile(join(run, 'run.json'), '{}')
      await expect(saveCheckpoint(run, snapshotAt(30), { disk: dyingDisk(n, half) })).rejects.toThrow('killed')
      const held = await RunFolder.open(run)
      const faults: string[] = []
      const { snapshot } = (await loadNewestCheckpoint(run, { onFault: (_, fault) => faults.push(fault) }))!
      expect(faults, name).toEqual([])
      expect([20, 30], name).toContain(snapshot.step)
      expect(snapshot).toEqual(snapshotAt(snapshot.step))
      expect((await readdir(join(run, 'checkpoints'))).filter((entry) => !/^step-\d+$/.test(entry))).toEqual([])
      await saveCheckpoint(run, snapshotAt(40))
      expect(await stepsOf(run), name).toEqual([snapshot.step, 40])
      await held.release()
    }
  }
})
