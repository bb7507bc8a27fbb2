/** Gradients under a policy held against float32 ones at the same weights, and how the values of fp8 tensors sit in their formats. */
import { Decoder, type LinearRule, type ModelArchitecture, type Parameters } from '@kumiki/models'
import {
  abs,
  apply,
  type Compiled,
  cast,
  compile,
  concatenate,
  type Device,
  defineOp,
  equal,
  full,
  greater,
  mean,
  mul,
  type Op,
  sum,
  type Tensor,
  valueAndGrad,
  where,
} from '@kumiki/tensor'
import { countTargets, fp8RecipeOf, meanLoss, type PrecisionPolicy, type ScalingState } from '@kumiki/train'

/** Shares of a tensor's elements. */
interface Fractions {
  /** Beyond the format's greatest value. */
  readonly saturated: number
  /** Not zero, but rounded to zero. */
  readonly underflow: number
}

export interface TensorProbe extends Fractions {
  readonly layer: string
  readonly role: string
  readonly amax: number
}

export interface ProbeResult {
  /** Signal to quantisation noise of each gradient, in dB, by parameter. */
  readonly sqnr: Readonly<Record<string, number>>
  readonly tensors: readonly TensorProbe[]
}

const greatest = { input: 448, weight: 448, gradient: 57344 }
const smallest = { input: 2 ** -10, weight: 2 ** -10, gradient: 2 ** -17 }

/** [saturated, underflow] as a float32 tensor of 2, for values that are scaled by `scale` on their way to a format. */
function fractionsOf(x: Tensor, scale: Tensor, role: keyof typeof greatest): Tensor {
  const scaled = mul(abs(cast(x, 'float32')), scale)
  const above = mean(cast(greater(scaled, greatest[role] * (1 + 2 ** -5)), 'float32'))
  const isZero = cast(equal(scaled, 0), 'float32')
  const lost = mean(mul(cast(greater(smallest[role], scaled), 'float32'), isZero.neg().add(1)))
  return concatenate([above.reshape([1]), lost.reshape([1])])
}

/** Passes y on; the "gradient" of `probe` [2] is the fractions of y's gradient, scaled as fp8 would scale it now. */
const tapOp: Op<unknown> = defineOp<unknown>({
  name: 'precisionTap',
  kind: 'composite',
  infer: ([y]) => [y],
  define: ([y]) => [y.add(0)],
  gradient: ({ grads: [g] }) => {
    if (!g) return [undefined, undefined]
    const amax = abs(g).max()
    return [
      g,
      fractionsOf(
        g,
        where(greater(amax, 0), full([], greatest.gradient).div(where(greater(amax, 0), amax, 1)), 1),
        'gradient',
      ),
    ]
  },
})

type Probe = Compiled<
  [Parameters, ScalingState, Tensor, Tensor],
  { exact: Parameters; narrow: Parameters; amaxes: Tensor; fractions: Tensor }
>

export interface GradientProbe {
  measure(weights: Parameters, scaling: ScalingState, inputs: Tensor, targets: Tensor): Promise<ProbeResult>
  dispose(): void
}

export function gradientProbe(device: Device, architecture: ModelArchitecture, policy: PrecisionPolicy): GradientProbe {
  const recipe = fp8RecipeOf(architecture, policy)
  const decoders = {
    exact: new Decoder(device, architecture),
    narrow: new Decoder(device, architecture, { activations: policy.activations }),
  }
  const blockwise = policy.fp8?.scaling.kind === 'block' || policy.fp8?.scaling.kind === 'mx'
  const probe: Probe = compile((weights, scaling, inputs, targets) => {
    const count = countTargets(targets)
    const exact = valueAndGrad((p: Parameters) => meanLoss(decoders.exact, p, inputs, targets, count, 0))(weights).grads
    const stored = Object.fromEntries(
      Object.entries(weights).map(([name, t]) => [name, t.ndim >= 2 ? cast(t, policy.parameters) : t]),
    )
    const scales = recipe?.gradientScales(scaling) ?? {}
    const taps = Object.fromEntries(Object.keys(scales).map((name) => [name, full([2], 0)]))
    const forward: Tensor[] = []
    const { grads, aux } = valueAndGrad(
      ({ p, s, t }: { p: Parameters; s: Record<string, Tensor>; t: Record<string, Tensor> }) => {
        const pass = recipe?.begin(scaling, s)
        const linear: LinearRule | undefined =
          pass &&
          ((x, w, name) => {
            const y = pass.linear(cast(x, policy.activations), w, name)
            const { input, weight } = pass.seen.get(name)!
            forward.push(
              fractionsOf(x, full([], greatest.input).div(input), 'input'),
              fractionsOf(w, full([], greatest.weight).div(weight), 'weight'),
            )
            return apply(tapOp, [y, t[name]], {})[0]
          })
        return [meanLoss(decoders.narrow, p, inputs, targets, count, 0, linear), pass?.seen] as const
      },
    )({ p: stored, s: scales, t: taps })
    const none = full([1], 0)
    const layers = Object.keys(scales)
    return {
      exact,
      narrow: grads.p,
      amaxes: (aux && recipe?.amaxes(aux, grads.s)) ?? none,
      fractions:
        layers.length > 0
          ? concatenate(layers.flatMap((name, i) => [forward[2 * i], forward[2 * i + 1], grads.t[name]]))
          : none,
    }
  })
  return {
    async measure(weights, scaling, inputs, targets) {
      const result = await probe(weights, scaling, inputs, targets)
      const sqnr: Record<string, number> = {}
      for (const name of Object.keys(weights)) {
        const [a, b] = [result.exact[name], result.narrow[name]]
        const signal = await sum(mul(a, a)).item()
        const noise = a.sub(cast(b, 'float32'))
        sqnr[name] = 10 * Math.log10(signal / (await sum(mul(noise, noise)).item()))
        for (const t of [a, b, noise]) t.dispose()
      }
      const [amaxes, fractions] = await Promise.all([result.amaxes.data(), result.fractions.data()])
      for (const t of [result.amaxes, result.fractions]) t.dispose()
      const tensors = (recipe?.tensors ?? []).map(({ layer, role }, i) => ({
        layer,
        role,
        amax: amaxes[i],
        // Of a scale for the whole tensor; blocks have their own, and lose less.
        saturated: blockwise ? Number.NaN : fractions[2 * i],
        underflow: blockwise ? Number.NaN : fractions[2 * i + 1],
      }))
      return { sqnr, tensors }
    },
    dispose() {
      probe.dispose()
      decoders.exact.dispose()
      decoders.narrow.dispose()
    },
  }
}
