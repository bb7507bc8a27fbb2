/**
 * Compares a policy's gradients with float32 ones at the same weights, and measures clipping and underflow of fp8
 * tensors.
 */
import { type LanguageModel, type LinearRule, linear as linearLayer, type Parameters } from '@kumiki/models'
import {
  apply,
  type Compiled,
  cast,
  compile,
  concatenate,
  defineOp,
  full,
  type Op,
  reshape,
  square,
  sum,
  type Tensor,
  tensorsOf,
  valueAndGrad,
} from '@kumiki/tensor'
import {
  countTargets,
  type Fp8Fit,
  type Fp8Recipe,
  type Fp8Role,
  fp8RecipeOf,
  meanLoss,
  type PrecisionPolicy,
  type ScalingState,
} from '@kumiki/train'

/** Of the fp8 tensors of one role: a number for each layer of `GradientProbe.layers`. */
export interface FitByLayer {
  /** Largest magnitudes; null for one that is not finite. */
  readonly amax: readonly (number | null)[]
  /**
   * Fractions of the values that the policy's quantization clips (`saturated`) or rounds from nonzero to 0
   * (`underflow`).
   */
  readonly saturated: readonly number[]
  readonly underflow: readonly number[]
}

export interface ProbeResult {
  /**
   * Signal to quantization noise ratio of each gradient in dB, in the order of `GradientProbe.gradients`; null where it
   * is not finite, because the two gradients are equal or the float32 one is zero.
   */
  readonly sqnr: readonly (number | null)[]
  /** Empty lists where no layer is quantized to 8 bits. */
  readonly fit: Readonly<Record<Fp8Role, FitByLayer>>
}

type Probe = Compiled<
  [Parameters, ScalingState, Tensor, Tensor],
  { signal: Tensor; noise: Tensor; fits: Tensor; amaxes: Tensor }
>

export interface GradientProbe {
  /** Names of the parameters. */
  readonly gradients: readonly string[]
  /** Names of the linear layers that are quantized to 8 bits: those of their weights. */
  readonly layers: readonly string[]
  /** @param weights as they are stored @param inputs int32 [batch, seq] @param targets int32 [batch, seq] */
  measure(weights: Parameters, scaling: ScalingState, inputs: Tensor, targets: Tensor): Promise<ProbeResult>
  dispose(): void
}

const vectorOf = (scalars: readonly Tensor[]) => concatenate(scalars.map((t) => reshape(t, [1])))
const pairOf = ({ saturated, underflow }: Fp8Fit) => vectorOf([saturated, underflow])

/**
 * An op that measures the gradient passing through it. Inputs: y, a float32 [2], the step, and the scales of delayed
 * scaling if there are any. The result is y; the "gradient" of the second input is [saturated, underflow] of y's
 * gradient.
 */
const tapOf = (recipe: Fp8Recipe): Op<{ layer: string }> =>
  defineOp<{ layer: string }>({
    name: 'precisionTap',
    kind: 'composite',
    infer: ([y]) => [y],
    definition: ([y]) => [y.add(0)],
    gradient: ({ inputs, grads: [g], attrs: { layer } }) => {
      const nothing = inputs.map(() => undefined)
      if (!g) return nothing
      const [, , step, scale] = inputs
      const fit = recipe.fit(g, { layer, role: 'gradient' }, scale ? { scale } : {}, step)
      return [g, pairOf(fit), ...nothing.slice(2)]
    },
  })

export function gradientProbe(model: LanguageModel, policy: PrecisionPolicy): GradientProbe {
  const recipe = fp8RecipeOf(model, policy)
  const names = model.parameters.map(({ name }) => name)
  const tensors = recipe?.tensors ?? []
  const layers = [...new Set(tensors.map(({ layer }) => layer))]
  const tap = recipe && tapOf(recipe)
  const { activations } = policy
  const probe: Probe = compile((weights, scaling, inputs, targets) => {
    const batch = { inputs, targets }
    const count = countTargets(targets)
    const matricesIn = (dtype: PrecisionPolicy['parameters']) =>
      Object.fromEntries(
        names.map((name) => [name, weights[name].ndim >= 2 ? cast(weights[name], dtype) : weights[name]]),
      )
    const exact = valueAndGrad((p: Parameters) => meanLoss(model, p, batch, count))(matricesIn('float32')).grads
    const scales = recipe?.gradientScales(scaling) ?? {}
    // A constant step seeds stochastic rounding, so that every probe draws the same numbers.
    const step = full([], 1, 'uint32')
    const fits = new Map<string, Partial<Record<Fp8Role, Tensor>>>()
    const { grads, aux } = valueAndGrad(
      ({ p, s, t }: { p: Parameters; s: Record<string, Tensor>; t: Record<string, Tensor> }) => {
        const pass = recipe?.begin(scaling, s, step)
        const linear: LinearRule | undefined =
          pass &&
          ((x, w, layer) => {
            if (!recipe!.includes(layer)) return linearLayer(x, w, activations)
            const stored = cast(x, policy.activations)
            fits.set(layer, {
              input: pairOf(recipe!.fit(stored, { layer, role: 'input' }, scaling)),
              weight: pairOf(recipe!.fit(w, { layer, role: 'weight' }, scaling)),
            })
            const state = scaling.scale ? [scaling.scale] : []
            return apply(tap!, [pass.linear(stored, w, layer), t[layer], step, ...state], { layer })[0]
          })
        return [meanLoss(model, p, batch, count, { activations, linear }), pass?.seen] as const
      },
    )({
      p: matricesIn(policy.parameters),
      s: scales,
      t: Object.fromEntries(layers.map((layer) => [layer, full([2], 0)])),
    })
    /** A gradient in the format in which the optimizer receives it. */
    const narrow = (name: string) => {
      const g = grads.p[name]
      return cast(policy.gradients === 'bfloat16' && g.ndim >= 2 ? cast(g, 'bfloat16') : g, 'float32')
    }
    const none = full([1], 0)
    return {
      signal: vectorOf(names.map((name) => sum(square(exact[name])))),
      noise: vectorOf(names.map((name) => sum(square(exact[name].sub(narrow(name)))))),
      amaxes: (aux && recipe?.amaxes(aux, grads.s)) ?? none,
      fits:
        layers.length > 0
          ? concatenate(tensors.map(({ layer, role }) => fits.get(layer)?.[role] ?? grads.t[layer]))
          : none,
    }
  })
  return {
    gradients: names,
    layers,
    async measure(weights, scaling, inputs, targets) {
      const result = await probe(weights, scaling, inputs, targets)
      const [signal, noise, amaxes, fits] = await Promise.all(
        [result.signal, result.noise, result.amaxes, result.fits].map((t) => t.data()),
      )
      for (const t of tensorsOf(result)) t.dispose()
      const orNull = (value: number) => (Number.isFinite(value) ? value : null)
      const fitOf = (role: Fp8Role): FitByLayer => {
        const at = tensors.flatMap((tensor, i) => (tensor.role === role ? [i] : []))
        return {
          amax: at.map((i) => orNull(amaxes[i])),
          saturated: at.map((i) => fits[2 * i]),
          underflow: at.map((i) => fits[2 * i + 1]),
        }
      }
      return {
        sqnr: names.map((_, i) => orNull(10 * Math.log10(signal[i] / noise[i]))),
        fit: { input: fitOf('input'), weight: fitOf('weight'), gradient: fitOf('gradient') },
      }
    },
    dispose() {
      probe.dispose()
    },
  }
}
