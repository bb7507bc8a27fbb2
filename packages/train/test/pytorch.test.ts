/** Ten training steps against Transformers' LlamaForCausalLM in PyTorch; see ../vectors/README.md. */
import { readFileSync } from 'node:fs'
import { decoderModel, type LinearRule, type ModelArchitecture, type Parameters } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, init, valueAndGrad } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bf16, f32, fp8Current, type PrecisionPolicy } from '../src/precision.ts'
import { countTargets, fp8RecipeOf, initialState, makeTrainStep, meanLoss, type StepBatch } from '../src/train-step.ts'

const vectors = JSON.parse(readFileSync(new URL('../vectors/training-steps.json', import.meta.url), 'utf8'))

const floats = (base64: string) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
  return new Float32Array(bytes.buffer)
}

/** The formula the weights are made by: FNV-1a of the name seeds mulberry32. */
function weightsOf(name: string, shape: readonly number[]): Float32Array {
  let seed = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193) >>> 0
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    seed = (seed + 0x6d2b79f5) >>> 0
    let t = seed
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    const h = ((t ^ (t >>> 14)) >>> 0) / 4294967296
    return shape.length === 1 ? 1 + (h - 0.5) * 0.2 : (h - 0.5) * 2 * 0.05
  })
}

function architectureOf(c: any): ModelArchitecture {
  return {
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    numHiddenLayers: c.num_hidden_layers,
    numAttentionHeads: c.num_attention_heads,
    numKeyValueHeads: c.num_key_value_heads,
    headDim: c.head_dim,
    vocabSize: c.vocab_size,
    paddedVocabSize: c.vocab_size,
    maxPositionEmbeddings: c.max_position_embeddings,
    ropeTheta: c.rope_theta,
    rmsNormEps: c.rms_norm_eps,
    initializerRange: 0.02,
    tieWordEmbeddings: false,
  }
}

const backends = ['cpu', 'webgpu', 'reference'] as const
const devices = {} as Record<(typeof backends)[number], Device>
beforeAll(async () => {
  for (const backend of backends) devices[backend] = await init({ backend })
})
afterAll(() => {
  for (const d of Object.values(devices)) d.dispose()
})

const { training } = vectors

function setUp(device: Device, key: 'mha' | 'gqa') {
  const model = decoderModel(architectureOf(vectors[key].config))
  const parameters: Parameters = {}
  for (const { name, shape } of model.parameters) parameters[name] = device.tensor(weightsOf(name, shape), shape)
  const batch = (k: number, what: 'inputs' | 'targets') =>
    device.tensor(Int32Array.from(vectors[key].tokens[k][what].flat()), [training.batch, training.length])
  const batchOf = (k: number) => ({ inputs: batch(k, 'inputs'), targets: batch(k, 'targets') })
  return { model, parameters, batch: batchOf }
}

function optimizerOf() {
  const [beta1, beta2] = training.betas
  return chain(
    clipGlobalNorm(training.clip),
    adamw({ beta1, beta2, epsilon: training.eps, weightDecay: training.weightDecay }),
  )
}

async function firstSteps(device: Device, key: 'mha' | 'gqa', precision: PrecisionPolicy, steps = training.steps) {
  const { model, parameters, batch } = setUp(device, key)
  const optimizer = optimizerOf()
  const step = makeTrainStep({ model, optimizer, precision, zLoss: training.zLoss, accumulation: 1 })
  let state = initialState(parameters, optimizer, precision)
  const losses: number[] = []
  const norms: number[] = []
  for (let k = 0; k < steps; k++) {
    const out = await step(state, batch(k), optimizer.scalars(k + 1, training.learningRates[k]))
    state = out.state
    losses.push(await out.loss.item())
    norms.push(await out.gradNorm!.item())
  }
  step.dispose()
  return { losses, norms, state }
}

