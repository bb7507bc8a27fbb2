/** fp8 linear layers against their emulation, delayed scaling, memory, resuming and learning. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decoderModel, type ForwardOptions } from '@kumiki/models'
import {
  amax as amaxOfArray,
  blockAmax,
  blockwiseScaling,
  decodeArray,
  delayedScaling,
  dequantizeBlocks as dequantizeBlocksOnHost,
  encodeArray,
  mxScaleCode,
  quantizeBlocks as quantizeBlocksOnHost,
  scaleFor,
} from '@kumiki/numerics'
import { adamw, chain, clipGlobalNorm, constant } from '@kumiki/optim'
import { compile, type Device, dequantizeBlocks, grad, init, matmul, silu, sum, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blockScaledLinear, tensorScaledLinear } from '../src/fp8/linear.ts'
import { amaxOf, quantize, quantizeBlocks, scaleOf, targetOf } from '../src/fp8/quantize.ts'
import {
  bf16,
  exceptFirstAndLastBlocks,
  Fp8Recipe,
  findPrecision,
  forwardOptions,
  fp8Block,
  fp8Current,
  fp8Hybrid,
  innerBlocksOnly,
  mxfp8,
  type PrecisionPolicy,
  precisions,
  Trainer,
  type TrainerOptions,
} from '../src/index.ts'
import { loadCheckpoint, saveCheckpoint } from '../src/node.ts'
import { documents, heldOut, type TinyRun, tiny, tinyModel, tinyOptions } from './tiny.ts'

const wave = (n: number, f: number, scale = 1) =>
  Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * f) * Math.exp(Math.sin(i * 1.7) * 3) * scale))

/** By policy, on the processor: WebGPU is held against them. */
const lossesOfSixSteps: Record<string, number> = {}

