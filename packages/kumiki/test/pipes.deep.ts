/**
 * Output of a run through pipes of the operating system, as a shell makes them (Node's child processes get sockets).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { metricSteps, tinyRun, trainWords, until } from './run-processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-pipes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const steps = 40
// As much as a pipe of Linux holds: what is written after it waits for a reader.
const fill = 'head -c 65536 /dev/zero'

test.each([
  ['a reader of one line', 'TRAIN 2>&1 | head -1'],
  ['a reader of one line of the answer', 'TRAIN --json | head -1'],
  ['a reader that is gone', 'TRAIN 2>&1 | true'],
  ['a full pipe that nobody reads, for what is said', `{ ${fill} >&2; TRAIN; } 2>&1 >/dev/null | sleep 1000`],
  ['a full pipe that nobody reads, for the answer', `{ ${fill}; TRAIN --json; } | sleep 1000`],
  ['a full disk', 'TRAIN --json > /dev/full 2>&1', 1],
  ['closed descriptors', 'TRAIN >&- 2>&- <&-'],
])('%s does no harm to a run', async (what, line, code = 0) => {
  const own = mkdtempSync(join(folder, 'run-'))
  const out = join(own, 'out')
  const words = trainWords([...tinyRun(own), '--steps', `${steps}`, '--out', out])
  const train = words.map((word) => `'${word}'`).join(' ')
  const status = join(own, 'status')
  // A group of its own: the reader is ended with it.
  const shell = spawn('sh', ['-c', line.replace(/TRAIN( --json)?/, `{ ${train}$1; echo $? > ${status}; }`)], {
    detached: true,
    stdio: 'ignore',
  })
  const ends = once(shell, 'close')
  try {
    await until(() => existsSync(join(out, 'summary.json')))
    expect(metricSteps(out)).toEqual(Array.from({ length: steps }, (_, i) => i + 1))
    await until(() => !existsSync(join(out, 'run.lock')))
    expect(existsSync(join(out, 'report.html'))).toBe(true)
    if (line.endsWith('sleep 1000')) {
      // It waits to be read, and for nothing else.
      expect(existsSync(status)).toBe(false)
      await new Promise((resolve) => setTimeout(resolve, 200))
      spawn('pkill', ['-g', `${shell.pid}`, '-x', 'sleep'])
    }
    await until(() => existsSync(status) && readFileSync(status, 'utf8') !== '')
    expect([what, Number(readFileSync(status, 'utf8'))]).toEqual([what, code])
    await ends
  } finally {
    try {
      process.kill(-shell.pid!, 'SIGKILL')
    } catch {}
  }
})
