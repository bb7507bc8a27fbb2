/** `kumiki train`: branches, fresh starts from weights, averages, and the other options of a run. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { listCheckpoints, loadCheckpoint } from '@kumiki/train/node'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { stepsOrTokens } from '../src/flags/flag-values.ts'
import type { FinishedRun } from '../src/train/finished-run.ts'
import { runTrain } from '../src/train/train-command.ts'
import type { TrainCommandOptions } from '../src/train/train-options.ts'
import { inProcess } from './run-cli.ts'
import { givenTokenizer, tinyRun } from './run-processes.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-train-origins-'))
const at = (...names: string[]) => join(root, ...names)
afterAll(() => rmSync(root, { recursive: true, force: true }))

let said = ''
beforeAll(() => {
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text)
    return true
  })
})
afterAll(() => vi.restoreAllMocks())
beforeEach(() => {
  said = ''
})

const [, config, , texts, , tokenizer] = tinyRun(root, {}, givenTokenizer)
const train = (options: Partial<TrainCommandOptions>): Promise<FinishedRun> =>
  runTrain({ data: [], overrides: {}, device: 'cpu', threads: 1, ...options })
const begin = (out: string, overrides = {}, more: Partial<TrainCommandOptions> = {}) =>
  train({ config, data: [texts], tokenizer, out: at(out), overrides: { steps: 8, ...overrides }, ...more })
const metrics = (run: string) =>
  readFileSync(at(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const record = (run: string) => JSON.parse(readFileSync(at(run, 'run.json'), 'utf8'))

async function stateAt(run: string, step: number) {
  const found = (await listCheckpoints(at(run))).find((c) => c.step === step)
  return (await loadCheckpoint(found!.path)).arrays
}

beforeAll(async () => {
  await begin('stable', { schedule: 'constant', warmupSteps: 2 }, { checkpointEvery: 4, keepEvery: 4 })
})

test('a branch leaves a stable run: its state, its data, and a rate that falls', async () => {
  await train({ branch: `${at('stable')}@4`, decay: { steps: 4 }, out: at('branch'), checkpointEvery: 2, keepEvery: 2 })
  expect(said).toContain('Resuming from step 4')
  const [stable, branch] = [metrics('stable'), metrics('branch')]
  expect(branch.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(branch.slice(0, 4)).toEqual(stable.slice(0, 4))
  // The update of step 5 is the last at the full rate; then minus_sqrt to 0.
  const peak = stable[7].learningRate
  const shares = branch.map(({ learningRate }) => learningRate / peak)
  shares.slice(4).forEach((share, i) => {
    expect(share).toBeCloseTo(1 - Math.sqrt(i / 4), 6)
  })
  // The same batches: at the same rate the same loss.
  expect(branch[4].loss).toBe(stable[4].loss)
  expect(await stateAt('branch', 4)).toEqual(await stateAt('stable', 4))
  expect(record('branch').origin).toMatchObject({ run: at('stable'), step: 4, kind: 'branch', id: record('stable').id })
  expect(record('branch').id).not.toBe(record('stable').id)
  expect((await train({ resume: at('branch') })).steps).toBe(8)
})

test('a fresh start takes the weights alone, also where it is taken up before its first checkpoint', async () => {
  await train({ from: `${at('stable')}@8`, out: at('fresh'), overrides: { steps: 2, learningRate: 0 } })
  const trained = await stateAt('stable', 8)
  const fresh = await stateAt('fresh', 2)
  const name = 'params.model.layers.0.mlp.up_proj.weight'
  expect(fresh.get(name)).toEqual(trained.get(name))
  const moment = [...fresh.keys()].find((key) => key.startsWith('optimizer.') && key.endsWith('.up_proj.weight'))!
  expect(fresh.get(moment)).not.toEqual(trained.get(moment))
  expect(metrics('fresh').map(({ step }) => step)).toEqual([1, 2])
  expect(metrics('fresh')[0].loss).toBeLessThan(metrics('stable')[0].loss)
  // As a process that was killed at once leaves it.
  rmSync(at('fresh', 'checkpoints'), { recursive: true })
  writeFileSync(at('fresh', 'run.json'), JSON.stringify({ ...record('fresh'), processes: [] }))
  await train({ resume: at('fresh') })
  expect(await stateAt('fresh', 2)).toEqual(fresh)
})

test.each([
  [{ branch: 'stable@4' }, /give --decay STEPS/],
  [{ branch: 'stable@5', decay: { steps: 2 } }, /no checkpoint of step 5; available steps: 4, 8/],
  [{ branch: 'nowhere@5', decay: { steps: 2 } }, /give RUN@STEP/],
  [{ branch: 'stable@4', decay: { steps: 2 }, overrides: { steps: 9 } }, /--steps cannot be combined with --branch/],
  [{ branch: 'stable@4', decay: { steps: 2 }, decayTo: 1 }, /rate at step 4 is .*, not above 1/],
  [{ branch: 'stable@4', from: 'stable', decay: { steps: 2 } }, /--branch and --from cannot be combined/],
  [{ from: 'stable', preset: 'nano' }, /--preset cannot be combined with --from/],
  [{ from: 'stable', decay: { steps: 2 } }, /--decay and --decay-to need --branch/],
])('%j is refused, and leaves no folder', async (options: Partial<TrainCommandOptions>, message) => {
  const { branch, from } = options
  const flags = { ...options, ...(branch && { branch: at(branch) }), ...(from && { from: at(from) }) }
  await expect(train({ ...flags, out: at('refused') })).rejects.toThrow(message)
  expect(existsSync(at('refused'))).toBe(false)
})

test('the length of a decay is steps or tokens', () => {
  expect(stepsOrTokens('500')).toEqual({ steps: 500 })
  expect(stepsOrTokens('2M tokens')).toEqual({ tokens: 2e6 })
  expect(() => stepsOrTokens('2M')).toThrow(/an integer from 1/)
})

test('checkpoints have a mean, which loads as a model; those of other models have none', async () => {
  const mean = at('mean')
  const made = await inProcess(['average', `${at('stable')}@4`, `${at('stable')}@8`, '--out', mean, '--json'])
  expect(made.json()).toMatchObject({ steps: [4, 8], folder: mean })
  const device = await init({ backend: 'cpu', threads: 1 })
  const { parameters } = await loadModel(device, mean)
  const name = 'model.layers.0.mlp.up_proj.weight'
  const [a, b] = [await stateAt('stable', 4), await stateAt('stable', 8)].map((s) => s.get(`params.${name}`)!.data)
  const values = await parameters[name].data()
  // Stored in bfloat16.
  values.forEach((value, i) => {
    expect(Math.abs(value - (a[i] + b[i]) / 2)).toBeLessThanOrEqual(2 ** -8 * Math.abs(a[i] + b[i]))
  })
  device.dispose()
  const refused = (words: string[]) => inProcess(['average', ...words])
  const run = at('stable')
  expect((await refused([`${run}@4`, `${run}@8`, '--out', mean])).stderr).toMatch(/already contains a model/)
  expect((await refused([run, '--out', at('y')])).stderr).toMatch(/at least two checkpoints/)
  expect((await refused([run, run, '--averaged', '--out', at('y')])).stderr).toMatch(/no moving average was kept/)
})

test('another precision on the way is said, and trains on', async () => {
  await begin('precise', { steps: 4 })
  await train({ resume: at('precise'), overrides: { steps: 6, precision: 'fp8-hybrid' } })
  expect(said).toContain('precision was bf16 up to step 4, and is fp8-hybrid from here on')
  await train({ resume: at('precise'), overrides: { steps: 8, precision: 'f32' } })
  expect(metrics('precise').every(({ loss }) => loss > 0 && loss < 10)).toBe(true)
})

test('averages, events, samples, a live page and figures in one run', async () => {
  const more = { tensorboard: true, sample: true, ui: true, maxTokens: 100, evaluateEvery: 2 } as const
  const { steps } = await begin('all', { averageDecay: 0.9 }, more)
  expect(steps).toBe(4) // of 32 tokens
  expect(said).toMatch(/Live page: http:\/\/127\.0\.0\.1:\d+\/ \(token for pausing and resuming: [0-9a-f]{24}\)/)
  expect(said).toContain('Ended at step 4: the budget of 100 tokens is used up')
  expect(metrics('all')[1]).toMatchObject({ spike: 0, mfu: expect.any(Number), programBytes: expect.any(Number) })
  expect(metrics('all')[1].processBytes).toBeGreaterThan(1e7)
  expect(readdirSync(at('all', 'tensorboard'))).toEqual([expect.stringMatching(/^events\.out\.tfevents/)])
  const samples = readFileSync(at('all', 'samples.jsonl'), 'utf8').trimEnd().split('\n')
  expect(samples.map((line) => JSON.parse(line).step)).toEqual(expect.arrayContaining([2, 4]))
  // What ended it, and what it did on the way, is the run's: a process that goes on does the same unless it is told
  // otherwise.
  const { controls, ...others } = record('all')
  expect(controls).toEqual({ maxTokens: 100, evaluateEvery: 2, sample: true })
  // Earlier versions recorded it under another name.
  writeFileSync(at('all', 'run.json'), JSON.stringify({ ...others, conduct: controls }))
  said = ''
  expect((await train({ resume: at('all') })).steps).toBe(4)
  expect(said).toMatch(/Ended at step 4: the budget of 100 tokens is used up; .* with a larger --max-tokens/)
  expect((await train({ resume: at('all'), maxTokens: 170, onNan: 'rewind' })).steps).toBe(6)
  expect(record('all').controls).toMatchObject({ maxTokens: 170, evaluateEvery: 2, onNan: 'rewind' })
  expect(JSON.parse(readFileSync(at('all', 'evaluations.json'), 'utf8')).map((e: { step: number }) => e.step)).toEqual([
    2, 4, 6,
  ])
  writeFileSync(at('all', 'run.json'), JSON.stringify({ ...record('all'), controls: { maxTokens: -1 } }))
  await expect(train({ resume: at('all') })).rejects.toThrow(/controls\.maxTokens must be a number above 0, got -1/)
})

test('a device that is lost is asked for again, and the run goes on from the disk', async () => {
  const plugin = at('losing.mjs')
  writeFileSync(
    plugin,
    `let lost = false
export const schedules = {
  losing: () => (step) => {
    if (step !== 5 || lost) return 1e-3
    lost = true
    throw Object.assign(new Error('webgpu: the device was lost (unplugged; or off); everything on it is gone'), { name: 'DeviceError', lost: true, problem: 'webgpu: the device was lost (unplugged; or off)' })
  },
}`,
  )
  const { steps } = await begin('lost', { schedule: { kind: 'losing' } }, { plugin, checkpointEvery: 2 })
  expect(steps).toBe(8)
  expect(said).toContain(
    'the device was lost (unplugged; or off); resuming from the checkpoint of step 4 on a new device',
  )
  expect(metrics('lost').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})
