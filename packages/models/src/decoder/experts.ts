/** A mixture of experts that replaces the MLP: each token is routed to its top-k experts, and none is dropped. */
import {
  apply1,
  argSort,
  broadcastTo,
  cast,
  defineOp,
  equal,
  iota,
  log,
  logSumExp,
  matmul,
  max,
  maximum,
  mean,
  mul,
  type Op,
  softmax,
  square,
  sum,
  swiglu,
  type Tensor,
  take,
  topK,
} from '@kumiki/tensor'
import type { ForwardPass } from '../language-model.ts'
import { expertNames } from '../parameters.ts'
import type { BlockContext } from './block.ts'

/** Statistics and losses of one layer's router, float32 scalars. */
export interface Routing {
  /**
   * experts * sum over experts of (share of the tokens' choices) * (mean probability): 1 if both are uniform.
   * @see arXiv:2101.03961, equation 4
   */
  readonly balance: Tensor
  /** Mean square of the log-sum-exp of the router's logits. @see arXiv:2202.08906, equation 5 */
  readonly zLoss: Tensor
  /** Tokens of the most loaded expert, relative to an equal share. */
  readonly load: Tensor
  /** Entropy of the mean probabilities, in nats. */
  readonly entropy: Tensor
}

/**
 * Coefficients of the router losses in the training loss, as Megatron-LM's `--moe-aux-loss-coeff` and
 * `--moe-z-loss-coeff`.
 */
export interface RouterLosses {
  /** Coefficient of the load-balancing loss. Default 0.01. */
  readonly auxiliaryLoss?: number
  /** Coefficient of the router's z-loss. Default 1e-3. */
  readonly routerZLoss?: number
}

/**
 * Permutes rows. The gradient takes rows by the inverse permutation, so that it needs no scatter and no sum.
 * Inputs: x [n, ...], order int32 [n], its inverse.
 */
const permuteRowsOp: Op = defineOp({
  name: 'permuteRows',
  kind: 'composite',
  infer: ([x]) => [x],
  definition: ([x, order]) => [take(x, order)],
  gradient: ({ inputs: [, order, inverse], grads: [g] }) => [
    g && apply1(permuteRowsOp, [g, inverse, order], {}),
    undefined,
    undefined,
  ],
})

/**
 * @param x the normed residual, float32 [B, T, C]
 * @returns float32 of the same shape
 */
export function mixtureOfExperts(
  { architecture, parameters, routings, store, grouped }: BlockContext,
  layer: number,
  x: Tensor,
): Tensor {
  const { numExperts, numExpertsPerToken: chosen, normTopKProb = true } = architecture.experts!
  const names = expertNames(architecture, layer)
  const [batch, seq, hidden] = x.shape
  const tokens = batch * seq
  const rows = x.reshape([tokens, hidden])
  // Always in float32: small differences decide which experts are selected.
  const logits = matmul(rows, cast(parameters[names.router], 'float32').transpose()) // [N, E]
  const probabilities = softmax(logits)
  const { values, indices } = topK(probabilities, chosen) // [N, k]
  const weights = normTopKProb ? values.div(sum(values, -1, true)) : values

  const choices = indices.reshape([tokens * chosen])
  const order = argSort(choices)
  const inverse = argSort(order)
  const isOf = equal(choices.reshape([-1, 1]), iota([1, numExperts], 1)) // [N k, E]
  const counts = sum(cast(isOf, 'float32'), 0)
  const sizes = cast(counts, 'int32')
  routings.push(routingOf(logits, probabilities, counts.div(tokens * chosen)))

  // Each token's row is repeated for each of its experts, and the rows are sorted by expert.
  const repeated = broadcastTo(store(rows).reshape([tokens, 1, hidden]), [tokens, chosen, hidden])
  const sorted = apply1(permuteRowsOp, [repeated.reshape([tokens * chosen, hidden]), order, inverse], {})
  const layerOf = (y: Tensor, name: string) => grouped(y, parameters[name], sizes, name)
  const inner = swiglu(store(layerOf(sorted, names.gate)), store(layerOf(sorted, names.up)))
  const made = apply1(permuteRowsOp, [layerOf(inner, names.down), inverse, order], {})
  const weighted = mul(made.reshape([tokens, chosen, hidden]), weights.reshape([tokens, chosen, 1]))
  return sum(weighted, 1).reshape([batch, seq, hidden])
}

/** @param shares each expert's share of the selections */
function routingOf(logits: Tensor, probabilities: Tensor, shares: Tensor): Routing {
  const experts = logits.shape[1]
  const average = mean(probabilities, 0)
  return {
    balance: sum(mul(shares, average)).mul(experts),
    zLoss: mean(square(logSumExp(logits))),
    load: max(shares).mul(experts),
    entropy: sum(mul(average, log(maximum(average, 1e-30)))).neg(),
  }
}

/** The routers' contribution to the loss, and their metrics over all layers. */
export function auxiliaryOf(routings: readonly Routing[], losses: Required<RouterLosses>): ForwardPass['auxiliary'] {
  if (routings.length === 0) return undefined
  const total = (field: keyof Routing) => routings.map((r) => r[field]).reduce((a, b) => a.add(b))
  const [balance, zLoss] = [total('balance'), total('zLoss')]
  const average = (t: Tensor) => t.div(routings.length)
  return {
    loss: balance.mul(losses.auxiliaryLoss).add(zLoss.mul(losses.routerZLoss)),
    metrics: {
      expertBalance: average(balance),
      routerZLoss: average(zLoss),
      expertLoad: routings.map((r) => r.load).reduce((a, b) => maximum(a, b)),
      routerEntropy: average(total('entropy')),
    },
  }
}
