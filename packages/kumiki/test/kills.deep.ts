/** Runs that are killed a hundred times and resumed, bit for bit. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundledCli } from './bundled-cli.ts'
import { ended, metricLines, metricSteps, startTrain, tinyRun, until } from './run-processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-kills-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Kills in all. */
const kills = Number(process.env.KUMIKI_KILLS ?? 1000)

let bin: string
beforeAll(async () => {
  mkdirSync(join(folder, 'bundle'))
  bin = await bundledCli(join(folder, 'bundle'))
})

/** The same moments every time, as far as a machine has such. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const checkpointsOf = (run: string) => readdirSync(join(run, 'checkpoints')).filter((name) => /^step-\d+$/.test(name))
/** Looked at often, so cheaply. */
const metricBytes = (run: string) => statSync(join(run, 'metrics.jsonl')).size
const weights = (run: string) => readFileSync(join(run, 'model.safetensors'))
/** What a step computed, by step. */
const figures = (run: string) =>
  metricLines(run).map(({ step, loss, gradNorm, learningRate }) => [step, loss, gradNorm, learningRate])

// A state below 16 MiB is written between two steps, one above by a thread while steps go on.
test.each([
  { what: 'between steps', share: 0.95, steps: 150, intermediateSize: 32, within: 60 },
  { what: 'on a thread', share: 0.05, steps: 24, intermediateSize: 32_000, within: 600 },
])(
  'a run that is killed again and again, its saves made $what, gives the bits of one that is not',
  async ({ what, share, steps, intermediateSize, within }) => {
    const count = Math.max(1, Math.round(share * kills))
    const own = join(folder, what.replaceAll(' ', '-'))
    mkdirSync(own)
    // A checkpoint after every step: most kills fall into a save or a rotation.
    const recipe = [...tinyRun(own, { intermediateSize }), '--steps', `${steps}`, '--checkpoint-every', '1']
    const begun = join(own, 'begun')
    const first = startTrain([...recipe, '--out', begun])
    const begins = ended(first)
    await until(() => metricSteps(begun).length > 0 || first.exitCode !== null)
    first.kill('SIGTERM')
    expect(await begins).toMatchObject({ code: 0 })
    const whole = join(own, 'whole')
    cpSync(begun, whole, { recursive: true })
    expect(await ended(startTrain(['--resume', whole], bin))).toEqual({ code: 0, said: expect.any(String) })
    expect(metricSteps(whole)).toEqual(Array.from({ length: steps }, (_, i) => i + 1))

    const next = random(7)
    let killed = 0
    /** Where kills fell: while a checkpoint was half written, and before the first step of a process. */
    const fell = { saving: 0, starting: 0 }
    for (let n = 0; killed < count; n++) {
      const run = join(own, `killed-${n}`)
      cpSync(begun, run, { recursive: true })
      for (;;) {
        const before = metricSteps(run).length
        const written = metricBytes(run)
        const child = startTrain(['--resume', run], bin)
        const end = ended(child)
        if (killed < count) {
          // Every eighth at any moment of its start.
          const early = killed % 8 === 7
          if (!early) await until(() => metricBytes(run) > written || child.exitCode !== null)
          await new Promise((resolve) => setTimeout(resolve, next() * (early ? 1000 : within)))
          child.kill('SIGKILL')
        }
        const { code, said } = await end
        expect(said).not.toContain('Skipped')
        if (code === 0) break
        expect([code, said]).toEqual(['SIGKILL', expect.any(String)])
        killed++
        if (readdirSync(join(run, 'checkpoints')).some((name) => name.endsWith('.tmp'))) fell.saving++
        if (metricSteps(run).length === before) fell.starting++
        expect(checkpointsOf(run).length).toBeGreaterThan(0)
      }
      expect(weights(run).equals(weights(whole))).toBe(true)
      expect(figures(run)).toEqual(figures(whole))
      expect(readdirSync(join(run, 'checkpoints'))).toEqual(checkpointsOf(whole))
      expect(readdirSync(run).filter((name) => name.startsWith('.'))).toEqual([])
      rmSync(run, { recursive: true })
      console.log(`${killed} of ${count} kills`)
    }
    console.log(
      `${killed} kills, saves made ${what}: ${fell.saving} while one was written, ${fell.starting} before a first step`,
    )
  },
)
