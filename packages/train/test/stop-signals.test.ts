/** Signals that stop a run. */
import { afterEach, expect, test } from 'vitest'
import { exitCodeOf, Stopped, type StopSignal, StopSignals } from '../src/node.ts'

const heard: string[] = []
let stop: StopSignals | undefined
afterEach(() => {
  stop?.dispose()
  heard.length = 0
})
const say = (word: string) => (signal: StopSignal) => {
  heard.push(`${word} ${signal}`)
}
const listen = () => new StopSignals({ onRequest: say('first'), onSecond: say('second'), end: say('end') })

test('exit codes are those of shells', () => {
  expect((['SIGHUP', 'SIGINT', 'SIGTERM'] as const).map(exitCodeOf)).toEqual([129, 130, 143])
  expect(new Stopped('SIGTERM', 'x').exitCode).toBe(143)
})

test('the first signal is a request, the second ends', async () => {
  stop = listen()
  expect([stop.requested, await stop.listen(), stop.signal.aborted]).toEqual([undefined, undefined, false])
  process.emit('SIGTERM')
  expect([stop.requested, await stop.listen(), stop.signal.aborted]).toEqual(['SIGTERM', 'SIGTERM', true])
  expect(stop.signal.reason).toBeInstanceOf(Stopped)
  await new Promise((resolve) => setTimeout(resolve, 300))
  process.emit('SIGINT')
  expect(heard).toEqual(['first SIGTERM', 'second SIGINT', 'end SIGINT'])
})

test('a signal that comes twice, from the terminal and from a runner such as npm, is one', () => {
  stop = listen()
  process.emit('SIGINT')
  process.emit('SIGINT')
  expect(heard).toEqual(['first SIGINT'])
  stop.dispose()
  expect(process.listenerCount('SIGINT') + process.listenerCount('SIGHUP')).toBe(0)
})