describe.each(['cpu', 'webgpu'] as const)('fp8 on %s', (backend) => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend })
  })
  afterAll(() => device.dispose())

  const options = (extra: TinyRun = {}): TrainerOptions => tinyOptions(device, { seed: 5, ...extra })
  const codesOf = (t: Tensor) => t.codes()

  test.each(['float8_e4m3fn', 'float8_e5m2'] as const)(
    'scales and codes of %s are those of numerics',
    async (format) => {
      for (const powerOfTwo of [false, true]) {
        for (const scale of [1, 1e-20, 3e20, 0]) {
          const values = wave(1000, 0.37, scale)
          const x = device.tensor(values)
          const rule = { margin: 1, powerOfTwo }
          const amax = amaxOf(x)
          const s = scaleOf(amax, targetOf(format, rule), rule, 1)
          expect(await amax.item()).toBe(amaxOfArray(values))
          const expected = scaleFor(format, amaxOfArray(values), rule)
          expect(await s.item()).toBe(expected)
          const scaled = values.map((v) => v * expected)
          expect(await codesOf(quantize(x, s, format))).toEqual(encodeArray(format, scaled))
        }
      }
    },
  )

  test('blocks, and their way back, are those of numerics', async () => {
    const shape = [64, 256] as const
    const values = wave(64 * 256, 0.11)
    for (const block of [
      [1, 128],
      [32, 128],
      [64, 1],
    ] as const) {
      const made = quantizeBlocks(device.tensor(values, [...shape]), {
        block,
        format: 'float8_e4m3fn',
        scale: 'power-of-two',
      })
      const recipe = blockwiseScaling('float8_e4m3fn', { block })
      const { scales } = recipe.update(recipe.init(shape), blockAmax(values, shape, block))
      const codes = quantizeBlocksOnHost('float8_e4m3fn', values, shape, block, scales)
      expect(await codesOf(made.codes)).toEqual(codes)
      expect(await dequantizeBlocks(made).data()).toEqual(
        dequantizeBlocksOnHost('float8_e4m3fn', codes, shape, block, scales),
      )
    }
  })

  test('E8M0 scales are those of numerics, also where nothing or nearly nothing is in a block', async () => {
    for (const format of ['float8_e4m3fn', 'float8_e5m2'] as const) {
      const amaxes = [0, 1e-37, 0.9, 1, 447, 448, 449, 57344, 57345, 1e30, 1.75, 1.7500001]
      const values = new Float32Array(amaxes.length * 32)
      amaxes.forEach((a, i) => {
        values[i * 32 + 5] = -a
      })
      const made = quantizeBlocks(device.tensor(values, [amaxes.length, 32]), { block: [1, 32], format, scale: 'e8m0' })
      const inverse = await made.scales.data()
      amaxes.forEach((a, i) => {
        const code = mxScaleCode(format === 'float8_e4m3fn' ? 'mxfp8_e4m3' : 'mxfp8_e5m2', a)
        // WGSL may take the one subnormal scale, 2^-127, for zero.
        if (code === 0 && inverse[i] === 0) return
        expect(inverse[i], `amax ${a}`).toBe(2 ** (code - 127))
      })
    }
  })

  /**
   * Multiples of 1/8 up to 2: scaled, they are exact in E4M3 and E5M2 alike, and sums of products are exact in any
   * order.
   */
  const grid = (n: number, f: number) => Float32Array.from({ length: n }, (_, i) => Math.round(Math.sin(i * f) * 3) / 2)

  test('y, dx and dw of the linear layer are those of its emulation, bit for bit', async () => {
    const [rows, inputs, outputs] = [20, 24, 12]
    const [x, w, dy] = [grid(rows * inputs, 0.7), grid(outputs * inputs, 1.3), grid(rows * outputs, 2.9)]
    const scales = { x: 4, w: 8, g: 16 }
    const tensors = {
      x: device.tensor(scales.x),
      w: device.tensor(scales.w),
      g: device.tensor(scales.g),
    }
    const attrs = {
      forward: 'float8_e4m3fn',
      backward: 'float8_e5m2',
      margin: 0,
      powerOfTwo: false,
      gradientScale: 'given',
    } as const
    const weight = device.tensor(dy, [rows, outputs])
    const f = (t: Tensor[]) => sum(tensorScaledLinear(t[0], t[1], { ...tensors, g: t[2] }, attrs).mul(weight))
    const [xt, wt] = [device.tensor(x, [rows, inputs]), device.tensor(w, [outputs, inputs])]
    const y = await tensorScaledLinear(xt, wt, tensors, attrs).data()
    const [dx, dw, dyMax] = await Promise.all(grad(f)([xt, wt, tensors.g]).map((t) => t.data()))
    const q = (values: Float32Array, scale: number, format: 'float8_e4m3fn' | 'float8_e5m2') =>
      decodeArray(
        format,
        encodeArray(
          format,
          values.map((v) => v * scale),
        ),
      )
    const [qx, qw, qg] = [q(x, scales.x, attrs.forward), q(w, scales.w, attrs.forward), q(dy, scales.g, attrs.backward)]
    const product = (
      m: number,
      n: number,
      k: number,
      a: (i: number, p: number) => number,
      b: (p: number, j: number) => number,
      scale: number,
    ) =>
      Float32Array.from({ length: m * n }, (_, at) => {
        let total = 0
        for (let p = 0; p < k; p++) total += a(Math.floor(at / n), p) * b(p, at % n)
        return total / scale
      })
    expect(y).toEqual(
      product(
        rows,
        outputs,
        inputs,
        (i, p) => qx[i * inputs + p],
        (p, j) => qw[j * inputs + p],
        scales.x * scales.w,
      ),
    )
    expect(dx).toEqual(
      product(
        rows,
        inputs,
        outputs,
        (i, p) => qg[i * outputs + p],
        (p, j) => qw[p * inputs + j],
        scales.g * scales.w,
      ),
    )
    expect(dw).toEqual(
      product(
        outputs,
        inputs,
        rows,
        (i, p) => qg[p * outputs + i],
        (p, j) => qx[p * inputs + j],
        scales.g * scales.x,
      ),
    )
    // The gradient of the gradient's scale reports its largest magnitude.
    expect(dyMax[0]).toBe(amaxOfArray(dy))
  })

  test.each([
    ['block', 128],
    ['mx', 32],
  ] as const)(
    'y, dx and dw of the linear layer in blocks (%s) are those of its emulation, bit for bit',
    async (kind, n) => {
      const [rows, inputs, outputs] = [128, 256, 128]
      const format = 'float8_e4m3fn'
      // Integers of more digits than the format has, in ranges that differ by block: codes round, and sums are exact in
      // any order.
      const integers = (count: number, f: number) =>
        Float32Array.from({ length: count }, (_, i) => Math.round(Math.sin(i * f) * 40) * 2 ** (Math.floor(i / 32) % 3))
      const [x, w, dy] = [integers(rows * inputs, 0.7), integers(outputs * inputs, 1.3), integers(rows * outputs, 2.9)]
      const rule = (block: readonly [number, number]) =>
        ({ block, format, scale: kind === 'mx' ? 'e8m0' : 'power-of-two' }) as const
      const square = kind === 'block'
      const attrs = {
        forward: { x: rule([1, n]), w: rule(square ? [n, n] : [1, n]) },
        input: { g: rule([1, n]), w: rule(square ? [n, n] : [n, 1]) },
        weight: { g: rule([n, 1]), x: rule([n, 1]) },
      }
      const there = (
        values: Float32Array,
        shape: readonly [number, number],
        { block }: { block: readonly [number, number] },
      ) => {
        const amaxes = blockAmax(values, shape, block)
        const recipe = blockwiseScaling(format, { block })
        const scales =
          kind === 'mx'
            ? Float32Array.from(amaxes, (a) => 2 ** (127 - mxScaleCode('mxfp8_e4m3', a)))
            : recipe.update(recipe.init(shape), amaxes).scales
        const codes = quantizeBlocksOnHost(format, values, shape, block, scales)
        const values8 = dequantizeBlocksOnHost(format, codes, shape, block, scales)
        expect(values8).not.toEqual(values)
        return values8
      }
      const product = (m: number, k: number, width: number, term: (i: number, p: number, j: number) => number) =>
        Float32Array.from({ length: m * width }, (_, at) => {
          let total = 0
          for (let p = 0; p < k; p++) total += term(Math.floor(at / width), p, at % width)
          return total
        })
      const weight = device.tensor(dy, [rows, outputs])
      const probe = device.tensor(1)
      const [xt, wt] = [device.tensor(x, [rows, inputs]), device.tensor(w, [outputs, inputs])]
      const [dx, dw, dyMax] = await Promise.all(
        grad((t: Tensor[]) => sum(blockScaledLinear(t[0], t[1], t[2], attrs).mul(weight)))([xt, wt, probe]).map((t) =>
          t.data(),
        ),
      )
      const [xf, wf] = [there(x, [rows, inputs], attrs.forward.x), there(w, [outputs, inputs], attrs.forward.w)]
      expect(await blockScaledLinear(xt, wt, probe, attrs).data()).toEqual(
        product(rows, inputs, outputs, (i, p, j) => xf[i * inputs + p] * wf[j * inputs + p]),
      )
      const [gx, wx] = [there(dy, [rows, outputs], attrs.input.g), there(w, [outputs, inputs], attrs.input.w)]
      expect(dx).toEqual(product(rows, outputs, inputs, (i, p, j) => gx[i * outputs + p] * wx[p * inputs + j]))
      const [gw, xw] = [there(dy, [rows, outputs], attrs.weight.g), there(x, [rows, inputs], attrs.weight.x)]
      expect(dw).toEqual(product(outputs, rows, inputs, (i, p, j) => gw[p * outputs + i] * xw[p * inputs + j]))
      expect(dyMax[0]).toBe(amaxOfArray(dy))
    },
  )

  /** Every product of the blocks, forward and backward, reads codes. */
  const expectProductsOfCodes = (trainer: Trainer, blocks: number) => {
    const products = trainer.explain().match(/= (matmul|scaledMatmul)\b.*/g)!
    // Three for each of seven layers a block; the head's are in bfloat16.
    const narrow = products.filter((line) => (line.match(/float8_e\dm\d/g) ?? []).length >= 2)
    expect(narrow).toHaveLength(21 * blocks)
    for (const line of products) if (!narrow.includes(line)) expect(line).not.toContain('float8')
  }

  // Scaling by tensor and by block is looked at on WebGPU too, in the runs below.
  test.each(backend === 'cpu' ? [fp8Current, fp8Hybrid, fp8Block, mxfp8] : [])(
    '$name: every product of the blocks, forward and backward, reads codes',
    async (precision) => {
      const architecture = { ...tiny, hiddenSize: 128, intermediateSize: 128, headDim: 64, numHiddenLayers: 1 }
      const trainer = Trainer.create(options({ architecture, precision, sequenceLength: 32 }))
      for await (const _ of trainer.run(1));
      expectProductsOfCodes(trainer, 1)
      trainer.dispose()
    },
  )

  test('operands of the gradient are kept as one byte an element', async () => {
    const [rows, side] = [512, 256]
    const attrs = { forward: 'float8_e4m3fn', backward: 'float8_e5m2', margin: 0, powerOfTwo: false } as const
    const one = device.tensor(1)
    const loss = (x: Tensor, w: Tensor) =>
      sum(tensorScaledLinear(x, w, { x: one, w: one, g: one }, { ...attrs, gradientScale: 'given' }))
    const f = compile((x: Tensor, w: Tensor) => grad((p: Tensor[]) => loss(p[0], p[1]))([x, w]))
    await f.prepare(
      device.tensor(wave(rows * side, 1), [rows, side]),
      device.tensor(wave(side * side, 2), [side, side]),
    )
    // The products read codes directly: no operand of theirs is anything else.
    const products = f.explain().match(/= matmul[^(]*\(.*\)/g)!
    expect(products).toHaveLength(2)
    for (const line of products) expect(line.match(/float8_e\dm\d/g)).toHaveLength(2)
    if (backend === 'webgpu') return // the plan is the same, and the shaders take long to compile
    // A chain of layers keeps every input for the gradient: a byte an element, where bfloat16 takes two and float32
    // four.
    const chainOf = async (layer: (x: Tensor, w: Tensor) => Tensor) => {
      const deep = compile((x: Tensor, w: Tensor) =>
        grad((p: Tensor[]) => {
          let h = p[0]
          for (let i = 0; i < 12; i++) h = silu(layer(h, p[1]))
          return sum(h)
        })([x, w]),
      )
      await deep.prepare(
        device.tensor(wave(4 * rows * side, 1), [4 * rows, side]),
        device.tensor(wave(side * side, 2), [side, side]),
      )
      return deep.memory().temporaryBytes
    }
    const narrow = (t: Tensor) => t.astype('bfloat16')
    const in8 = await chainOf((x, w) =>
      tensorScaledLinear(x, w, { x: one, w: one, g: one }, { ...attrs, gradientScale: 'given' }),
    )
    const in16 = await chainOf((x, w) => matmul(narrow(x), narrow(w).transpose(), { dtype: 'float32' }))
    const in32 = await chainOf((x, w) => matmul(x, w.transpose()))
    const step = 12 * 4 * rows * side
    expect(in16 - in8).toBeGreaterThan(0.8 * step)
    expect(in32 - in8).toBeGreaterThan(2.4 * step)
  })

  // A software adapter takes its time: there the same graph walks a shorter way.
  const longest = backend === 'cpu' ? 50 : 10
  test(`delayed scaling over ${longest} steps is the state machine of numerics`, async () => {
    // There it is also the policy of the test after this, so that shaders are compiled once.
    const policy: PrecisionPolicy = {
      ...fp8Hybrid,
      fp8: { scaling: { kind: 'delayed', historyLength: 8, margin: 1 }, stochasticGradients: backend === 'webgpu' },
    }
    const trainer = Trainer.create(options({ precision: policy }))
    const recipe = new Fp8Recipe(tinyModel, policy.fp8!)
    const machines = recipe.tensors.map(({ role }) =>
      delayedScaling(role === 'gradient' ? 'float8_e5m2' : 'float8_e4m3fn', { historyLength: 8, margin: 1 }),
    )
    let states = machines.map((m) => m.init())
    const arrays = async () => (await trainer.snapshot()).arrays
    for (let step = 1; step <= longest; step++) {
      for await (const _ of trainer.run(step));
      const found = await arrays()
      const history = found.get('scaling.history')!.data
      states = states.map((s, i) => machines[i].update(s, history[i * 8]))
      const scale = found.get('scaling.scale')!.data
      states.forEach((s, i) => {
        expect(scale[i], `${recipe.tensors[i].role} of ${recipe.tensors[i].layer} at step ${step}`).toBe(
          machines[i].scale(s),
        )
      })
      if (step === longest) {
        states.forEach((s, i) => {
          expect([...history.slice(i * 8, i * 8 + 8)].reverse()).toEqual([...s.history])
        })
        expect(new Set(scale).size).toBeGreaterThan(10)
      }
    }
    expectProductsOfCodes(trainer, tiny.numHiddenLayers)
    trainer.dispose()
  }, 120_000)

  // Scaling state and random state are one mechanism on both: a software adapter shows it for the two at once.
  const resumed = backend === 'cpu' ? ['fp8-hybrid', 'fp8 at random', 'fp8-current', 'bf16-pure'] : ['fp8 at random']
  test.each(resumed)('%s: a resumed run has the bits of an unbroken one', async (name) => {
    const precision =
      name === 'fp8 at random'
        ? {
            ...fp8Hybrid,
            name,
            fp8: { scaling: { kind: 'delayed', historyLength: 8, margin: 1 }, stochasticGradients: true } as const,
          }
        : findPrecision(name)
    const optimizer = chain(clipGlobalNorm(1), adamw({ beta1: 0.9, beta2: 0.95, weightDecay: 0.1 }))
    const whole = Trainer.create(options({ precision, optimizer }))
    for await (const _ of whole.run(6));
    const first = Trainer.create(options({ precision, optimizer }))
    for await (const _ of first.run(3));
    const second = Trainer.create(options({ precision, optimizer }))
    // Through files, as a killed run does.
    const folder = mkdtempSync(join(tmpdir(), 'kumiki-fp8-'))
    await second.restore(await loadCheckpoint(await saveCheckpoint(folder, await first.snapshot())))
    rmSync(folder, { recursive: true })
    for await (const _ of second.run(6));
    const [a, b] = [await whole.snapshot(), await second.snapshot()]
    expect([...b.arrays.keys()]).toEqual([...a.arrays.keys()])
    for (const [key, { data }] of a.arrays) expect(b.arrays.get(key)!.data, key).toEqual(data)
    if (name === 'fp8-hybrid' || name === 'fp8 at random') expect(a.arrays.has('scaling.history')).toBe(true)
    for (const t of [whole, first, second]) t.dispose()
  })

  test('every policy learns', async () => {
    // Blocks of 128 want sizes that they divide.
    const architecture = {
      ...tiny,
      hiddenSize: 128,
      intermediateSize: 128,
      headDim: 32,
      numKeyValueHeads: 4,
      numHiddenLayers: 1,
    }
    const losses: Record<string, number> = {}
    const early: Record<string, number> = backend === 'cpu' ? lossesOfSixSteps : {}
    // Every product and rounding is held against its emulation above, and fp8-current against PyTorch's steps on WebGPU
    // too.
    const taken = backend === 'cpu' ? Object.keys(precisions) : ['mxfp8']
    for (const [name, precision] of Object.entries(precisions)) {
      if (!taken.includes(name)) continue
      const trainer = Trainer.create(
        options({
          architecture,
          precision,
          sequenceLength: 32,
          optimizer: chain(clipGlobalNorm(1), adamw()),
        }),
      )
      for await (const { loss, step } of trainer.run(backend === 'cpu' ? 30 : 6)) {
        losses[name] = loss
        if (step === 6) early[name] = loss
      }
      if (backend === 'webgpu') expectProductsOfCodes(trainer, 1)
      trainer.dispose()
    }
    expect(Object.keys(losses).sort()).toEqual([...taken].sort())
    for (const [name, loss] of Object.entries(losses)) {
      expect(loss, name).toBeLessThan(backend === 'cpu' ? 1.5 : 3.8)
      expect(Math.abs(loss - (backend === 'cpu' ? losses.f32 : lossesOfSixSteps.f32)), name).toBeLessThan(0.2)
      // The two backends learn the same, step by step.
      expect(Math.abs(early[name] - lossesOfSixSteps[name]), name).toBeLessThan(2e-3)
    }
  }, 120_000)
})

