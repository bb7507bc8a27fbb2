/** Applies an FP8 policy to the layers of a model: their 8-bit operands, scales, and the state of delayed scaling. */
import type { GroupedRule, LanguageModel, LinearRule, ParameterShape } from '@kumiki/models'
import {
  cast,
  concatenate,
  type Device,
  div,
  full,
  greater,
  max,
  mul,
  reshape,
  slice,
  type Tensor,
  where,
} from '@kumiki/tensor'
import { blockScaledGrouped, tensorScaledGrouped } from './grouped.ts'
import { type BlockLinearAttrs, blockScaledLinear, type TensorScaledAttrs, tensorScaledLinear } from './linear.ts'
import { checkFp8Policy, type Fp8Policy, type Fp8Scaling } from './policy.ts'
import {
  amaxOf,
  type BlockRule,
  dividesInto,
  type Float8,
  type Fp8Fit,
  fitOf,
  fitOfBlocks,
  type ScaleRule,
  scaleOf,
  targetOf,
} from './quantize.ts'

const roles = ['input', 'weight', 'gradient'] as const
export type Fp8Role = (typeof roles)[number]

/** A quantised tensor: its layer and role. */
export interface Fp8Tensor {
  readonly layer: string
  readonly role: Fp8Role
}

/** Scales and amax histories of all quantised tensors; empty unless scaling is delayed. */
export interface ScalingState {
  /** float32 [tensors]. */
  readonly scale?: Tensor
  /** float32 [tensors, historyLength], the latest step first. */
  readonly history?: Tensor
}

/** One forward and backward pass with a recipe. */
export interface Fp8Pass {
  readonly linear: LinearRule
  /** Rule of expert layers: one scale for all experts of a layer, or one per block of their weights. */
  readonly grouped: GroupedRule
  /** After the forward pass: largest magnitudes of inputs and weights by layer. */
  readonly seen: ReadonlyMap<string, { readonly input: Tensor; readonly weight: Tensor }>
}

/** An FP8 policy applied to the layers of a model. */
export class Fp8Recipe {
  /** The quantised tensors in the order of the state: input, weight and gradient of each layer. */
  readonly tensors: readonly Fp8Tensor[]
  private readonly policy: Fp8Policy
  private readonly layers: readonly string[]
  /** Rows per token of each expert layer. */
  private readonly rowsPerToken: ReadonlyMap<string, number>
  private readonly forward: Float8
  private readonly backward: Float8
  private readonly shapes: readonly ParameterShape[]

  /** @throws RangeError for an invalid policy */
  constructor(
    {
      linearLayers,
      groupedLayers = [],
      parameters,
    }: Pick<LanguageModel, 'linearLayers' | 'groupedLayers' | 'parameters'>,
    policy: Fp8Policy,
  ) {
    checkFp8Policy(policy)
    this.policy = policy
    this.shapes = parameters
    this.forward = policy.forward ?? 'float8_e4m3fn'
    this.backward = policy.backward ?? 'float8_e5m2'
    const all = [...linearLayers, ...groupedLayers]
    const blocks = all.reduce((most, { block }) => Math.max(most, block + 1), 0)
    this.rowsPerToken = new Map(groupedLayers.map(({ name, rowsPerToken }) => [name, rowsPerToken]))
    this.layers = all.filter((layer) => policy.includes?.({ ...layer, blocks }) ?? true).map(({ name }) => name)
    this.tensors = this.layers.flatMap((layer) => roles.map((role) => ({ layer, role })))
  }

  /** The initial state of delayed scaling: scales of 1, an empty history. */
  initialState(device: Device): ScalingState {
    const { scaling } = this.policy
    if (scaling.kind !== 'delayed' || this.tensors.length === 0) return {}
    const count = this.tensors.length
    const length = scaling.historyLength ?? 1024
    return {
      scale: device.tensor(new Float32Array(count).fill(1), [count]),
      history: device.tensor(new Float32Array(count * length), [count, length]),
    }
  }

