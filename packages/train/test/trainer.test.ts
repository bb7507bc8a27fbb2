/** The trainer: learning, metrics, resuming, gradient accumulation, errors of wrong input. */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batches, packEvaluation } from '@kumiki/data'
import { loadModel, saveModel } from '@kumiki/models/node'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bf16, Trainer, type TrainerOptions, TrainingError } from '../src/index.ts'
import { listCheckpoints, loadCheckpoint, saveCheckpoint, writeFileAtomically } from '../src/node.ts'
import { documents, heldOut, lossesOf, type TinyRun, tiny, tinyOptions } from './tiny.ts'

let device: Device
let folder: string
beforeAll(async () => {
  device = await init({ backend: 'cpu' })
  folder = await mkdtemp(join(tmpdir(), 'kumiki-train-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

const options = (extra: TinyRun = {}): TrainerOptions =>
  tinyOptions(device, { zLoss: 1e-4, seed: 5, precision: bf16, ...extra })

test('learns, reports every step once and in order', async () => {
  const trainer = Trainer.create(options())
  const seen: number[] = []
  let last = 0
  for await (const m of trainer.run(60)) {
    seen.push(m.step)
    expect(m.tokens).toBe(m.step * 64)
    last = m.loss
  }
  expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  expect(last).toBeLessThan(2)
  const { natsPerToken, tokens } = await trainer.evaluate(heldOut(documents))
  expect(tokens).toBe(documents.reduce((n, d) => n + d.length + 1, 0))
  expect(natsPerToken).toBeLessThan(2.2)
  trainer.dispose()
})

test('a run resumed from a checkpoint on disk gives the bits of an unbroken one', async () => {
  const whole = Trainer.create(options())
  const expected = await lossesOf(whole, 20)
  const first = Trainer.create(options())
  const before = await lossesOf(first, 11)
  await saveCheckpoint(folder, await first.snapshot())
  const second = Trainer.create(options())
  const [{ path, step }] = await listCheckpoints(folder)
  expect(step).toBe(11)
  await second.restore(await loadCheckpoint(path))
  const after = await lossesOf(second, 20)
  expect([...before, ...after]).toEqual(expected)
  const a = await whole.snapshot()
  const b = await second.snapshot()
  expect([...b.arrays.keys()]).toEqual([...a.arrays.keys()])
  for (const [name, { data }] of a.arrays) expect(b.arrays.get(name)!.data, name).toEqual(data)
  for (const t of [whole, first, second]) t.dispose()
})

test('gradient accumulation is the same mean over the batch', async () => {
  const one = Trainer.create(options({ precision: undefined }))
  const four = Trainer.create(options({ precision: undefined, accumulation: 4 }))
  const a = await lossesOf(one, 5)
  const b = await lossesOf(four, 5)
  b.forEach((loss, i) => {
    expect(loss).toBeCloseTo(a[i], 4)
  })
  one.dispose()
  four.dispose()
})

test('breaking out of a run loses no step: the next one begins with what was not read', async () => {
  const trainer = Trainer.create(options())
  const steps: number[] = []
  for await (const { step } of trainer.run(6)) {
    steps.push(step)
    if (step === 3) break
  }
  expect(trainer.step).toBe(4)
  for await (const { step } of trainer.run(trainer.step)) steps.push(step)
  for await (const { step } of trainer.run(6)) steps.push(step)
  expect(steps).toEqual([1, 2, 3, 4, 5, 6])
  trainer.dispose()
})

test('a token id that the model has no row for is named with its document', async () => {
  const far = [...documents.slice(0, 3), Int32Array.of(3, 4, 50)]
  expect(() => Trainer.create(options({ documents: far }))).toThrow(
    /token 2 of document 3 must be an integer from 0 to 49 \(a vocabulary of 50\), got 50/,
  )
  expect(() => Trainer.create(options({ eosId: 50 }))).toThrow(/eosId must be an integer from 0 to 49/)
  expect(() => heldOut(far)).toThrow(/token 2 of document 3/)
  // Where the data does not know the vocabulary, the trainer does.
  const trainer = Trainer.create({
    ...options(),
    data: batches({ documents: far.slice(3), eosId: 2, batchSize: 1, sequenceLength: 3 }),
  })
  await expect(lossesOf(trainer, 1)).rejects.toThrow(/is the token id 50, but the model's ids are below 50/)
  await expect(trainer.evaluate(packEvaluation(far, 16, { eosId: 2 }))).rejects.toThrow(/is the token id 50/)
  trainer.dispose()
})

test('trained parameters must be float32, not from the narrow weights that another trainer reads', async () => {
  const first = Trainer.create(options())
  expect(() => Trainer.create(options({ parameters: first.parameters }))).toThrow(
    /Trainer: the parameter \S+ is bfloat16; trained parameters must be float32/,
  )
  const { arrays } = await first.snapshot()
  const parameters = Object.fromEntries(
    Object.keys(first.parameters).map((name) => {
      const { data, shape } = arrays.get(`params.${name}`)!
      return [name, device.tensor(data, shape)]
    }),
  )
  const second = Trainer.create(options({ parameters }))
  expect(await lossesOf(second, 2)).toEqual(await lossesOf(first, 2))
  second.dispose()
  first.dispose()
})

test('a loss that is no number stops the run and names the step', async () => {
  const trainer = Trainer.create(options({ schedule: () => 1e30 }))
  await expect(lossesOf(trainer, 20)).rejects.toThrow(TrainingError)
  trainer.dispose()
  const again = Trainer.create(options({ schedule: () => 1e30 }))
  await expect(lossesOf(again, 20)).rejects.toThrow(/step \d+: the (loss|gradient norm) is .*; training stopped/)
  again.dispose()
})

test('old checkpoints are dropped, half-written and broken ones are told', async () => {
  const trainer = Trainer.create(options())
  const run = join(folder, 'many')
  for (const steps of [1, 2, 3]) {
    await lossesOf(trainer, steps)
    await saveCheckpoint(run, await trainer.snapshot())
  }
  expect((await listCheckpoints(run)).map((c) => c.step)).toEqual([2, 3])
  const [, { path }] = await listCheckpoints(run)
  const file = join(path, 'state.safetensors')
  await truncate(file, 1000)
  await expect(loadCheckpoint(path)).rejects.toThrow(/state\.safetensors: .*damaged; use another checkpoint/)
  await writeFile(join(path, 'checkpoint.json'), '{"version":2,"step":-1}')
  await expect(loadCheckpoint(path)).rejects.toThrow(/checkpoint\.json: does not match its own checksum/)
  await expect(loadCheckpoint(join(run, 'nowhere'))).rejects.toThrow(/give the folder of a checkpoint/)
  const other = Trainer.create(options({ architecture: { ...tiny, hiddenSize: 64 } }))
  await expect(other.restore(await trainer.snapshot())).rejects.toThrow(/in the snapshot and .* in the model/)
  trainer.dispose()
  other.dispose()
})

test('a model folder is read back as it was', async () => {
  const trainer = Trainer.create(options())
  await lossesOf(trainer, 2)
  const model = join(folder, 'model')
  await saveModel(model, tiny, trainer.parameters, { eosTokenId: 2 })
  const { architecture, parameters } = await loadModel(device, model)
  expect(architecture.numKeyValueHeads).toBe(2)
  for (const [name, t] of Object.entries(trainer.parameters))
    expect(await parameters[name].data(), name).toEqual(await t.data())
  expect(
    JSON.parse(await readFile(join(model, 'config.json'), 'utf8')).torch_dtype ??
      JSON.parse(await readFile(join(model, 'config.json'), 'utf8')).dtype,
  ).toBe('bfloat16')
  await truncate(join(model, 'model.safetensors'), 500)
  await expect(loadModel(device, model)).rejects.toThrow(/model\.safetensors/)
  await expect(loadModel(device, join(folder, 'none'))).rejects.toThrow(/config\.json: cannot be read/)
  trainer.dispose()
})

test('a write that fails leaves the old file', async () => {
  const file = join(folder, 'kept.txt')
  await writeFileAtomically(file, 'old')
  const failing = (async function* () {
    yield new TextEncoder().encode('new')
    throw new Error('broken source')
  })()
  await expect(writeFileAtomically(file, failing)).rejects.toThrow(/kept\.txt: writing failed: broken source/)
  expect(await readFile(file, 'utf8')).toBe('old')
})
