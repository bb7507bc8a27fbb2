/** The same step in jax-js: forward, backward, clipping and AdamW in one jit. */
import type * as Jax from '@jax-js/jax'
import type { numpy } from '@jax-js/jax'
import { decoderModel } from '@kumiki/models'
import { init as initKumiki, rotaryTables } from '@kumiki/tensor'
import { provideWebPlatform } from '../common/web-platform.ts'
import type { Contestant, ContestantSpec, Environment } from './contestant.ts'
import { architecture, batch, hyperparameters } from './workload.ts'

type Arr = numpy.Array
// A type, not an interface: jax-js takes only such trees.
type Tree = { [name: string]: Arr }
type State = { params: Tree; m: Tree; v: Tree }

export async function startJax({ backend, threads }: ContestantSpec, { gpu }: Environment): Promise<Contestant> {
  provideWebPlatform({ threads, gpu }) // first: jax-js looks for them while it is loaded
  const jax = await import('@jax-js/jax')
  const device = backend === 'cpu' ? 'wasm' : 'webgpu'
  if (!(await jax.init(device)).includes(device)) throw new Error(`jax-js has no device ${device} here`)
  jax.defaultDevice(device)
  const { numpy: np, tree, jit, blockUntilReady } = jax

  const weights = await initialWeights()
  const params: Tree = {}
  const m: Tree = {}
  const v: Tree = {}
  for (const [name, { values, shape }] of Object.entries(weights)) {
    params[name] = np.array(values, { shape })
    m[name] = np.array(new Float32Array(values.length), { shape })
    v[name] = np.array(new Float32Array(values.length), { shape })
  }
  let state: State = { params, m, v }

  const loss = decoderLoss(jax)
  const optimizerStep = adamw(jax)
  const trainStep = jit((state: State, inputs: Arr, targets: Arr, stepSize: Arr, correction: Arr): [State, Arr] => {
    const [value, grads] = jax.valueAndGrad(loss)(tree.ref(state.params), inputs, targets)
    return [optimizerStep(state, grads as Tree, stepSize, correction), value]
  })

  const shape = [batch.sequences, batch.length]
  const scalar = (x: number) => np.array(Float32Array.of(x)).reshape([])
  const { learningRate, beta1, beta2 } = hyperparameters
  return {
    async step({ inputs, targets }, step) {
      const [next, value] = trainStep(
        state,
        np.array(inputs, { shape, dtype: np.int32 }),
        np.array(targets, { shape, dtype: np.int32 }),
        scalar(learningRate / (1 - beta1 ** step)),
        scalar(1 / Math.sqrt(1 - beta2 ** step)),
      )
      state = next as State
      return (await value.data())[0]
    },
    async settle() {
      // The queue runs in order, so waiting for the last leaf is enough. Waiting for all 117 costs more than half a
      // step.
      await blockUntilReady(Object.values(state.v).at(-1)!)
    },
  }
}

/** The weights that Kumiki starts from; linear layers transposed to [in, out], the layout of JAX programs. */
async function initialWeights(): Promise<Record<string, { values: Float32Array<ArrayBuffer>; shape: number[] }>> {
  using device = await initKumiki({ backend: 'reference' })
  const weights: Record<string, { values: Float32Array<ArrayBuffer>; shape: number[] }> = {}
  for (const [name, t] of Object.entries(decoderModel(architecture).initialize(device))) {
    const values = Float32Array.from(await t.data())
    const [rows, columns] = t.shape
    const linear = t.ndim === 2 && !name.includes('embed_tokens')
    if (!linear) {
      weights[name] = { values, shape: [...t.shape] }
      continue
    }
    const transposed = new Float32Array(values.length)
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) transposed[j * rows + i] = values[i * columns + j]
    weights[name] = { values: transposed, shape: [columns, rows] }
  }
  return weights
}

