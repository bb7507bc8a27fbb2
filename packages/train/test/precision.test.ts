/** Precision policies: moment formats, memory of a step, refused policies, non-finite gradients. */
import {
  adamw,
  averageWeights,
  chain,
  clipGlobalNorm,
  constant,
  muon,
  type Optimizer,
  parameterGroups,
  sgd,
  skipNonFinite,
  withDynamics,
} from '@kumiki/optim'
import { type Device, init, where } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bf16,
  bf16Pure,
  checkPrecision,
  f32,
  fp8Block,
  fp8Current,
  fp8Hybrid,
  mxfp8,
  type PrecisionPolicy,
  Trainer,
} from '../src/index.ts'
import { tiny, tinyOptions } from './tiny.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu' })
})
afterAll(() => device.dispose())

const create = (optimizer: Optimizer, precision: PrecisionPolicy, rate = 3e-3) =>
  Trainer.create(tinyOptions(device, { optimizer, schedule: constant(rate), precision }))

describe('the moments of a policy', () => {
  const stateBytes = async (optimizer: Optimizer, precision: PrecisionPolicy) => {
    const trainer = create(optimizer, precision)
    for await (const _ of trainer.run(1));
    const { inputBytes } = trainer.memory()
    trainer.dispose()
    return inputBytes
  }

  test('are stored so by every optimizer that can, through all that is put around it', async () => {
    const own = adamw({ momentDtype: 'bfloat16' })
    const narrow = await stateBytes(chain(clipGlobalNorm(1), own), bf16Pure)
    const wide = await stateBytes(chain(clipGlobalNorm(1), adamw()), { ...bf16Pure, moments: 'float32' })
    expect(wide - narrow).toBeGreaterThan(0.3 * wide)
    const around: Optimizer[] = [
      chain(clipGlobalNorm(1), adamw()),
      withDynamics(adamw()),
      skipNonFinite(chain(clipGlobalNorm(1), adamw()), { where }),
      parameterGroups([{ name: 'all', optimizer: adamw() }]),
    ]
    for (const optimizer of around) expect(await stateBytes(optimizer, bf16Pure), optimizer.name).toBe(narrow)
    // An average of the weights is no moment: it stays float32.
    const averaged = await stateBytes(averageWeights(adamw(), { decay: 0.99 }), bf16Pure)
    expect(averaged).toBeGreaterThan(wide)
    // A policy that says nothing leaves moments as they were made.
    expect(await stateBytes(own, { ...bf16Pure, moments: undefined })).toBe(narrow)
  })

  test('that contradict the optimizer, or that it cannot have, are refused', () => {
    expect(() => create(adamw({ momentDtype: 'bfloat16' }), { ...bf16, moments: 'float32' })).toThrow(
      /adamw: it was made with momentDtype bfloat16, but float32 is requested; set it in one place only/,
    )
    const mixed = parameterGroups([
      { name: 'norms', match: (_, leaf) => leaf.ndim === 1, optimizer: sgd() },
      { name: 'rest', optimizer: muon() },
    ])
    expect(() => create(mixed, bf16Pure)).toThrow(
      /precision "bf16-pure": moments in bfloat16, but parameterGroups\(norms: sgd, rest: muon\) does not support that; use another optimizer/,
    )
    expect(() => create(mixed, { ...bf16, moments: 'float32' }).dispose()).not.toThrow()
  })
})

