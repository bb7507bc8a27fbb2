/** Spike policies, skipped gradients, optimizer metrics and state, and branches with another schedule. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors } from '@kumiki/models/safetensors'
import {
  adafactor,
  adamw,
  averageWeights,
  chain,
  clipGlobalNorm,
  constant,
  cooldown,
  leavesOf,
  mapTree,
  muon,
  type Optimizer,
  parameterGroups,
  rewindAndSkip,
  sgd,
  skipBatches,
  skipNonFinite,
  withDynamics,
  zclip,
} from '@kumiki/optim'
import { type Device, init, where } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bf16, type SpikeStep, Trainer, TrainingError, trainWithSpikePolicy } from '../src/index.ts'
import { listCheckpoints, loadCheckpoint, saveCheckpoint } from '../src/node.ts'
import { type TinyRun, tinyOptions, tiny as twoLayers } from './tiny.ts'

let device: Device
let folder: string
beforeAll(async () => {
  device = await init({ backend: 'cpu' })
  folder = await mkdtemp(join(tmpdir(), 'kumiki-dynamics-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

const tiny = { ...twoLayers, hiddenSize: 16, intermediateSize: 32, numHiddenLayers: 1, numAttentionHeads: 2 }

const make = (extra: TinyRun = {}): Trainer =>
  Trainer.create(tinyOptions(device, { architecture: tiny, optimizer: adamw(), seed: 5, ...extra }))

async function all(trainer: Trainer, steps: number) {
  const seen = []
  for await (const m of trainer.run(steps)) seen.push(m)
  return seen
}

test("an optimizer's metrics arrive with the step", async () => {
  const optimizer = skipNonFinite(
    chain(zclip({ warmupSteps: 2 }), withDynamics(adamw({ beta2: 0.95, epsilon: 1e-5 }))),
    { where },
  )
  const trainer = make({ optimizer })
  const seen = await all(trainer, 5)
  for (const m of seen) {
    expect(m.skipped).toBe(0)
    expect(m.updateRatio).toBeGreaterThan(1e-4)
    expect(m.updateRatio).toBeLessThan(1)
    expect(m.effectiveStep).toBeGreaterThan(0.5)
    expect(m.effectiveStep).toBeLessThan(1)
    expect(m.clippedNorm).toBeLessThanOrEqual(m.gradNorm)
  }
  trainer.dispose()
})

test('a gradient that is no number is skipped, and the run goes on', async () => {
  const rate = (step: number) => (step === 3 ? 1e30 : 3e-3)
  const trainer = make({ optimizer: skipNonFinite(chain(clipGlobalNorm(1), sgd()), { where }), schedule: rate })
  const seen = await all(trainer, 6)
  expect(seen.map((m) => m.skipped)).toEqual([0, 0, 0, 0, 1, 1])
  trainer.dispose()
  const plain = make({ optimizer: chain(clipGlobalNorm(1), sgd()), schedule: rate })
  await expect(all(plain, 6)).rejects.toThrow(TrainingError)
  plain.dispose()
})

const composed = (): Optimizer =>
  chain(
    zclip({ warmupSteps: 3 }),
    averageWeights(
      parameterGroups([
        { name: 'tables', match: (path) => /embed|lm_head/.test(path), optimizer: adafactor() },
        {
          name: 'hidden',
          match: (_, leaf) => leaf.shape.length === 2,
          optimizer: muon({ scaling: 'match_rms_adamw' }),
        },
        { name: 'rest', optimizer: adamw({ momentDtype: 'bfloat16' }) },
      ]),
      { decay: 0.9 },
    ),
  )

test('any optimizer resumes from a checkpoint bit for bit', async () => {
  for (const precision of [undefined, bf16]) {
    const whole = make({ optimizer: composed(), precision })
    const expected = (await all(whole, 12)).map((m) => m.loss)
    expect(expected[11]).toBeLessThan(expected[0])
    const first = make({ optimizer: composed(), precision })
    await all(first, 7)
    const run = join(folder, precision?.name ?? 'f32')
    await saveCheckpoint(run, await first.snapshot())
    const second = make({ optimizer: composed(), precision })
    await second.restore(await loadCheckpoint((await listCheckpoints(run))[0].path))
    expect((await all(second, 12)).map((m) => m.loss)).toEqual(expected.slice(7))
    const [a, b] = [await whole.snapshot(), await second.snapshot()]
    expect([...b.arrays.keys()]).toEqual([...a.arrays.keys()])
    for (const [name, { data }] of a.arrays) expect(b.arrays.get(name)!.data, name).toEqual(data)
    expect([...a.arrays.keys()]).toContain('optimizer.zclip.mean')
    for (const t of [whole, first, second]) t.dispose()
  }
})

test('state of typed arrays goes through safetensors', () => {
  const optimizer = chain(zclip({ warmupSteps: 2 }), adamw({ momentDtype: 'bfloat16' }))
  const params = { layers: [{ w: Float32Array.of(1, 2, 3), b: Float32Array.of(4) }] }
  const grads = { layers: [{ w: Float32Array.of(1, -2, 0.3), b: Float32Array.of(1e-3) }] }
  const { state } = optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 0.1))
  const names = { Float32Array: 'F32', Float64Array: 'F64', Uint16Array: 'BF16' } as const
  const file = encodeSafetensors(
    leavesOf(state).map(({ path, leaf }) => {
      const array = leaf as Float32Array
      return {
        name: path,
        dtype: names[array.constructor.name as keyof typeof names],
        shape: [array.length],
        data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
      }
    }),
  )
  const { tensors } = decodeSafetensors(file)
  const back = mapTree(optimizer.init(params), (leaf, path) => {
    const bytes = Uint8Array.from(tensors.get(path)!.data)
    return new leaf.constructor(bytes.buffer)
  })
  expect(back).toEqual(state)
  expect(tensors.get('expAvg.layers.0.w')!.dtype).toBe('BF16')
})

test('a cooldown branched off a running schedule: the checkpoint goes on under another schedule', async () => {
  const stable = constant(3e-3)
  const trunk = make({ schedule: stable })
  await all(trunk, 10)
  const snapshot = await trunk.snapshot()
  await all(trunk, 20)
  const branchSchedule = cooldown(stable, { start: 10, steps: 10 })
  const branch = make({ schedule: branchSchedule })
  await branch.restore(snapshot)
  const seen = await all(branch, 20)
  expect(seen.map((m) => m.learningRate)).toEqual(Array.from({ length: 10 }, (_, i) => branchSchedule(10 + i)))
  const unbroken = make({ schedule: branchSchedule })
  expect((await all(unbroken, 20)).slice(10).map((m) => m.loss)).toEqual(seen.map((m) => m.loss))
  for (const t of [trunk, branch, unbroken]) t.dispose()
})

test('trainWithSpikePolicy rewinds, skips data, and recovers', async () => {
  // A rate of 1000 at one update ruins the weights; after a rewind the data there is other, and so is the rate the
  // second time.
  let poisoned = 0
  const rate = (step: number) => (step === 45 && poisoned++ === 0 ? 1000 : 3e-3)
  const trainer = make({ schedule: rate, optimizer: chain(clipGlobalNorm(1), adamw()) })
  const policy = rewindAndSkip({ rewindSteps: 10, batches: 7, loss: { window: 16, threshold: 8 } })
  const seen: SpikeStep[] = []
  for await (const s of trainWithSpikePolicy(trainer, { steps: 60, policy, snapshotEvery: 10 })) seen.push(s)
  const rewinds = seen.filter((s) => s.rewoundTo !== undefined)
  expect(rewinds.map((s) => [s.step, s.rewoundTo])).toEqual([[47, 30]])
  expect(seen.map((s) => s.step).slice(-31)).toEqual([47, ...Array.from({ length: 30 }, (_, i) => 31 + i)])
  const losses = seen.map((s) => s.metrics!.loss)
  expect(losses[46]).toBeGreaterThan(losses[45] + 1)
  expect(losses[losses.length - 1]).toBeLessThan(losses[44])
  trainer.dispose()
})

test('trainWithSpikePolicy skips batches, gives up where it must, and says so', async () => {
  const trainer = make({ schedule: (step) => (step === 30 ? 30 : 3e-3) })
  const position = make()
  await all(position, 40)
  for await (const _ of trainWithSpikePolicy(trainer, {
    steps: 40,
    policy: skipBatches({ batches: 5, loss: { window: 16 } }),
  }));
  expect(trainer.dataPosition).not.toEqual(position.dataPosition)
  await expect(trainer.skipBatches(-1)).rejects.toThrow(/integer of at least 0, got -1/)
  const hopeless = make({ schedule: (step) => (step >= 30 ? 1e30 : 3e-3) })
  const policy = rewindAndSkip({ rewindSteps: 5, batches: 1, loss: { window: 16 } })
  const run = async () => {
    for await (const _ of trainWithSpikePolicy(hopeless, { steps: 40, policy, snapshotEvery: 10 }));
  }
  await expect(run()).rejects.toThrow(/spiked again after 3 rewinds/)
  await expect(trainWithSpikePolicy(trainer, { steps: 50, policy, snapshotEvery: 0 }).next()).rejects.toThrow(
    /snapshotEvery must be an integer of at least 1, got 0/,
  )
  for (const t of [trainer, position, hopeless]) t.dispose()
})
