/** Finds parameters and gradients with NaN or infinity. */
import type { Parameters } from '@kumiki/models'
import { bitcast, bitwiseAnd, cast, concatenate, greaterEqual, max, type Tensor } from '@kumiki/tensor'

export interface NonFiniteParameter {
  readonly name: string
  /** `count` of the parameter's `of` values are NaN or infinite. */
  readonly count: number
  readonly of: number
}

/**
 * 1 if a tensor has a NaN or infinite value, else 0: float32 [1]. Tested by bits, because shaders may assume that NaN
 * does not occur.
 */
const hasNonFinite = (t: Tensor): Tensor =>
  max(cast(greaterEqual(bitwiseAnd(bitcast(cast(t, 'float32'), 'uint32'), 0x7fffffff), 0x7f800000), 'float32')).reshape(
    [1],
  )

/**
 * The first parameter with NaN or infinity. Reads one small result from the device, and then only that parameter.
 */
export async function firstNonFinite(parameters: Parameters): Promise<NonFiniteParameter | undefined> {
  const names = Object.keys(parameters)
  const flags = concatenate(names.map((name) => hasNonFinite(parameters[name])))
  const found = (await flags.data()).indexOf(1)
  flags.dispose()
  if (found < 0) return undefined
  const values = (await parameters[names[found]].data()) as Float32Array
  const count = values.reduce((n, v) => (Number.isFinite(v) ? n : n + 1), 0)
  return { name: names[found], count, of: values.length }
}

/**
 * @param squares the sum of squares of each gradient
 * @returns a sentence about those that are not finite; empty if all are finite
 */
export function gradientFault(names: readonly string[], squares: ArrayLike<number>): string {
  const broken = names.filter((_, i) => !Number.isFinite(squares[i]))
  if (broken.length === 0) return ''
  const all = broken.length === names.length ? 'all' : String(broken.length)
  return `. The gradients of ${all} of ${names.length} tensors are NaN, infinite or too large to square; the one closest to the loss is that of ${broken.at(-1)}`
}
