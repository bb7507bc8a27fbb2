/** Runs while the system clock is set forward and back (`performance.now` stays monotonic). */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { Run, type RunObserver } from '../src/index.ts'
import { livePageObserver, RunLock, standardMetrics, tensorBoardObserver } from '../src/node.ts'
import { EventFile } from '../src/observers/event-file.ts'
import { lossesOf, tiny, tinyOptions } from './tiny.ts'

let device: Device
let root: string
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  root = await mkdtemp(join(tmpdir(), 'kumiki-clock-'))
})
afterAll(async () => {
  device.dispose()
  await rm(root, { recursive: true })
})
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const years = [2026, 2031, 1999, 2026, 1971, 2038]
const set = (year: number) => vi.setSystemTime(new Date(`${year}-06-01T00:00:00Z`))

test('a clock that jumps changes no loss, no speed, no budget and no cadence', async () => {
  const options = () => tinyOptions(device, { architecture: { ...tiny, numHiddenLayers: 1 }, seed: 1 })
  const plain = Run.create({ ...options(), steps: years.length })
  const expected = await lossesOf(plain.trainer, years.length)
  plain.dispose()
  const losses: number[] = []
  const saved: number[] = []
  const figures: Readonly<Record<string, number | undefined>>[] = []
  const watcher: RunObserver = {
    onStep(metrics) {
      losses.push(metrics.loss)
      figures.push(metrics)
      set(years[metrics.step % years.length])
    },
    onCheckpoint: ({ trainer }) => void saved.push(trainer.step),
  }
  set(years[0])
  const page = await livePageObserver({ name: 'clock' })
  const events = join(root, 'events')
  const run = Run.create(
    {
      ...options(),
      steps: years.length,
      // None of them is reached by the clock on the wall of this test.
      budget: { minutes: 10 },
      cadence: { checkpointMinutes: 10 },
      extraMetrics: standardMetrics({ flopsPerToken: 1e6, ceiling: 1e12 }),
    },
    [watcher, page, tensorBoardObserver({ folder: events })],
  )
  expect(await run.train()).toEqual({ kind: 'finished' })
  run.dispose()
  expect(losses).toEqual(expected)
  expect(saved).toEqual([years.length])
  figures.forEach(({ tokensPerSecond, seconds, mfu }, i) => {
    expect(tokensPerSecond).toBeGreaterThan(1)
    expect(mfu).toBeGreaterThan(0)
    expect(seconds).toBeGreaterThan(figures[i - 1]?.seconds ?? 0)
    expect(seconds).toBeLessThan(600)
  })
  const [name] = await readdir(events)
  expect((await readFile(join(events, name))).length).toBeGreaterThan(500)
})

test('event files are read in the order they were made in, however the clock stood', async () => {
  const folder = join(root, 'order')
  const made: string[] = []
  for (const year of years) {
    set(year)
    const file = await EventFile.create(folder)
    made.push(file.path.slice(folder.length + 1))
    await file.close()
  }
  expect((await readdir(folder)).sort()).toEqual(made)
})

test('a lock without signs of life is waited for by a clock that stands still', async () => {
  const path = await mkdtemp(join(root, 'lock-'))
  const lock = await RunLock.take(path)
  const holder = JSON.parse(await readFile(join(path, 'run.lock'), 'utf8'))
  await lock.release()
  await writeFile(join(path, 'run.lock'), JSON.stringify({ ...holder, id: 'other', host: 'elsewhere' }))
  await (await RunLock.take(path, { silentSeconds: 0.1 })).release()
})
