/** Frozen parameters: no gradients, moments or master weights. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bf16, fp8Current, type PrecisionPolicy, Trainer, type TrainerOptions } from '../src/index.ts'
import { loadCheckpoint, saveCheckpoint } from '../src/node.ts'
import { expectEqualStates, lossesOf, tinyOptions } from './tiny.ts'

let device: Device
let folder: string
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  folder = await mkdtemp(join(tmpdir(), 'kumiki-trainable-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

const only = ['model.layers.1.*', /^lm_head/]
const decoder = (precision: PrecisionPolicy, trainable?: TrainerOptions['trainable']) => {
  return Trainer.create(tinyOptions(device, { seed: 1, precision, trainable }))
}

test.each([bf16, fp8Current])(
  '$name: what is frozen keeps its bits, and has no gradient, no moments and no master copy',
  async (precision) => {
    const [all, some] = [decoder(precision), decoder(precision, only)]
    const { arrays: before, frozen: hashes } = await some.snapshot()
    const values = async ({ name }: { readonly name: string }) => (await some.parameters[name].data()).slice()
    const losses = await lossesOf(some, 12)
    expect(losses[11]).toBeLessThan(losses[0] - 0.3)
    await lossesOf(all, 1)
    const chosen = some.model.parameters.filter(({ name }) => /layers\.1\.|^lm_head/.test(name))
    const frozen = some.model.parameters.filter((p) => !chosen.includes(p))
    const { arrays, frozen: now } = await some.snapshot()
    expect(now).toEqual(hashes)
    expect(Object.keys(hashes!)).toEqual(frozen.map(({ name }) => name))
    expect(frozen.filter(({ name }) => arrays.has(`params.${name}`))).toEqual([])
    const fresh = decoder(precision, only)
    for (const p of frozen) expect(await fresh.parameters[p.name].data(), p.name).toEqual(await values(p))
    for (const { name } of chosen)
      expect(arrays.get(`params.${name}`)!.data, name).not.toEqual(before.get(`params.${name}`)!.data)
    expect([...arrays.keys()].filter((key) => key.startsWith('optimizer.')).sort()).toEqual(
      chosen.flatMap(({ name }) => ['expAvg', 'expAvgSq'].map((moment) => `optimizer.${moment}.${name}`)).sort(),
    )
    // Two bytes for a frozen matrix and four for a norm, in place of 14 and 12: master copy and moments are gone.
    const saved = frozen.reduce((n, { shape }) => n + (shape.length > 1 ? 12 : 8) * shape.reduce((a, b) => a * b), 0)
    const [wide, narrow] = [all.memory(), some.memory()]
    expect(wide.inputBytes - narrow.inputBytes).toBeGreaterThanOrEqual(saved)
    expect(wide.inputBytes - narrow.inputBytes).toBeLessThan(1.05 * saved)
    expect(narrow.peakBytes).toBeLessThan(wide.peakBytes - saved)
    for (const t of [all, some, fresh]) t.dispose()
  },
)

test('a resumed run has the bits of an unbroken one', async () => {
  const whole = decoder(bf16, (name) => name.includes('.mlp.'))
  await lossesOf(whole, 8)
  const first = decoder(bf16, (name) => name.includes('.mlp.'))
  await lossesOf(first, 5)
  const second = decoder(bf16, (name) => name.includes('.mlp.'))
  await second.restore(await loadCheckpoint(await saveCheckpoint(join(folder, 'mlp'), await first.snapshot())))
  await lossesOf(second, 8)
  await expectEqualStates(whole, second)
  // What was frozen is left out of a snapshot, and must be the same there.
  const base = Trainer.create(tinyOptions(device, { seed: 2, precision: bf16, trainable: ['*.mlp.*'] }))
  await expect(base.restore(await first.snapshot())).rejects.toThrow(
    /the frozen parameter model\.embed_tokens\.weight differs from that of the snapshot/,
  )
  base.dispose()
  // What one run froze another cannot go on training: it has no moments.
  const other = decoder(bf16)
  await expect(other.restore(await first.snapshot())).rejects.toThrow(/model\.embed_tokens\.weight was frozen when/)
  for (const t of [whole, first, second, other]) t.dispose()
})

test('a pattern that fits nothing, and a choice of nothing, are refused', () => {
  expect(() => decoder(bf16, ['model.layers.7.*'])).toThrow(
    /trainable: model\.layers\.7\.\* matches no parameter of the model decoder; its parameters are model\.embed_tokens\.weight/,
  )
  expect(() => decoder(bf16, () => false)).toThrow(/no parameter of the model decoder is selected/)
})