describe.each(backends)('against PyTorch on %s', (backend) => {
  describe.each(['mha', 'gqa'] as const)('%s', (key) => {
    // On a software adapter the grouped heads stand for both, and on the slow reference backend for ten steps.
    test.skipIf(backend === 'webgpu' && key === 'mha')(
      'logits and every parameter gradient of the first step',
      async () => {
        const device = devices[backend]
        const { model, parameters, batch } = setUp(device, key)
        const expected = vectors[key].step0
        const logits = (await model.forward(parameters, batch(0).inputs).logits().data()) as Float32Array
        const vocab = model.vocabSize
        closeTo(logits.subarray(0, vocab), floats(expected.logits), 5e-6, 'logits of the first position')
        closeTo(logits.subarray(-vocab), floats(expected.lastLogits), 5e-6, 'logits of the last position')
        const gradient = valueAndGrad((p: Parameters, batch: StepBatch) =>
          meanLoss(model, p, batch, countTargets(batch.targets), { zLoss: training.zLoss }),
        )
        const { value, grads } = gradient(parameters, batch(0))
        await device.evaluate([value, grads])
        expect(Math.abs((await value.item()) - vectors[key].float64.losses[0])).toBeLessThan(2e-6)
        expect(Object.keys(grads).sort()).toEqual(Object.keys(expected.gradients).sort())
        for (const [name, g] of Object.entries(grads)) {
          const { stride, values, largest } = expected.gradients[name]
          const all = (await g.data()) as Float32Array
          const picked = Float32Array.from({ length: Math.ceil(all.length / stride) }, (_, i) => all[i * stride])
          closeTo(picked, floats(values), 1e-5 * largest, `gradient of ${name}`)
        }
      },
    )

    test.skipIf(backend !== 'cpu' && key === 'mha')(
      'ten steps of AdamW with clipping and z-loss, to 1e-4',
      async () => {
        const { losses, norms, state } = await firstSteps(devices[backend], key, f32)
        const { float64 } = vectors[key]
        losses.forEach((loss, k) => {
          const expected = float64.losses[k]
          expect(Math.abs(loss - expected) / expected, `loss of step ${k}: ${loss}, PyTorch ${expected}`).toBeLessThan(
            1e-4,
          )
          expect(
            Math.abs(norms[k] - float64.gradientNorms[k]) / float64.gradientNorms[k],
            `gradient norm of step ${k}`,
          ).toBeLessThan(1e-3)
        })
        for (const [name, { sumOfSquares }] of Object.entries<any>(float64.final)) {
          const values = (await state.params[name].data()) as Float32Array
          const squares = values.reduce((a, x) => a + x * x, 0)
          expect(
            Math.abs(squares - sumOfSquares) / sumOfSquares,
            `sum of squares of ${name} after ten steps`,
          ).toBeLessThan(1e-4)
        }
      },
    )
  })

  test.skipIf(backend !== 'cpu')('bfloat16 weights with float32 master weights', async () => {
    // PyTorch rounded every weight, norms included, and nothing else; this policy keeps norms and rounds matrices.
    const weightsOnly: PrecisionPolicy = { name: 'bf16 weights', parameters: 'bfloat16', activations: 'float32' }
    const { losses } = await firstSteps(devices[backend], 'mha', weightsOnly)
    losses.forEach((loss, k) => {
      expect(Math.abs(loss - vectors.bf16Weights.losses[k]), `step ${k}`).toBeLessThan(2e-3)
    })
  })

  test.skipIf(backend === 'reference')('bf16 stays near float32, and its state is really narrow', async () => {
    const { losses, state } = await firstSteps(devices[backend], 'gqa', bf16)
    losses.forEach((loss, k) => {
      expect(Math.abs(loss - vectors.gqa.float64.losses[k]) / loss, `step ${k}`).toBeLessThan(5e-3)
    })
    const weight = state.params['model.layers.0.mlp.up_proj.weight']
    expect(weight.dtype).toBe('bfloat16')
    expect(await weight.codes()).toBeInstanceOf(Uint16Array)
    expect(state.master['model.layers.0.mlp.up_proj.weight'].dtype).toBe('float32')
  })

  test.skipIf(backend === 'reference')('the same seed gives the same bits', async () => {
    const a = await firstSteps(devices[backend], 'gqa', bf16, 3)
    const b = await firstSteps(devices[backend], 'gqa', bf16, 3)
    expect(b.losses).toEqual(a.losses)
    expect(b.norms).toEqual(a.norms)
  })
})

