import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ended, metricSteps, startTrain, tinyRun, until } from './run-processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-kills-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Kills in all. */
const kills = Number(process.env.KUMIKI_KILLS ?? 1000)

/** The same moments every time, as far as a machine has such. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const checkpointsOf = (run: string) => readdirSync(join(run, 'checkpoints')).filter((name) => /^step-\d+$/.test(name))
const weights = (run: string) => readFileSync(join(run, 'model.safetensors'))

test(`a run that is killed ${kills} times, saving or not, gives the bits of one that is not`, async () => {
  // A checkpoint after every step: most kills fall into a save or a rotation.
  const recipe = [...tinyRun(folder), '--steps', '400', '--checkpoint-every', '1']
  const whole = join(folder, 'whole')
  expect((await ended(startTrain([...recipe, '--out', whole]))).code).toBe(0)
  const next = random(7)
  let killed = 0
  for (let n = 0; killed < kills; n++) {
    const run = join(folder, `killed-${n}`)
    let args = [...recipe, '--out', run]
    for (;;) {
      const child = startTrain(args)
      const end = ended(child)
      const before = metricSteps(run).length
      const wait = next() * 150
      if (killed < kills) {
        const moment = until(() => metricSteps(run).length !== before || child.exitCode !== null)
        await moment
        await new Promise((resolve) => setTimeout(resolve, wait))
        child.kill('SIGKILL')
      }
      const { code, said } = await end
      expect(said).not.toContain('Passed over')
      if (code === 0) break
      expect([code, said]).toEqual(['SIGKILL', expect.any(String)])
      killed++
      // Once two steps are written the first has been saved.
      if (metricSteps(run).length > 1) expect(checkpointsOf(run).length).toBeGreaterThan(0)
      args = ['--resume', run]
    }
    expect(weights(run)).toEqual(weights(whole))
    expect(metricSteps(run)).toEqual(metricSteps(whole))
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(checkpointsOf(whole))
    expect(readdirSync(run).filter((name) => name.startsWith('.'))).toEqual([])
    rmSync(run, { recursive: true })
  }
})