describe('policies', () => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend: 'cpu' })
  })
  afterAll(() => device.dispose())

  const plain = (precision: PrecisionPolicy, schedule: TrainerOptions['schedule'] = constant(3e-3)) =>
    Trainer.create(tinyOptions(device, { optimizer: adamw(), schedule, precision }))

  test('a model runs under a policy without a trainer, and a trainer evaluates under its own', async () => {
    const tokens = device.tensor(
      Int32Array.from({ length: 32 }, (_, i) => 3 + i),
      [2, 16],
    )
    for (const precision of [
      fp8Current,
      fp8Hybrid,
      { ...fp8Current, fp8: { ...fp8Current.fp8!, stochasticGradients: true } },
    ]) {
      const trainer = plain(precision)
      for await (const _ of trainer.run(20));
      const held = heldOut(documents.slice(0, 8))
      const [stored, narrow] = [await trainer.evaluate(held), await trainer.evaluate(held, { fp8: true })]
      expect(narrow.natsPerToken).not.toBe(stored.natsPerToken)
      expect(Math.abs(narrow.natsPerToken - stored.natsPerToken)).toBeLessThan(0.1)
      const { activations } = precision
      const logits = (options: ForwardOptions) => tinyModel.forward(trainer.parameters, tokens, options).logits()
      const [exact, rounded] = [
        await logits({ activations }).data(),
        await logits(forwardOptions(tinyModel, precision, trainer.scaling)).data(),
      ]
      let worst = 0
      for (let i = 0; i < exact.length; i++) worst = Math.max(worst, Math.abs(exact[i] - rounded[i]))
      expect(worst).toBeGreaterThan(0)
      expect(worst).toBeLessThan(1)
      // Layers that are left out run on what is stored.
      const none = { ...precision, fp8: { ...precision.fp8!, includes: () => false } }
      expect(await logits(forwardOptions(tinyModel, none)).data()).toEqual(exact)
      trainer.dispose()
    }
    const trainer = plain(bf16)
    await expect(trainer.evaluate(heldOut(documents), { fp8: true })).rejects.toThrow(
      /the policy bf16 has no fp8 layers/,
    )
    trainer.dispose()
    expect(() => forwardOptions(tinyModel, fp8Hybrid)).toThrow(/delayed scaling needs the scales of its state/)
  })

  test('which layers take part is the policy’s to say', () => {
    const four = decoderModel({ ...tiny, numHiddenLayers: 4 })
    const count = (p: PrecisionPolicy) => new Fp8Recipe(four, p.fp8!).tensors.length / 3
    expect(count(fp8Current)).toBe(28)
    expect(count(innerBlocksOnly(fp8Current))).toBe(14)
    expect(count({ ...fp8Current, fp8: { ...fp8Current.fp8!, includes: ({ name }) => name.includes('mlp') } })).toBe(12)
    expect(new Fp8Recipe(four, innerBlocksOnly(mxfp8, 2).fp8!).tensors).toEqual([])
    expect(new Fp8Recipe(four, fp8Hybrid.fp8!).tensors[2]).toEqual({
      layer: 'model.layers.0.self_attn.q_proj.weight',
      role: 'gradient',
    })
  })

  test('what cannot be is refused with the reason', () => {
    const fp8 = (over: object) => () => new Fp8Recipe(tinyModel, { scaling: { kind: 'current' }, ...over } as never)
    expect(fp8({ scaling: { kind: 'magic' } })).toThrow(
      /scaling.kind must be one of current, delayed, block, mx, got magic/,
    )
    expect(fp8({ scaling: { kind: 'delayed', historyLength: 0 } })).toThrow(/historyLength must be an integer from 1/)
    expect(fp8({ scaling: { kind: 'current', margin: -1 } })).toThrow(/margin must be an integer of at least 0/)
    expect(fp8({ forward: 'float16' })).toThrow(/forward must be float8_e4m3fn or float8_e5m2, got float16/)
    expect(() => exceptFirstAndLastBlocks(0.5)).toThrow(/count must be an integer/)
    expect(() => innerBlocksOnly(bf16)).toThrow(/bf16 has no fp8 layers/)
    expect(() => findPrecision('fp4')).toThrow(
      /there are f32, bf16, bf16-pure, fp8-hybrid, fp8-current, fp8-block, mxfp8/,
    )
  })

  test('blocks that do not divide a layer name it, its sizes and what helps, before anything is built', () => {
    expect(() => plain(fp8Block)).toThrow(
      /model\.layers\.0\.self_attn\.q_proj\.weight: its input is \[64, 32\], which blocks of 1 x 128 do not divide; leave the layer out/,
    )
  })

  test('a run that leaves the range of fp8 says which tensor did first, and when', async () => {
    // Weights that explode: the rate is absurd, and the scales of a short history come too late.
    const trainer = plain({ ...fp8Hybrid, fp8: { scaling: { kind: 'delayed', historyLength: 2 } } }, (step) =>
      step < 2 ? 1e-3 : 1e5,
    )
    let clipped = 0
    const run = async () => {
      for await (const m of trainer.run(400)) clipped = Math.max(clipped, m.clippedTensors as number)
    }
    await run().catch(() => {})
    expect(clipped).toBeGreaterThan(0)
    expect(trainer.firstSaturation).toMatch(
      /The first tensor outside the range of fp8, at step \d+: the (input|weight|gradient) of model\.layers\.\d\.[\w.]+ (reached|was not finite)/,
    )
    trainer.dispose()
  })
})