/** Mean cross-entropy of the decoder's predictions. */
function decoderLoss({ numpy: np, nn }: typeof Jax): (p: Tree, inputs: Arr, targets: Arr) => Arr {
  const { numHiddenLayers, numAttentionHeads, numKeyValueHeads, headDim, vocabSize } = architecture
  const { sequences: B, length: T } = batch
  const tables = rotaryTables(T, headDim, architecture.ropeTheta)
  const cos = np.array(new Float32Array(tables.cos), { shape: [1, T, 1, headDim / 2] })
  const sin = np.array(new Float32Array(tables.sin), { shape: [1, T, 1, headDim / 2] })

  const linear = (x: Arr, w: Arr) => np.matmul(x, w)
  const rmsNorm = (x: Arr, weight: Arr) => {
    const meanSquare = np.square(x.ref).mean(-1, { keepdims: true }).add(architecture.rmsNormEps)
    return x.mul(np.reciprocal(np.sqrt(meanSquare))).mul(weight)
  }
  const rotate = (x: Arr) => {
    const [a, b] = np.split(x, 2, -1) // [B, T, H, D / 2]
    return np.concatenate([a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref)), b.mul(cos.ref).add(a.mul(sin.ref))], -1)
  }
  const attention = (p: Tree, prefix: string, x: Arr) => {
    const heads = (name: string, count: number, last = false) =>
      linear(last ? x : x.ref, p[`${prefix}.${name}.weight`]).reshape([B, T, count, headDim])
    const q = rotate(heads('q_proj', numAttentionHeads))
    const k = rotate(heads('k_proj', numKeyValueHeads))
    const v = heads('v_proj', numKeyValueHeads, true)
    const o = nn.dotProductAttention(q, k, v, { isCausal: true })
    return linear(o.reshape([B * T, -1]), p[`${prefix}.o_proj.weight`])
  }
  const mlp = (p: Tree, prefix: string, x: Arr) => {
    const gate = nn.silu(linear(x.ref, p[`${prefix}.gate_proj.weight`]))
    const up = linear(x, p[`${prefix}.up_proj.weight`])
    return linear(gate.mul(up), p[`${prefix}.down_proj.weight`])
  }
  return (p, inputs, targets) => {
    let x = np.take(p['model.embed_tokens.weight'], inputs.reshape([-1]), 0) // [B * T, C]
    for (let i = 0; i < numHiddenLayers; i++) {
      const prefix = `model.layers.${i}`
      x = x.ref.add(attention(p, `${prefix}.self_attn`, rmsNorm(x, p[`${prefix}.input_layernorm.weight`])))
      x = x.ref.add(mlp(p, `${prefix}.mlp`, rmsNorm(x, p[`${prefix}.post_attention_layernorm.weight`])))
    }
    const logits = linear(rmsNorm(x, p['model.norm.weight']), p['lm_head.weight']) // [B * T, V]
    // Selects the target's logit by comparison, which jax-js fuses: it cannot differentiate takeAlongAxis inside a jit.
    const hit = np
      .arange(vocabSize)
      .astype(np.int32)
      .reshape([1, -1])
      .equal(targets.reshape([-1, 1]))
    return nn
      .logsumexp(logits.ref, -1)
      .sub(np.where(hit, logits, 0).sum(-1))
      .mean()
  }
}

/** Clipping by global norm, then AdamW, with the recurrences that Kumiki and PyTorch use. */
function adamw({ numpy: np }: typeof Jax): (state: State, grads: Tree, stepSize: Arr, correction: Arr) => State {
  const { learningRate, beta1, beta2, epsilon, weightDecay, maxNorm } = hyperparameters
  return (state, grads, stepSize, correction) => {
    const squares = Object.values(grads).map((g) => np.square(g.ref).sum())
    const norm = np.sqrt(squares.reduce((a, b) => a.add(b)))
    const factor = np.minimum(np.reciprocal(norm.add(1e-6)).mul(maxNorm), 1)
    const next: State = { params: {}, m: {}, v: {} }
    for (const [name, grad] of Object.entries(grads)) {
      const g = grad.mul(factor.ref)
      const m = state.m[name].mul(beta1).add(g.ref.mul(1 - beta1))
      const v = state.v[name].mul(beta2).add(np.square(g).mul(1 - beta2))
      const direction = m.ref.div(np.sqrt(v.ref).mul(correction.ref).add(epsilon))
      const kept = grad.ndim >= 2 ? 1 - learningRate * weightDecay : 1
      next.params[name] = state.params[name].mul(kept).sub(direction.mul(stepSize.ref))
      next.m[name] = m
      next.v[name] = v
    }
    factor.dispose()
    stepSize.dispose()
    correction.dispose()
    return next
  }
}