  /**
   * The scales of the gradients, by layer: the loss is differentiated with respect to them too, and their "gradients"
   * are the largest magnitudes of the layers' gradients.
   */
  gradientScales(state: ScalingState): Record<string, Tensor> {
    const { kind } = this.policy.scaling
    // Other scalings compute them from the gradients; these are placeholders.
    return Object.fromEntries(
      this.layers.map((layer, i) => [layer, kind === 'delayed' ? storedScale(state, 3 * i + 2) : full([], 1)]),
    )
  }

  /**
   * Rules for one pass. Read `seen` after the forward pass.
   * @param state tensors of the graph being built
   * @param gradientScales those of the same state, as the loss function got them
   * @param step step number, a scalar: the seed of stochastic rounding
   * @throws RangeError for a policy with stochastic rounding without `step`
   */
  begin(state: ScalingState, gradientScales: Readonly<Record<string, Tensor>>, step?: Tensor): Fp8Pass {
    const { scaling } = this.policy
    this.checkStep(step)
    const seen = new Map<string, { input: Tensor; weight: Tensor }>()
    // Layers with the same input tensor use the scale of the first of them, so that they share its codes.
    const readers = new Map<Tensor, string>()
    return {
      seen,
      linear: (x, weight, name) => {
        const rows = reshape(x, [-1, weight.shape[1]])
        const back = (y: Tensor) => reshape(y, [...x.shape.slice(0, -1), weight.shape[0]])
        this.checkIncluded(name)
        if (!readers.has(x)) readers.set(x, name)
        const measured = { input: amaxOf(rows), weight: amaxOf(weight) }
        seen.set(name, measured)
        if (scaling.kind === 'block' || scaling.kind === 'mx') {
          const attrs = this.blockAttrs(scaling)
          this.checkBlocks(name, rows.shape, weight.shape, attrs)
          return back(blockScaledLinear(rows, weight, gradientScales[name], attrs, this.roundingKey(name, step)))
        }
        const scales = this.scalesOf(name, readers.get(x)!, measured, state, gradientScales)
        return back(tensorScaledLinear(rows, weight, scales, this.tensorAttrs(), this.roundingKey(name, step)))
      },
      grouped: (x, weight, sizes, name) => {
        this.checkIncluded(name)
        if (!readers.has(x)) readers.set(x, name)
        const measured = { input: amaxOf(x), weight: amaxOf(weight) }
        seen.set(name, measured)
        const key = this.roundingKey(name, step)
        if (scaling.kind === 'block' || scaling.kind === 'mx') {
          const attrs = this.blockAttrs(scaling)
          this.checkBlocks(name, x.shape, matrixOf(weight.shape), attrs)
          return blockScaledGrouped(x, weight, sizes, gradientScales[name], attrs, key)
        }
        const scales = this.scalesOf(name, readers.get(x)!, measured, state, gradientScales)
        return tensorScaledGrouped(x, weight, sizes, scales, this.tensorAttrs(), key)
      },
    }
  }

  private scalesOf(
    name: string,
    reader: string,
    measured: { readonly input: Tensor; readonly weight: Tensor },
    state: ScalingState,
    gradientScales: Readonly<Record<string, Tensor>>,
  ) {
    return {
      x: this.scaleFor({ layer: reader, role: 'input' }, measured.input, state),
      w: this.scaleFor({ layer: name, role: 'weight' }, measured.weight, state),
      g: gradientScales[name],
    }
  }

  private tensorAttrs(): TensorScaledAttrs {
    return {
      ...this.scaleRule(),
      forward: this.forward,
      backward: this.backward,
      gradientScale: this.policy.scaling.kind === 'delayed' ? 'given' : 'current',
    }
  }

  /** Whether a layer uses 8-bit operands. */
  includes(name: string): boolean {
    return this.layers.includes(name)
  }

  /** Largest magnitudes in the order of `tensors`: float32 [tensors]. */
  amaxes(seen: Fp8Pass['seen'], gradients: Readonly<Record<string, Tensor>>): Tensor | undefined {
    if (seen.size === 0) return undefined
    const list = this.layers.flatMap((layer) => {
      const found = seen.get(layer)
      if (!found)
        throw new RangeError(
          `fp8: ${layer} is among the model's linearLayers, but its forward pass does not compute it with options.linear`,
        )
      const { input, weight } = found
      return [input, weight, gradients[layer]]
    })
    return concatenate(list.map((t) => reshape(t, [1])))
  }

