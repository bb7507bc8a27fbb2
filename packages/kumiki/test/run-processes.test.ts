import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ended, metricSteps, startTrain, tinyRun, until } from './run-processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-processes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('closed output ends nothing; one process a run; a dead one holds nothing; a signal gives its exit code', async () => {
  const run = join(folder, 'run')
  const first = startTrain([...tinyRun(folder), '--steps', '100000', '--checkpoint-every', '5', '--out', run])
  // Nobody reads it: `2>&1 | head -1`, after its first line.
  first.stderr!.once('data', () => first.stderr!.destroy())
  first.stdout!.destroy()
  await until(() => metricSteps(run).length > 20)
  const second = await ended(startTrain(['--resume', run]))
  expect(second.code).toBe(1)
  expect(second.said).toMatch(new RegExp(`process ${first.pid} on .* trains here since`))
  first.kill('SIGKILL')
  expect((await ended(first)).code).toBe('SIGKILL')
  const steps = metricSteps(run).length
  expect(steps).toBeGreaterThan(20)

  const third = startTrain(['--resume', run])
  const end = ended(third)
  await until(() => metricSteps(run).length > steps + 20)
  third.kill('SIGTERM')
  const { code, said } = await end
  expect([code, said]).toEqual([
    0,
    expect.stringMatching(/Resuming from step \d+\n(?:.*\n)*SIGTERM: stopping after the current step/),
  ])
  const made = metricSteps(run)
  expect(made).toEqual(Array.from(made, (_, i) => i + 1))
  expect(said).toContain(`stopped by SIGTERM at step ${made.length}; go on with: kumiki train --resume ${run}`)
  expect(readdirSync(join(run, 'checkpoints')).at(-1)).toBe(`step-${String(made.length).padStart(8, '0')}`)
  expect(existsSync(join(run, 'run.lock'))).toBe(false)
})
