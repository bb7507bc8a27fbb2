// Weighted sums of trees: micro-batches, and moving averages of parameters.

import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { zipTrees } from '../arrays/tree.ts'
import { checkDecayRate } from '../check.ts'
import type { UpdateOptions } from '../optimizers/optimizer.ts'
import { scaleTree } from './clip.ts'

/**
 * sum + grads * scale, over trees: the gradient of a batch from its micro-batches (scale = 1 / their number).
 * @param sum the sum so far; undefined for the first micro-batch
 * @param scale a number, or a 0-d array for array objects
 * @throws TypeError if the trees differ
 * @example
 * ```ts
 * import { accumulate } from '@kumiki/optim'
 *
 * const microBatches = [{ w: Float32Array.of(1, 2) }, { w: Float32Array.of(3, 4) }]
 * let sum: { w: Float32Array } | undefined
 * for (const grads of microBatches) sum = accumulate(sum, grads, 1 / microBatches.length)
 * console.log(sum?.w) // Float32Array [2, 3]
 * ```
 */
export function accumulate<P>(
  sum: P | undefined,
  grads: P,
  scale: any = 1,
  { inPlace = false }: UpdateOptions = {},
): P {
  if (sum === undefined) return scaleTree(grads, scale, false)
  return combine('accumulate', 'sum', sum, 1, 'grads', grads, scale, inPlace)
}

export interface EmaOptions extends UpdateOptions {
  /** 1 - decay; required if decay is a 0-d array. */
  weight?: any
}

/**
 * Exponential moving average of parameters: average * decay + params * (1 - decay).
 * @param decay at least 0 and below 1; a number, or (with `weight`) a 0-d array for array objects
 * @throws RangeError if decay is out of range; TypeError if the trees differ
 * @example
 * ```ts
 * import { ema } from '@kumiki/optim'
 *
 * console.log(ema({ w: Float32Array.of(0) }, { w: Float32Array.of(8) }, 0.75).w[0]) // 2
 * ```
 */
export function ema<P>(average: P, params: P, decay: any, { inPlace = false, weight }: EmaOptions = {}): P {
  if (typeof decay === 'number' || weight === undefined) checkDecayRate('ema: decay', decay)
  return combine('ema', 'average', average, decay, 'params', params, weight ?? 1 - decay, inPlace)
}

function combine<P>(what: string, aName: string, a: P, x: any, bName: string, b: P, y: any, inPlace: boolean): P {
  const trees = [
    [aName, a],
    [bName, b],
  ] as const
  return zipTrees(what, trees, ([left, right], path) => {
    const arithmetic = arithmeticOf(left, `${what}: ${aName}.${path}`)
    if (arithmeticOf(right, `${what}: ${bName}.${path}`) !== arithmetic)
      throw new TypeError(`${what}: ${bName}.${path} is of another kind than ${aName}.${path} (${arithmetic.name})`)
    if (arithmetic.size(left) !== arithmetic.size(right))
      throw new RangeError(
        `${what}: ${bName}.${path} has ${arithmetic.size(right)} elements where ${aName}.${path} has ${arithmetic.size(left)}`,
      )
    return arithmetic.elementwise([left, right], [left], inPlace, (ops, [p, q]) => [ops.addScaled(p, x, q, y)])
  })[0] as P
}