  /**
   * Each tensor's amax relative to the largest value its scale can represent: amax * scale / greatest, clipped if above
   * 1.
   */
  overflow(state: ScalingState, amaxes: Tensor): Tensor | undefined {
    return state.scale && div(mul(amaxes, state.scale), this.greatest(0))
  }

  /**
   * The fractions of a tensor's values that this recipe's quantisation clips and rounds to zero, with the formats,
   * margins and scales of a step from `state`. With block scaling, those of the first product that reads the tensor: y
   * for inputs and weights, dx for gradients.
   * @param x the values: input [..., in], weight [out, in], gradient of the output [..., out]
   * @param tensor which tensor of the recipe they are
   * @param state tensors of the graph being built, as in `begin`; only delayed scaling reads it
   * @param step as in `begin`, for stochastically rounded gradients
   * @throws RangeError for a layer that is not in the recipe, blocks that do not divide x, a missing state or step
   */
  fit(x: Tensor, tensor: Fp8Tensor, state: ScalingState, step?: Tensor): Fp8Fit {
    const { layer, role } = tensor
    const { scaling } = this.policy
    this.checkIncluded(layer)
    const gradient = role === 'gradient'
    if (gradient) this.checkStep(step)
    const matrix = reshape(x, [-1, x.shape[x.ndim - 1]])
    const key = gradient ? this.roundingKey(layer, step) : undefined
    if (scaling.kind === 'block' || scaling.kind === 'mx') {
      const { forward, input } = this.blockAttrs(scaling)
      const rule = { input: forward.x, weight: forward.w, gradient: input.g }[role]
      checkDivides(layer, role, matrix.shape, rule.block)
      return fitOfBlocks(matrix, rule, key)
    }
    return fitOf(matrix, this.scaleFor(tensor, amaxOf(matrix), state), this.formatOf(role), key)
  }

  /**
   * Checks that the recipe's blocks divide every matrix of a step. Per-tensor scaling has no such condition.
   * @param rows tokens of a step (of one micro-batch with gradient accumulation)
   * @throws RangeError naming the layer, its sizes and the remedy
   */
  check(rows: number): void {
    const { scaling } = this.policy
    if (scaling.kind !== 'block' && scaling.kind !== 'mx') return
    const attrs = this.blockAttrs(scaling)
    for (const { name, shape } of this.shapes)
      if (this.includes(name)) {
        const matrix = matrixOf(shape)
        this.checkBlocks(name, [rows * (this.rowsPerToken.get(name) ?? 1), matrix[1]], matrix, attrs)
      }
  }

  /** The state after a step. */
  advance(state: ScalingState, amaxes: Tensor | undefined): ScalingState {
    const { scaling } = this.policy
    if (scaling.kind !== 'delayed' || !state.scale || !state.history || !amaxes) return state
    const [count, length] = state.history.shape
    const column = reshape(amaxes, [count, 1])
    const history = length === 1 ? column : concatenate([column, slice(state.history, [0, 0], [count, length - 1])], 1)
    // NaN compares false, and counts as no observation.
    const known = where(greater(history, 0), history, 0)
    const seen = scaling.amaxCompute === 'most-recent' ? amaxes : max(known, 1)
    const rule = this.scaleRule()
    return { scale: scaleOf(seen, this.greatest(rule.margin), rule, state.scale), history }
  }

  /** How per-tensor scales are computed. */
  private scaleRule(): ScaleRule {
    const { scaling } = this.policy
    return {
      margin: 'margin' in scaling ? (scaling.margin ?? 0) : 0,
      powerOfTwo: scaling.kind === 'current' && (scaling.powerOfTwo ?? false),
    }
  }

  private formatOf(role: Fp8Role): Float8 {
    return role === 'gradient' ? this.backward : this.forward
  }

