/** `kumiki train`: interrupted and resumed runs, changed settings, refused folders, records of earlier versions. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resumeRemarks, sameArithmetic, shellQuote } from '@kumiki/train/node'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { FinishedRun } from '../src/train/finished-run.ts'
import { resolveRun } from '../src/train/run-definition.ts'
import { runTrain } from '../src/train/train-command.ts'
import type { TrainCommandOptions } from '../src/train/train-options.ts'
import { givenTokenizer, tinyRun } from './run-processes.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-train-command-'))
const at = (...names: string[]) => join(root, ...names)
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What was said on stderr since the test began. */
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

function train(options: Partial<TrainCommandOptions>): Promise<FinishedRun> {
  return runTrain({ data: [], overrides: {}, device: 'cpu', threads: 1, ...options })
}

const begin = (out: string, overrides = {}, more: Partial<TrainCommandOptions> = {}) =>
  train({
    config: at('tiny.json'),
    data: [at('texts.txt')],
    tokenizer: givenTokenizer,
    out: at(out),
    overrides: { steps: 8, ...overrides },
    ...more,
  })

const stepsOf = (run: string) =>
  readFileSync(at(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).step)
const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'))
const weights = (run: string) => readFileSync(at(run, 'model.safetensors'))

/** A run of 8 steps with checkpoints at 4 and 8, made once. */
beforeAll(async () => {
  tinyRun(root, {}, givenTokenizer)
  await begin('whole', {}, { checkpointEvery: 4 })
})

const copy = (name: string) => cpSync(at('whole'), at(name), { recursive: true })

test('a folder that holds a run is refused, and left as it was', async () => {
  const before = readdirSync(at('whole')).sort()
  await expect(begin('whole')).rejects.toThrow(/already has a run .*--resume .*--overwrite/)
  expect(readdirSync(at('whole')).sort()).toEqual(before)
  await expect(train({ overwrite: true })).rejects.toThrow(/--overwrite removes the run in --out: give --out/)
  copy('second')
  await begin('second', { steps: 3 }, { overwrite: true })
  expect(stepsOf('second')).toEqual([1, 2, 3])
  expect(readdirSync(at('second', 'checkpoints'))).toEqual(['step-00000002', 'step-00000003'])
})

test('a signal stops after the current step; the run resumes bit for bit, and its time is counted whole', async () => {
  const began = performance.now()
  const running = begin('stopped', {}, { checkpointEvery: 4 })
  const end = expect(running).rejects.toMatchObject({
    exitCode: 0,
    message: /stopped by SIGTERM at step \d; resume with: kumiki train --resume/,
  })
  while (!existsSync(at('stopped', 'metrics.jsonl')) || readFileSync(at('stopped', 'metrics.jsonl'), 'utf8') === '')
    await new Promise((resolve) => setTimeout(resolve, 1))
  process.emit('SIGTERM')
  expect(said).toContain('SIGTERM: stopping after the current step; a second signal exits immediately')
  await end
  expect(existsSync(at('stopped', 'run.lock'))).toBe(false)
  const first = (performance.now() - began) / 1000
  const summary = await train({ resume: at('stopped') })
  expect(said).toMatch(/Resuming from step \d/)
  expect(stepsOf('stopped')).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(weights('stopped')).toEqual(weights('whole'))
  expect(summary.seconds).toBeGreaterThan(first * 0.8)
  const { processes } = json('stopped', 'run.json')
  expect(processes.map((p: { step: number }) => p.step)).toEqual([processes[1].fromStep, 8])
})

test('a signal while the tokenizer trains leaves nothing', async () => {
  const running = begin('early', { vocabSize: 300 }, { tokenizer: undefined })
  const end = expect(running).rejects.toMatchObject({
    exitCode: 130,
    message: /while the tokenizer trained; no step was made/,
  })
  while (!said.includes('Training a unigram tokenizer')) await new Promise((resolve) => setTimeout(resolve, 1))
  process.emit('SIGINT')
  await end
  expect(existsSync(at('early'))).toBe(false)
})

test('a process that died between its last save and the dropping of the oldest leaves that to the next', async () => {
  copy('rotation')
  await train({ resume: at('rotation'), keep: 1 })
  expect(readdirSync(at('rotation', 'checkpoints'))).toEqual(['step-00000008'])
})

