/** The sleep between polls for results of a device. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { PollingBackoff } from '../src/backends/webgpu/polling-backoff.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Submits, and finishes after `milliseconds` of device time; says how long was slept first. */
async function round(wait: PollingBackoff, work: object, milliseconds: number): Promise<number> {
  const start = performance.now()
  wait.submitted(work)
  const sleeping = wait.sleep()
  await vi.runAllTimersAsync()
  await sleeping
  const slept = performance.now() - start
  vi.advanceTimersByTime(Math.max(0, milliseconds - slept))
  wait.done()
  return slept
}

test('the thread sleeps for most of the time that work took before, and asks in time', async () => {
  const wait = new PollingBackoff()
  const work = {}
  expect(await round(wait, work, 100)).toBe(0) // nothing is known yet
  expect(await round(wait, work, 100)).toBeCloseTo(80, 6)
  expect(await round(wait, work, 100)).toBeCloseTo(80, 6)
})

test('a device that is faster than expected is soon expected to be', async () => {
  const wait = new PollingBackoff()
  const work = {}
  await round(wait, work, 100)
  let slept = 0
  for (let i = 0; i < 60; i++) slept = await round(wait, work, 10)
  expect(slept).toBeLessThanOrEqual(10.5)
})

test('short work is not slept for, and work in a row adds up', async () => {
  const wait = new PollingBackoff()
  const [short, long] = [{}, {}]
  await round(wait, short, 2)
  expect(await round(wait, short, 2)).toBe(0)
  await round(wait, long, 50)
  wait.submitted(long)
  expect(await round(wait, long, 200)).toBeCloseTo(80, 0)
  // What several programs took together says nothing of each.
  expect(await round(wait, long, 50)).toBeCloseTo(40, 0)
})

test('while the device works for long, turns of the event loop pause; for short work they do not', async () => {
  const wait = new PollingBackoff()
  // As Dawn asks whether it is done: in every turn of the event loop, of a tenth of a millisecond here.
  const work = (milliseconds: number) => {
    const end = performance.now() + milliseconds
    return new Promise<void>((resolve) => {
      const ask = () => {
        vi.advanceTimersByTime(0.1)
        if (performance.now() < end) setImmediate(ask)
        else resolve()
      }
      setImmediate(ask)
    })
  }
  const pauses = vi.spyOn(Atomics, 'wait').mockImplementation((_cell, _index, _value, milliseconds) => {
    vi.advanceTimersByTime(milliseconds!)
    return 'timed-out'
  })
  await wait.until(work(2))
  expect(pauses).not.toHaveBeenCalled()
  await wait.until(work(100))
  const paused = pauses.mock.calls.map(([, , , milliseconds]) => milliseconds!)
  expect(paused.length).toBeGreaterThan(2)
  expect(Math.min(...paused)).toBeGreaterThanOrEqual(0.2)
  expect(Math.max(...paused)).toBeLessThanOrEqual(1)
  await expect(wait.until(Promise.reject(new Error('lost')))).rejects.toThrow('lost')
})