describe('what a step keeps', () => {
  const temporaries = async (
    precision: PrecisionPolicy,
    sequenceLength: number,
    batchSize: number,
    { accumulation = 1, layers = 2 } = {},
  ) => {
    const architecture = {
      ...tiny,
      hiddenSize: 128,
      intermediateSize: 256,
      headDim: 32,
      numKeyValueHeads: 4,
      numHiddenLayers: layers,
    }
    const trainer = Trainer.create(
      tinyOptions(device, { architecture, batchSize, sequenceLength, accumulation, precision }),
    )
    for await (const _ of trainer.run(1));
    const { temporaryBytes } = trainer.memory()
    trainer.dispose()
    return temporaryBytes
  }

  test('is less in fp8 than in bfloat16, and less there than in float32', async () => {
    const [wide, narrow] = [await temporaries(f32, 32, 16), await temporaries(bf16, 32, 16)]
    expect(narrow).toBeLessThan(0.95 * wide)
    for (const policy of [fp8Hybrid, fp8Current, fp8Block, mxfp8])
      expect(await temporaries(policy, 32, 16), policy.name).toBeLessThan(narrow)
  })

  test('is that of one part, where gradients are accumulated', async () => {
    const [whole, halves, eighths] = [
      await temporaries(bf16, 32, 32),
      await temporaries(bf16, 32, 32, { accumulation: 2 }),
      await temporaries(bf16, 32, 32, { accumulation: 8 }),
    ]
    expect(halves).toBeLessThan(0.7 * whole)
    expect(eighths).toBeLessThan(0.35 * whole)
  })

  test('bfloat16 gradients take two bytes', async () => {
    // Few tokens: gradients, which wait for their norm, are most of what there is.
    const wide = await temporaries({ ...bf16Pure, gradients: 'float32' }, 16, 1, { layers: 3 })
    const narrow = await temporaries(bf16Pure, 16, 1, { layers: 3 })
    expect(narrow).toBeLessThan(0.65 * wide)
  })
})

test('a policy that cannot be says which field, and what it may be', () => {
  const refuse = (change: object, message: RegExp) =>
    expect(() => create(adamw(), { ...bf16, ...change } as PrecisionPolicy)).toThrow(message)
  refuse({ parameters: 'bf16' }, /precision "bf16": parameters must be one of float32, bfloat16, float16, got "bf16"/)
  refuse({ activations: undefined }, /activations must be one of float32, bfloat16, float16, got undefined/)
  refuse({ gradients: 'float16' }, /gradients must be one of float32, bfloat16, got "float16"/)
  refuse({ moments: 'fp8' }, /moments must be one of float32, bfloat16, got "fp8"/)
  refuse({ master: 'yes' }, /master must be true or false, got "yes"/)
  refuse({ name: '' }, /name must be a name/)
  refuse({ scaling: {} }, /unknown field scaling; known fields are name, parameters, master, activations/)
  refuse({ fp8: true }, /fp8 must be an object, got true/)
  refuse({ fp8: { scaling: { kind: 'magic' } } }, /scaling.kind must be one of current, delayed, block, mx/)
  expect(() => checkPrecision('bf16' as never)).toThrow(/a policy is an object such as bf16, got "bf16"/)
})

test('the gradient norm is known, and a NaN gradient stops the run in its step, whatever the optimizer reports', async () => {
  const norms: number[][] = []
  for (const optimizer of [adamw(), chain(clipGlobalNorm(1e9), adamw())]) {
    const trainer = create(optimizer, bf16)
    const own: number[] = []
    for await (const { gradNorm } of trainer.run(3)) own.push(gradNorm)
    norms.push(own)
    trainer.dispose()
  }
  expect(norms[0].every((x) => x > 0)).toBe(true)
  for (const [i, x] of norms[0].entries()) expect(Math.abs(x - norms[1][i])).toBeLessThan(1e-5 * x)
  // The loss is finite; the norm of gradients this large is not.
  const trainer = create(adamw(), bf16)
  const snapshot = await trainer.snapshot()
  const arrays = new Map(snapshot.arrays)
  const head = arrays.get('params.lm_head.weight')!
  arrays.set('params.lm_head.weight', { ...head, data: head.data.map((x) => x * 1e30) })
  await trainer.restore({ ...snapshot, arrays })
  const run = async () => {
    for await (const _ of trainer.run(1));
  }
  await expect(run()).rejects.toThrow(/step 1: the gradient norm is Infinity; training stopped/)
  trainer.dispose()
})