test('what is changed on the way is said and recorded; what cannot be is refused by name', async () => {
  for (const [flags, flag] of [
    [{ data: ['x.txt'] }, '--data'],
    [{ out: 'x' }, '--out'],
    [{ preset: 'nano' }, '--preset'],
    [{ config: 'x' }, '--config'],
    [{ overrides: { seed: 0 } }, '--seed'],
    [{ overrides: { vocabSize: 300 } }, '--vocab-size'],
    [{ overrides: { sequenceLength: 16 } }, '--sequence-length'],
    [{ overwrite: true }, '--overwrite'],
  ] as const)
    await expect(train({ resume: at('whole'), ...(flags as object) })).rejects.toThrow(
      `${flag} cannot be changed with --resume`,
    )
  await expect(train({ resume: at('whole'), overrides: { steps: 6 } })).rejects.toThrow(
    /--steps 6: the run has already made 8 steps/,
  )
  await expect(train({ resume: at('whole'), overrides: { learningRate: 1e-4 } })).rejects.toThrow(
    /all 8 steps of the run are done, so learningRate would have no effect/,
  )
  await expect(train({ resume: `${at('whole')}@5` })).rejects.toThrow(/no checkpoint of step 5; available steps: 4, 8/)
  expect(json('whole', 'run.json').configuration).toMatchObject({ steps: 8, learningRate: 3e-3 })

  copy('changed')
  await train({ resume: `${at('changed')}@4`, overrides: { learningRate: 1e-3, steps: 10, batchSize: 4 } })
  for (const line of [
    'Resuming from step 4',
    'learningRate was 0.003 up to step 4, and is 0.001 from here on',
    'batchSize was 2 up to step 4, and is 4 from here on',
    'steps was 8 up to step 4, and is 10 from here on',
    'The learning rate of step 5 is now 0.000689; it was 0.00217 at step 4 and would have been 0.00165',
  ])
    expect(said).toContain(line)
  expect(json('changed', 'run.json')).toMatchObject({
    configuration: { learningRate: 1e-3, steps: 10, batchSize: 4 },
    processes: [{}, { fromStep: 4, step: 10, changed: { learningRate: [3e-3, 1e-3] } }],
  })
  expect(stepsOf('changed')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  // The steps that were given up are put aside, not lost.
  expect(readFileSync(at('changed', 'metrics-before-4.jsonl'), 'utf8').trimEnd().split('\n').length).toBe(8)
})

test('a record that was edited and metrics that were cut are said', async () => {
  copy('edited')
  const record = json('edited', 'run.json')
  record.configuration = { ...record.configuration, steps: 9, learningRate: 1e-4 }
  writeFileSync(at('edited', 'run.json'), JSON.stringify(record))
  const lines = readFileSync(at('edited', 'metrics.jsonl'), 'utf8').split('\n')
  lines[2] = lines[2].slice(0, 20)
  writeFileSync(at('edited', 'metrics.jsonl'), lines.join('\n'))
  await train({ resume: at('edited') })
  expect(said).toContain('learningRate was 0.003 up to step 8, and is 0.0001 from here on')
  expect(said).toContain('metrics.jsonl is missing step 3;')
})

test('another device or arithmetic is said, another number of threads is not', () => {
  const { configuration } = json('whole', 'run.json')
  const remarks = (device: string) =>
    resumeRemarks({ configuration, device: 'cpu (WebAssembly SIMD, 2 threads)' }, configuration, 4, device)
  expect(remarks('cpu (WebAssembly SIMD, 1 thread)')).toEqual([])
  for (const device of ['cpu (WebAssembly relaxed SIMD, 2 threads)', 'webgpu (nvidia ada)'])
    expect(remarks(device)).toEqual([
      expect.stringContaining(`this process uses ${device}: results differ in the last bits`),
    ])
  // What was made without relaxed SIMD goes on without it; the last process counts.
  const madeOn = (...devices: string[]) => sameArithmetic({ processes: devices.map((device) => ({ device }) as never) })
  expect(madeOn('webgpu (nvidia ada)', 'cpu (WebAssembly SIMD, 2 threads)')).toEqual({ relaxedSimd: false })
  for (const device of ['cpu (WebAssembly relaxed SIMD, 2 threads)', 'webgpu (nvidia ada)'])
    expect(madeOn('cpu (WebAssembly SIMD, 2 threads)', device)).toEqual({})
  // A schedule in JSON has its numbers in itself.
  const { learningRate, minLearningRateRatio, warmupSteps, decayFraction, ...rest } = configuration
  const cooldown = { ...rest, schedule: { kind: 'constant', value: learningRate } }
  expect(resumeRemarks({ configuration, device: 'cpu' }, cooldown, 4, 'cpu')).toEqual([
    expect.stringMatching(/^schedule was .* from here on$/),
    ...(minLearningRateRatio < 1 ? [expect.stringMatching(/^The learning rate of step 5 is/)] : []),
  ])
  // A longer run moves the end of its schedule.
  const made = { configuration, device: 'cpu' }
  expect(resumeRemarks(made, { ...configuration, steps: 12 }, 8, 'cpu').join('\n')).toMatch(
    /The learning rate of step 9 is now 0.00\d+; it was 0.000\d+ at step 8, where the schedule ended/,
  )
})

/** A configuration as run.json and checkpoint.json had it before optimizers were JSON. */
function formerRecipe({ optimizer, minLearningRateRatio, decayFraction, maxGradNorm, ...rest }: any) {
  const { kind: _, ...adamw } = optimizer
  return { ...rest, ...adamw, finalRate: minLearningRateRatio, decayShare: decayFraction, gradientClip: maxGradNorm }
}

test('runs of earlier versions go on', async () => {
  copy('former')
  const { configuration, ...record } = json('former', 'run.json')
  const recipe = formerRecipe(configuration)
  expect(recipe).toMatchObject({ epsilon: 1e-8, beta2: 0.95, finalRate: 0.1, gradientClip: 1 })
  writeFileSync(at('former', 'run.json'), JSON.stringify({ ...record, recipe }))
  await train({ resume: at('former'), overrides: { steps: 10 } })
  const after = json('former', 'run.json')
  expect(after.configuration).toEqual({ ...configuration, steps: 10 })
  expect(after.recipe).toBeUndefined()
  expect(resumeRemarks({ recipe, device: 'cpu' }, configuration, 4, 'cpu')).toEqual([])
  writeFileSync(at('former.json'), JSON.stringify({ recipe: { epsilon: 1e-5, finalRate: 0.2 } }))
  const { configuration: read } = await resolveRun({ config: at('former.json'), overrides: {} })
  expect(read).toMatchObject({ minLearningRateRatio: 0.2, optimizer: { kind: 'adamw', beta2: 0.95, epsilon: 1e-5 } })
})

test('any optimizer and any schedule train, are kept and go on', async () => {
  // A schedule of one's own, from a module.
  writeFileSync(at('kinds.mjs'), 'export const schedules = { harmonic: ({ peak }) => (step) => peak / (step + 1) }\n')
  const plugin = at('kinds.mjs')
  const harmonic = { steps: 2, optimizer: 'lion', schedule: { kind: 'harmonic', peak: 1e-3 } }
  await expect(begin('lion', harmonic)).rejects.toThrow(/unknown kind 'harmonic'/)
  await expect(begin('lion', harmonic, { plugin: at('none.mjs') })).rejects.toThrow(/--plugin .*cannot be loaded/)
  await begin('lion', harmonic, { plugin })
  const { configuration } = json('lion', 'run.json')
  expect(configuration).toMatchObject({ optimizer: { kind: 'lion' }, schedule: harmonic.schedule })
  expect(configuration).not.toHaveProperty('learningRate')
  expect(readFileSync(at('lion', 'metrics.jsonl'), 'utf8')).toContain('"learningRate":0.0005')
  await expect(train({ resume: at('lion'), overrides: { steps: 3 } })).rejects.toThrow(
    /unknown kind 'harmonic'.* The run was made with --plugin .*kinds\.mjs: give it again/,
  )
  await expect(train({ resume: at('lion'), plugin, overrides: { steps: 4, optimizer: 'adamw' } })).rejects.toThrow(
    /the optimizer cannot change from lion to adamw/,
  )
  await train({ resume: at('lion'), plugin, overrides: { steps: 3, optimizer: { beta1: 0.8 } } })
  expect(said).toContain('optimizer.beta1 was its default up to step 2, and is 0.8 from here on')
  expect(stepsOf('lion')).toEqual([1, 2, 3])
  // Muon by name: hidden matrices; the rest under AdamW.
  const schedule = { kind: 'exponential', from: 1e-3, rate: 0.9 }
  await begin('muon', { steps: 2, optimizer: 'muon', schedule })
  expect(json('muon', 'run.json').configuration.optimizer.groups[0].optimizer.kind).toBe('muon')
  for (const [overrides, message] of [
    [{ optimizer: 'adamx' }, /optimizer: optimizerFromJSON: unknown kind 'adamx'; known are adafactor, adam, adamw/],
    [{ optimizer: { epsilom: 1 } }, /optimizer: optimizerFromJSON: adamw has no option 'epsilom'; it has beta1/],
    [{ schedule: 'exponential' }, /schedule must be constant, cosine, inverseSqrt, linear, wsd, or JSON of any kind/],
    [{ schedule, learningRate: 1 }, /learningRate applies only to schedules by name/],
  ] as const)
    await expect(begin('none', overrides)).rejects.toThrow(message)
  expect(existsSync(at('none'))).toBe(false)
})

test('commands in messages can be copied', () => {
  expect(['runs/a-1', "it's here", '本棚'].map(shellQuote)).toEqual(['runs/a-1', "'it'\\''s here'", "'本棚'"])
})

test('other text is not taken for the same', async () => {
  copy('other-text')
  const record = json('other-text', 'run.json')
  writeFileSync(at('other.txt'), Array.from({ length: 90 }, (_, i) => `the shelf ${i} is red and long.`).join('\n\n'))
  writeFileSync(at('other-text', 'run.json'), JSON.stringify({ ...record, data: [at('other.txt')] }))
  await expect(train({ resume: at('other-text') })).rejects.toThrow(/not the text that the run was started with/)
})

test('text or checkpoints that are gone are said, and nothing is begun anew', async () => {
  copy('gone')
  const record = json('gone', 'run.json')
  writeFileSync(at('gone', 'run.json'), JSON.stringify({ ...record, data: [at('moved.txt')] }))
  await expect(train({ resume: at('gone') })).rejects.toThrow(
    /moved\.txt: there is no such file .* restore it, or set its new path under data in .*run\.json/,
  )
  writeFileSync(at('gone', 'run.json'), JSON.stringify(record))
  rmSync(at('gone', 'checkpoints'), { recursive: true })
  await expect(train({ resume: at('gone') })).rejects.toThrow(/run\.json records 8 steps, but no checkpoint exists/)
  expect(stepsOf('gone').length).toBe(8)
})

test('a loss that leaves the numbers says where to go back to, and the rate can be changed there', async () => {
  await begin(
    'diverged',
    { learningRate: 50, optimizer: { weightDecay: 100 }, steps: 40, warmupSteps: 12 },
    { checkpointEvery: 2 },
  ).then(
    () => Promise.reject(new Error('it should diverge')),
    (error: Error) => {
      expect(error.message).toMatch(
        /step \d+: the .*\. Go back to step \d+ with a smaller learning rate: kumiki train --resume .*@\d+ --learning-rate 16.7$/,
      )
    },
  )
})

test('what no machine holds is refused before anything is made', async () => {
  await expect(train({ preset: 'llm-jp-3-172b', out: at('large'), device: 'auto' })).rejects.toThrow(
    /llm-jp-3-172b: training 16\d,\d+,\d+,\d+ parameters .* takes about \d,\d+ GiB; .*would fit/,
  )
  expect(existsSync(at('large'))).toBe(false)
})

test('a loss that goes wrong and stays finite keeps a checkpoint from before, and says so', async () => {
  // A rate that is far too high from step 60 on.
  await begin(
    'spoilt',
    { steps: 60, schedule: 'wsd', minLearningRateRatio: 1, warmupSteps: 4 },
    { checkpointEvery: 20 },
  )
  await train({ resume: at('spoilt'), overrides: { steps: 200, learningRate: 3 } })
  expect(said).toMatch(
    /The loss has been far above its earlier level since step 6\d; the checkpoint of step 60, before that, is kept/,
  )
  expect(said).toMatch(
    /since step 6\d\. (?:.*)Go back to step 60 with a smaller learning rate: kumiki train --resume .*@60 --learning-rate 1\n/,
  )
  expect(readdirSync(at('spoilt', 'checkpoints'))).toEqual(['step-00000060', 'step-00000180', 'step-00000200'])
})