// Twenty steps with every stored number rounded by PyTorch's own casts; see ../vectors/README.md.
const narrow = JSON.parse(readFileSync(new URL('../vectors/precision-steps.json', import.meta.url), 'utf8'))

describe.each(['cpu', 'webgpu'] as const)('narrow formats against PyTorch on %s', (backend) => {
  test.each(backend === 'cpu' ? [bf16, fp8Current] : [fp8Current])(
    '$name: the first gradients, and the first steps',
    async (precision) => {
      const device = devices[backend]
      const expected = narrow[precision.name]
      const { model, parameters } = setUp(device, 'mha')
      const ids = (values: number[][]) =>
        device.tensor(Int32Array.from(values.flat()), [training.batch, training.length])
      const batch = (k: number) => ({ inputs: ids(narrow.tokens[k].inputs), targets: ids(narrow.tokens[k].targets) })
      const optimizer = optimizerOf()
      const step = makeTrainStep({ model, optimizer, precision, zLoss: training.zLoss, accumulation: 1 })
      const recipe = fp8RecipeOf(model, precision)
      let state = initialState(parameters, optimizer, precision, recipe)
      // On a software adapter the first loss and norm stand for it: the linear layers' gradients are held bit for bit
      // in fp8.test.ts.
      if (backend === 'cpu') {
        const scales = recipe?.gradientScales(state.scaling) ?? {}
        const gradient = valueAndGrad((p: Parameters, batch: StepBatch) => {
          const pass = recipe?.begin(state.scaling, scales)
          const linear: LinearRule | undefined = pass && ((y, w, name) => pass.linear(y.astype('bfloat16'), w, name))
          const { activations } = precision
          return meanLoss(model, p, batch, countTargets(batch.targets), { zLoss: training.zLoss, activations, linear })
        })
        const { grads } = gradient(state.params, batch(0))
        for (const [name, g] of Object.entries(grads)) {
          const { stride, values, largest, float32Error } = expected.gradients[name]
          const all = (await g.data()) as Float32Array
          const picked = Float32Array.from({ length: Math.ceil(all.length / stride) }, (_, i) => all[i * stride])
          closeTo(picked, floats(values), Math.max(2e-5 * largest, 3 * float32Error), `gradient of ${name}`)
        }
      }

      // The first loss agrees to float32. From then on Adam turns the last digits of gradients near zero into whole
      // steps, and now and then a rounding goes the other way: PyTorch leaves its own run with wide sums by as much
      // (`wide`), more with every step.
      const apart = (values: number[], wide: number[], k: number) =>
        Math.max(...values.slice(0, k + 1).map((x, i) => Math.abs(x - wide[i]) / x))
      // Rounding is the same code in every step: a software adapter shows it in six of twenty.
      for (let k = 0; k < (backend === 'cpu' ? narrow.steps : 6); k++) {
        const scalars = optimizer.scalars(k + 1, narrow.learningRates[k])
        const out = await step(state, batch(k), scalars)
        state = out.state
        const loss = await out.loss.item()
        const tolerance =
          k === 0 ? 5e-7 : Math.max(k < 4 ? 5e-5 : 2e-4, 4 * apart(expected.losses, expected.wide.losses, k))
        expect(
          Math.abs(loss - expected.losses[k]) / loss,
          `loss of step ${k}: ${loss}, PyTorch ${expected.losses[k]}`,
        ).toBeLessThan(tolerance)
        const norm = await out.gradNorm!.item()
        expect(Math.abs(norm - expected.gradientNorms[k]) / norm, `gradient norm of step ${k}`).toBeLessThan(
          k === 0 ? 1e-5 : Math.max(2e-2, 4 * apart(expected.gradientNorms, expected.wide.gradientNorms, k)),
        )
      }
      step.dispose()
    },
  )
})

function closeTo(actual: Float32Array, expected: Float32Array, tolerance: number, what: string): void {
  expect(actual.length, what).toBe(expected.length)
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
  expect(worst, `${what}: largest difference`).toBeLessThanOrEqual(tolerance)
}
