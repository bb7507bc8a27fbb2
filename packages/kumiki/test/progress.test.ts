/** Progress bars on a terminal and progress lines elsewhere. */
import { expect, test, vi } from 'vitest'
import { readLines } from '../src/output/line-streams.ts'
import { createProgress } from '../src/output/progress.ts'
import { workProgress } from '../src/output/work-progress.ts'
import { readSource } from '../src/train/mix-sources.ts'

function fakeStream(isTTY: boolean) {
  const parts: string[] = []
  const stream = {
    isTTY,
    columns: 120,
    write: (text: string) => parts.push(text),
    on() {},
    once() {},
    removeListener() {},
  }
  return { parts, stream: stream as unknown as NodeJS.WriteStream }
}

test('where there is no terminal: a line every ten seconds, and the last', () => {
  const { parts, stream } = fakeStream(false)
  let time = 0
  const progress = createProgress({ total: 100, stream, now: () => time })
  for (let step = 1; step <= 25; step++) {
    time = step * 1000
    progress.update({ step, loss: 10 / step, tokensPerSecond: 12_345.6 })
  }
  progress.log('a remark')
  progress.stop()
  expect(parts).toEqual([
    'step 10/100, loss 1.000, 12,346 tokens/s, 90 s left\n',
    'step 20/100, loss 0.500, 12,346 tokens/s, 80 s left\n',
    'a remark\n',
    'step 25/100, loss 0.400, 12,346 tokens/s, 75 s left\n',
  ])
})

test('a system clock that is set back silences no progress', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const { parts, stream } = fakeStream(false)
  const progress = createProgress({ total: 10, stream, intervalSeconds: 0.01 })
  vi.setSystemTime(new Date('1999-01-01'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  progress.update({ step: 1, loss: 3, tokensPerSecond: 1000 })
  vi.useRealTimers()
  expect(parts).toEqual([expect.stringMatching(/^step 1\/10, .*, [01] s left\n$/)])
})

test('on a terminal: a bar', () => {
  const { parts, stream } = fakeStream(true)
  const cursor = Object.assign(stream, { cursorTo() {}, clearLine() {}, moveCursor() {} })
  const progress = createProgress({ total: 10, start: 4, stream: cursor })
  progress.update({ step: 5, loss: 3.25, tokensPerSecond: 1000 })
  progress.log('a remark')
  progress.stop()
  expect(parts.join('')).toMatch(/5\/10 {2}loss 3\.250 {2}1,000 tokens\/s/)
  expect(parts.join('')).toContain('a remark\n')
})

test('work without a terminal: a line every ten seconds, and nothing of short work', () => {
  const { parts, stream } = fakeStream(false)
  let time = 0
  const progress = workProgress(250_000_000, 'bytes', stream, () => time)
  for (let i = 1; i <= 25; i++) {
    time = i * 1000
    progress.update(i * 1e7, `part ${i}`)
  }
  progress.log('a remark')
  progress.stop()
  expect(parts).toEqual(['40 % of 250 MB, part 10\n', '80 % of 250 MB, part 20\n', 'a remark\n'])
})

test('work on a terminal: a bar after half a second, with the time that is left', () => {
  const { parts, stream } = fakeStream(true)
  Object.assign(stream, { cursorTo() {}, clearLine() {}, moveCursor() {}, clearScreenDown() {} })
  let time = 0
  const progress = workProgress(10, 'trainings', stream, () => time)
  progress.update(1, 'early')
  time = 1000
  progress.update(2, 'run-3')
  progress.log('a remark')
  progress.stop()
  expect(parts.join('')).not.toContain('early')
  expect(parts.join('')).toMatch(/a remark\n[\s\S]*20 % {2}run-3 {2}4 s left/)
})

test('lines are cut at line feeds wherever chunks end', async () => {
  const bytes = new TextEncoder().encode('一行目\r\n\n三\nlast')
  for (const size of [1, 3, 100]) {
    const chunks = (async function* () {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size)
    })()
    const lines: string[] = []
    for await (const line of readLines(chunks)) lines.push(new TextDecoder().decode(line))
    expect(lines).toEqual(['一行目\r', '', '三', 'last'])
  }
})

test('sources of a mix', () => {
  expect(readSource('ja=/data/ja')).toEqual({ name: 'ja', path: '/data/ja' })
  expect(readSource('ja=a@b/c.jsonl@1.5')).toEqual({ name: 'ja', path: 'a@b/c.jsonl', repeats: 1.5 })
  expect(readSource('w=x=y@.5:L1')).toEqual({ name: 'w', path: 'x=y', repeats: 0.5, releaseLevel: 'L1' })
  expect(() => readSource('only-a-path')).toThrow('--source only-a-path: must be NAME=PATH')
})
