/** Presets: a model's own recipe, scaled to this machine, with every change listed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findModel } from '@kumiki/models/configs'
import { scheduleFromJSON } from '@kumiki/optim'
import { bf16, scheduleOf } from '@kumiki/train'
import { expect, test } from 'vitest'
import { differenceLines } from '../src/train/presets.ts'
import { resolveRun } from '../src/train/run-definition.ts'
import { checkTrainingMemory } from '../src/train/training-memory.ts'

const gib = 2 ** 30

test("a preset is its model's own recipe, scaled, and every change is said", async () => {
  const { configuration, recipe } = await resolveRun({ preset: 'llm-jp-3-150m', overrides: {}, available: 64 * gib })
  expect(configuration).toMatchObject({
    batchSize: 512,
    sequenceLength: 4096,
    learningRate: 3e-4,
    minLearningRateRatio: 0.1,
    schedule: 'cosine',
    optimizer: findModel('llm-jp-3-150m').recipe!.optimizer,
    maxGradNorm: 1,
    zLoss: 1e-4,
    precision: 'bf16',
  })
  // The whole batch of 2 million tokens, in as many parts as the memory asks for.
  expect(512 % configuration.accumulation).toBe(0)
  expect(configuration.accumulation).toBeGreaterThan(64)
  const lines = differenceLines(recipe!.model, recipe!.differences)
  expect(lines).toEqual([
    "Differences from LLM-jp's recipe of llm-jp-3-150m:",
    '  steps: 800 instead of 988,240 (a run on one machine; --steps changes it)',
    '  warmup steps: 80 instead of 2,000 (at most a tenth of the steps)',
    '  vocabulary size: 2,048 instead of 99,487 (the tokenizer is trained on the text of this run; --vocab-size changes it)',
    expect.stringMatching(
      /^ {2}devices: one, micro batch \d, \d+ accumulation steps instead of 64 H100-SXM-80GB: TP 1, PP 1, CP 1, DP 64, micro batch 8 \(accumulated gradients/,
    ),
    '  text: the text of this run instead of the blend llm-jp-3 (--data selects the text)',
  ])
})

test('what is given by hand stays, and less memory makes shorter sequences', async () => {
  const overrides = { batchSize: 4, steps: 10, optimizer: { epsilon: 1e-5 } }
  const { configuration, recipe } = await resolveRun({ preset: 'llm-jp-3-150m', overrides, available: 1.2 * gib })
  expect(configuration).toMatchObject({ batchSize: 4, accumulation: 4, steps: 10, warmupSteps: 1 })
  expect(configuration.sequenceLength).toBeLessThan(4096)
  const said = Object.fromEntries(recipe!.differences.map(({ what, why }) => [what, why]))
  expect(said).toMatchObject({
    'sequences per batch': 'set by --batch-size',
    optimizer: 'set by --optimizer',
    steps: 'set by --steps',
    'tokens per sequence': 'a longer one does not fit the memory',
  })
  expect(configuration.optimizer).toEqual({ kind: 'adamw', beta1: 0.9, beta2: 0.95, epsilon: 1e-5, weightDecay: 0.1 })
})

test('a mixture keeps the losses of its router, and experts count in its memory', async () => {
  const { configuration } = await resolveRun({ preset: 'llm-jp-3-8x1.8b', overrides: {}, available: 4 * gib })
  expect(configuration).toMatchObject({ auxiliaryLoss: 0.01, routerZLoss: 0, zLoss: 0 })
  const { architecture } = findModel('llm-jp-3-8x1.8b')
  const run = { architecture, precision: bf16, batchSize: 1, accumulation: 1, sequenceLength: 128 }
  expect(() => checkTrainingMemory('mixture', run, 'cpu', 64 * gib)).toThrow(/training 9,266,362,368 parameters/)
  const qwen = { ...findModel('nano').architecture, qkNorm: true, slidingWindow: 64, attentionBias: 'qkv' as const }
  expect(() => checkTrainingMemory('nano', { ...run, architecture: qwen }, 'cpu', gib)).not.toThrow()
})

test('a configuration file changes any field of the architecture, and slips are named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kumiki-presets-'))
  const config = join(folder, 'run.json')
  const resolve = (json: object) => {
    writeFileSync(config, JSON.stringify(json))
    return resolveRun({ config, overrides: {} })
  }
  const { architecture, configuration } = await resolve({
    architecture: { qkNorm: true, numHiddenLayers: 2 },
    run: { maxGradNorm: 2 },
  })
  expect(architecture).toMatchObject({ qkNorm: true, numHiddenLayers: 2 })
  expect(configuration.maxGradNorm).toBe(2)
  await expect(resolve({ architecture: { qkNorms: true } })).rejects.toThrow(
    /unknown field qkNorms; did you mean qkNorm\?/,
  )
  await expect(resolve({ run: { learningrate: 1 } })).rejects.toThrow(
    /unknown field learningrate; did you mean learningRate\?/,
  )
  await expect(resolve({ run: {}, recipe: {} })).rejects.toThrow(/has both run and recipe/)
  rmSync(folder, { recursive: true })
})

test("a whole recipe's schedule is the one LLM-jp had", async () => {
  for (const preset of ['llm-jp-3-13b', 'llm-jp-4-8b']) {
    const { schedule, trainSteps, sequenceLength, globalBatchSize } = findModel(preset).recipe!
    const overrides = { steps: trainSteps, warmupSteps: 2000, batchSize: globalBatchSize, sequenceLength }
    const { configuration } = await resolveRun({ preset, overrides, available: 64 * gib })
    const [ours, theirs] = [scheduleOf(configuration), scheduleFromJSON(schedule)]
    // LLM-jp-3's cosine ends 2000 steps before the run does.
    for (const step of [0, 1000, 2000, 100_000, trainSteps / 2])
      expect(Math.abs(ours(step) / (theirs(step) || 1) - (step ? 1 : 0)), `${preset} ${step}`).toBeLessThan(0.02)
  }
})
