/** A run in a process of its own: closed output, locks, the live page and signals. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sharedCli } from './bundled-cli.ts'
import { ended, givenTokenizer, metricSteps, startTrain, tinyRun, until } from './run-processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-processes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Asks the live page's server, as a page with these headers would. @returns the status */
function ask(url: string, method: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** A run in a process of its own is held and let go by what its terminal shows, and by nothing else. */
async function pausedAndResumed(run: string, said: string): Promise<void> {
  const [, url, token] = /Live page: (\S+) \(token for pausing and resuming: ([0-9a-f]{24})\)/.exec(said)!
  const Authorization = `Bearer ${token}`
  const before = metricSteps(run).length
  for (const [status, headers] of [
    [401, {}],
    [401, { Authorization: `Bearer ${token.slice(1)}0` }],
    [403, { Authorization, Origin: 'https://example.org' }],
    [403, { Authorization, Host: 'example.org' }],
    [403, { Authorization, 'Sec-Fetch-Site': 'cross-site' }],
  ] as const)
    expect(await ask(`${url}pause`, 'POST', headers)).toBe(status)
  expect(await ask(url, 'GET', { Host: 'example.org' })).toBe(403)
  // None of them held it.
  await until(() => metricSteps(run).length > before + 5)
  const own = { Authorization, Origin: url.slice(0, -1), 'Sec-Fetch-Site': 'same-origin' }
  expect(await ask(`${url}pause`, 'POST', own)).toBe(204)
  // The step under way, and the reading of the one before it, are made; then nothing is, however slow the machine.
  let held = -1
  let looked = 0
  await until(() => {
    const now = metricSteps(run).length
    if (now !== held) looked = performance.now()
    held = now
    return performance.now() - looked > 500
  })
  expect(await ask(`${url}resume`, 'POST', own)).toBe(204)
  await until(() => metricSteps(run).length > held + 5)
}

test('closed output ends nothing; one process a run; a dead one holds nothing; a signal gives its exit code', async () => {
  const run = join(folder, 'run')
  const bin = await sharedCli()
  const begin = tinyRun(folder, {}, givenTokenizer)
  const first = startTrain([...begin, '--steps', '100000', '--checkpoint-every', '5', '--out', run], bin)
  // Nobody reads it: `2>&1 | head -1`, after its first line.
  first.stderr!.once('data', () => first.stderr!.destroy())
  first.stdout!.destroy()
  await until(() => metricSteps(run).length > 20)
  const second = await ended(startTrain(['--resume', run], bin))
  expect(second.code).toBe(1)
  expect(second.said).toMatch(new RegExp(`process ${first.pid} on .* has been using this folder since`))
  first.kill('SIGKILL')
  expect((await ended(first)).code).toBe('SIGKILL')
  const steps = metricSteps(run).length
  expect(steps).toBeGreaterThan(20)

  const third = startTrain(['--resume', run, '--ui'], bin)
  const end = ended(third)
  let heard = ''
  third.stderr!.on('data', (text) => {
    heard += text
  })
  await until(() => metricSteps(run).length > steps + 20)
  await pausedAndResumed(run, heard)
  third.kill('SIGTERM')
  const { code, said } = await end
  expect([code, said]).toEqual([
    0,
    expect.stringMatching(/Resuming from step \d+\n(?:.*\n)*SIGTERM: stopping after the current step/),
  ])
  const made = metricSteps(run)
  expect(made).toEqual(Array.from(made, (_, i) => i + 1))
  expect(said).toContain(`stopped by SIGTERM at step ${made.length}; resume with: kumiki train --resume ${run}`)
  expect(readdirSync(join(run, 'checkpoints')).at(-1)).toBe(`step-${String(made.length).padStart(8, '0')}`)
  expect(existsSync(join(run, 'run.lock'))).toBe(false)
})
