/** Run folders: locks, reserved names, overwriting. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { utimesSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseRunAtStep, RunFolder, RunFolderError, RunLock, RunLockedError } from '../src/node.ts'

let root: string
const children: ChildProcess[] = []
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'kumiki-run-folder-'))
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(root, { recursive: true })
})

async function folderOf(name: string): Promise<string> {
  const path = join(root, name)
  await mkdir(path)
  return path
}

/** The lock of this process as another one would have left it. */
async function lockOf(path: string, change: Record<string, unknown>): Promise<void> {
  const lock = await RunLock.take(path)
  const text = await readFile(join(path, 'run.lock'), 'utf8')
  await lock.release()
  await writeFile(join(path, 'run.lock'), JSON.stringify({ ...JSON.parse(text), id: 'other', ...change }))
}

describe('the lock', () => {
  test('has one holder, and is free again after', async () => {
    const path = await folderOf('one')
    const lock = await RunLock.take(path)
    await expect(RunLock.take(path)).rejects.toThrow(RunLockedError)
    await expect(RunLock.take(path)).rejects.toThrow(
      new RegExp(`process ${process.pid} on .* has been using this folder since`),
    )
    await lock.check()
    await rm(join(path, 'run.lock'))
    await lock.check() // put back
    await lock.release()
    expect(await readdir(path)).toEqual([])
    await (await RunLock.take(path)).release()
  })

  test('of many at once goes to one', async () => {
    const path = await folderOf('many')
    await lockOf(path, { pid: 2 ** 22 + 5, began: '1' })
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => RunLock.take(path)))
    const holders = taken.flatMap((t) => (t.status === 'fulfilled' ? [t.value] : []))
    expect(holders.length).toBe(1)
    await holders[0].release()
    expect(await readdir(path)).toEqual([])
  })

  test('is not held by a dead process, one with its number, or one from before the machine was started', async () => {
    const path = await folderOf('dead')
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    children.push(child)
    await lockOf(path, { pid: child.pid, began: undefined })
    await expect(RunLock.take(path, { silentSeconds: 0.2 })).rejects.toThrow(RunLockedError)
    child.kill('SIGKILL')
    await once(child, 'exit')
    for (const change of [{ pid: child.pid }, { began: '1' }, { boot: 'another' }]) {
      await lockOf(path, change)
      await (await RunLock.take(path)).release()
    }
  })

  test('of a process out of sight is held while it shows signs of life', async () => {
    const path = await folderOf('elsewhere')
    await lockOf(path, { host: 'elsewhere' })
    const beat = setInterval(() => utimesSync(join(path, 'run.lock'), Date.now() / 1000, Date.now() / 1000), 20)
    await expect(RunLock.take(path, { silentSeconds: 10 })).rejects.toThrow(/process \d+ on elsewhere/)
    clearInterval(beat)
    await (await RunLock.take(path, { silentSeconds: 0.2 })).release()
    await writeFile(join(path, 'run.lock'), '{ half')
    await (await RunLock.take(path, { silentSeconds: 0.2 })).release()
  })

  test('that was taken over is no longer ours', async () => {
    const path = await folderOf('taken-over')
    const lock = await RunLock.take(path)
    await writeFile(join(path, 'run.lock'), JSON.stringify({ id: 'x', pid: 7, host: 'elsewhere' }))
    await expect(lock.check()).rejects.toThrow(/process 7 on elsewhere has taken over this run/)
    await lock.release()
    expect(await readdir(path)).toEqual(['run.lock'])
  })
})

describe('a run folder', () => {
  test('that holds a run is refused, and emptied of that run alone when asked', async () => {
    const path = await folderOf('holds')
    await writeFile(join(path, 'notes.txt'), 'mine')
    await mkdir(join(path, 'checkpoints', 'step-00000001'), { recursive: true })
    await writeFile(join(path, 'metrics.jsonl'), '')
    await expect(RunFolder.create(path)).rejects.toThrow(RunFolderError)
    await expect(RunFolder.create(path)).rejects.toThrow(
      /already has a run \(metrics\.jsonl, checkpoints\).*--overwrite/,
    )
    const folder = await RunFolder.create(path, { overwrite: true })
    expect(await folder.contents()).toEqual(['metrics.jsonl', 'checkpoints'])
    await folder.empty()
    await folder.release()
    expect(await readdir(path)).toEqual(['notes.txt'])
    await (await RunFolder.create(path)).release()
  })

  test('is reserved by making it: no two runs share a name', async () => {
    const folders = await Promise.all(Array.from({ length: 4 }, () => RunFolder.reserve(join(root, 'runs'), 'nano')))
    expect(folders.map((f) => f.path.split('/').at(-1)).sort()).toEqual(['nano', 'nano-2', 'nano-3', 'nano-4'])
    for (const folder of folders) await folder.release()
    expect(await readdir(join(root, 'runs'))).toEqual([]) // nothing came of them
  })

  test('that cannot be made says so at once', async () => {
    await writeFile(join(root, 'file'), '')
    await expect(RunFolder.create(join(root, 'file', 'run'))).rejects.toThrow(/cannot be made: .*file is no folder/)
    await expect(RunFolder.create(join(root, 'file'))).rejects.toThrow(/is no folder/)
    // Where Node's own recursion never returns.
    if (await stat('/proc/self').catch(() => undefined))
      await expect(RunFolder.create('/proc/kumiki/run')).rejects.toThrow(/cannot be made/)
  })

  test('to go on with must hold a run, and is cleared of what dead processes left', async () => {
    await expect(RunFolder.open(join(root, 'nowhere'))).rejects.toThrow(/there is no such folder/)
    const path = await folderOf('open')
    await expect(RunFolder.open(path)).rejects.toThrow(/no run\.json found/)
    await writeFile(join(path, 'run.json'), '{}')
    await writeFile(join(path, '.run.json.77.0.tmp'), 'half')
    await mkdir(join(path, 'checkpoints', '.step-00000009.77.tmp'), { recursive: true })
    const folder = await RunFolder.open(path)
    expect(await readdir(join(path, 'checkpoints'))).toEqual([])
    await folder.release()
    expect((await readdir(path)).sort()).toEqual(['checkpoints', 'run.json'])
  })

  test('is named with a step', () => {
    expect(parseRunAtStep('runs/a@40')).toEqual({ folder: 'runs/a', step: 40 })
    expect(parseRunAtStep('runs/a@b')).toEqual({ folder: 'runs/a@b' })
  })
})