  /** A per-tensor scale: the stored one, or computed from the current largest magnitude. */
  private scaleFor({ layer, role }: Fp8Tensor, amax: Tensor, state: ScalingState): Tensor {
    if (this.policy.scaling.kind === 'delayed')
      return storedScale(state, 3 * this.layers.indexOf(layer) + roles.indexOf(role))
    const rule = this.scaleRule()
    return scaleOf(amax, targetOf(this.formatOf(role), rule), rule, 1)
  }

  /** A separate random stream for every layer and step, distinct from those of initial weights. */
  private roundingKey(layer: string, step: Tensor | undefined): Tensor | undefined {
    if (!this.policy.stochasticGradients) return undefined
    return concatenate([
      reshape(cast(step!, 'uint32'), [1]),
      full([1], 0x80000000 + this.layers.indexOf(layer), 'uint32'),
    ])
  }

  private checkStep(step: Tensor | undefined): void {
    if (this.policy.stochasticGradients && !step)
      throw new RangeError('fp8: stochastic rounding of gradients needs the step number; pass `step` to begin or fit')
  }

  private checkIncluded(layer: string): void {
    if (!this.includes(layer)) throw new RangeError(`fp8: ${layer} is not a layer of this recipe`)
  }

  /** The target of each tensor's scale. */
  private greatest(margin: number): Tensor {
    const of = (format: Float8) => targetOf(format, { margin, powerOfTwo: false })
    const layers = this.layers.length
    const columns = [of(this.forward), of(this.forward), of(this.backward)].map((v) => full([layers, 1], v))
    return reshape(concatenate(columns, 1), [3 * layers])
  }

  private blockAttrs(scaling: Extract<Fp8Scaling, { kind: 'block' | 'mx' }>): BlockLinearAttrs {
    const rule = (block: readonly [number, number], format: Float8): BlockRule => ({
      block,
      format,
      scale: scaling.kind === 'mx' ? 'e8m0' : (scaling.powerOfTwo ?? true) ? 'power-of-two' : 'float32',
    })
    const n = scaling.kind === 'mx' ? 32 : 128
    const { forward, backward } = this
    const square = scaling.kind === 'block'
    return {
      forward: { x: rule([1, n], forward), w: rule(square ? [n, n] : [1, n], forward) },
      input: { g: rule([1, n], backward), w: rule(square ? [n, n] : [n, 1], forward) },
      weight: { g: rule([n, 1], backward), x: rule([n, 1], forward) },
    }
  }

  private checkBlocks(
    name: string,
    x: readonly number[],
    w: readonly number[],
    { forward, input, weight }: BlockLinearAttrs,
  ): void {
    const gradient = [x[0], w[0]]
    checkDivides(name, 'input', x, forward.x.block)
    checkDivides(name, 'input', x, weight.x.block)
    checkDivides(name, 'weight', w, forward.w.block)
    checkDivides(name, 'weight', w, input.w.block)
    checkDivides(name, 'gradient', gradient, input.g.block)
    checkDivides(name, 'gradient', gradient, weight.g.block)
  }
}

/** A weight as a matrix: the rows of all experts, one expert after another. */
const matrixOf = (shape: readonly number[]): readonly [number, number] => [
  shape.slice(0, -1).reduce((a, b) => a * b, 1),
  shape[shape.length - 1],
]

/** The stored scale of the tensor at `index`: float32 scalar. */
function storedScale({ scale }: ScalingState, index: number): Tensor {
  if (!scale)
    throw new RangeError('fp8: delayed scaling needs the scales of its state (initialState, or Trainer.scaling)')
  return reshape(slice(scale, [index], [1]), [])
}

/** @throws RangeError if blocks do not divide a matrix */
function checkDivides(layer: string, role: Fp8Role, shape: readonly number[], block: readonly [number, number]): void {
  if (!dividesInto(shape, block))
    throw new RangeError(
      `fp8: ${layer}: its ${role} is [${shape.join(', ')}], which blocks of ${block.join(' x ')} do not divide; leave the layer out with \`includes\`, or choose batch and sequence so that tokens are a multiple of ${Math.max(...block)}`,
    )
}
