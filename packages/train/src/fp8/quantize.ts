/** Scaling and rounding to narrow formats as graphs, number for number what @kumiki/numerics does on the host. */
import { finfo } from '@kumiki/numerics'
import {
  abs,
  add,
  bitcast,
  bitwiseAnd,
  broadcastTo,
  cast,
  castStochastic,
  div,
  equal,
  greater,
  lessEqual,
  max,
  maximum,
  mean,
  minimum,
  mul,
  notEqual,
  type RandomKey,
  reshape,
  type ScaledMatrix,
  shiftLeft,
  shiftRight,
  sub,
  type Tensor,
  where,
} from '@kumiki/tensor'

/** The 8-bit formats of training. */
export type Float8 = 'float8_e4m3fn' | 'float8_e5m2'

const greatestFloat32 = 3.4028234663852886e38

export function greatestOf(format: Float8): number {
  return finfo(format).max
}

/** The largest magnitude of a tensor: float32 scalar. */
export function amaxOf(x: Tensor): Tensor {
  return max(abs(cast(x, 'float32')))
}

export interface ScaleRule {
  /** Powers of two to stay below the format's greatest value. */
  readonly margin: number
  /** Cut scales down to powers of two: scaling and unscaling are then exact. */
  readonly powerOfTwo: boolean
}

/** Scales that bring amaxes to `target` (the format's greatest value, less the margin); `otherwise` where an amax is 0 or not finite. */
export function scaleOf(
  amax: Tensor,
  target: Tensor | number,
  { powerOfTwo }: ScaleRule,
  otherwise: Tensor | number,
): Tensor {
  // 1 stands in where there is nothing to divide by.
  const usable = mul(greater(amax, 0).astype('float32'), lessEqual(amax, greatestFloat32).astype('float32'))
  const divisor = where(greater(usable, 0), amax, 1)
  const exact = minimum(div(target, divisor), greatestFloat32)
  const scale = powerOfTwo ? bitcast(bitwiseAnd(bitcast(exact, 'uint32'), 0xff800000), 'float32') : exact
  return where(greater(usable, 0), scale, otherwise)
}

export function targetOf(format: Float8, { margin }: ScaleRule): number {
  return Math.fround(greatestOf(format) * 2 ** -margin)
}

/** Codes of x * scale: nearest even, or at random with the right mean where a key is given. */
export function quantize(x: Tensor, scale: Tensor, format: Float8, key?: RandomKey): Tensor {
  const scaled = mul(cast(x, 'float32'), broadcastTo(scale, x.shape))
  return key ? castStochastic(scaled, format, key) : cast(scaled, format)
}

/** How the values of a tensor fit the format they are quantised to: float32 scalars, shares of all its elements from 0 to 1. */
export interface Fp8Fit {
  /** Beyond the format's greatest value once they are scaled, so clipped to it. */
  readonly saturated: Tensor
  /** Not zero, but with a code that is zero. */
  readonly underflow: Tensor
}

/** A value that its scale brings exactly to the format's greatest may come out above it, by the rounding of scale and product. */
const productRounding = 2 ** -21

/**
 * How x fits `format` under a scale.
 * @param scale a scalar, or what is broadcast over x
 * @param key that of the quantisation, if it rounds at random
 */
export function fitOf(x: Tensor, scale: Tensor, format: Float8, key?: RandomKey): Fp8Fit {
  const values = cast(x, 'float32')
  const scaled = abs(mul(values, broadcastTo(scale, x.shape)))
  const decoded = cast(quantize(x, scale, format, key), 'float32')
  const ones = (condition: Tensor) => cast(condition, 'float32')
  return {
    saturated: mean(ones(greater(scaled, greatestOf(format) * (1 + productRounding)))),
    underflow: mean(mul(ones(equal(decoded, 0)), ones(notEqual(values, 0)))),
  }
}

export interface BlockRule {
  /** Rows and columns of a block. */
  readonly block: readonly [rows: number, columns: number]
  readonly format: Float8
  /** Scales as powers of two by Transformer Engine's rule (cut down), as they come, or as E8M0 rounded up (MX). */
  readonly scale: 'power-of-two' | 'float32' | 'e8m0'
}

/** Whether a matrix is made of whole blocks. */
export function dividesInto([rows, columns]: readonly number[], [blockRows, blockColumns]: readonly number[]): boolean {
  return rows % blockRows === 0 && columns % blockColumns === 0
}

/** A matrix as tiles [rows / block rows, block rows, columns / block columns, block columns], and a scale for each, of sizes 1 in a block. */
function scaledTiles(x: Tensor, { block, format, scale: rule }: BlockRule): { tiles: Tensor; scale: Tensor } {
  const [rows, columns] = x.shape
  const grid = [rows / block[0], columns / block[1]]
  const tiles = reshape(cast(x, 'float32'), [grid[0], block[0], grid[1], block[1]])
  const amax = max(max(abs(tiles), 3, true), 1, true)
  const scale =
    rule === 'e8m0'
      ? microscale(amax, format)
      : scaleOf(amax, greatestOf(format), { margin: 0, powerOfTwo: rule === 'power-of-two' }, 1)
  return { tiles, scale }
}

/** How the scales of blocks are stored. */
export function scaleType({ scale }: BlockRule): 'float32' | 'bfloat16' {
  return scale === 'float32' ? 'float32' : 'bfloat16'
}

/** Codes, and what they are multiplied by on their way back: powers of two fit into bfloat16. @param x [rows, columns] of whole blocks */
export function quantizeBlocks(x: Tensor, rule: BlockRule, key?: RandomKey): ScaledMatrix {
  const { tiles, scale } = scaledTiles(x, rule)
  const grid = [scale.shape[0], scale.shape[2]]
  return {
    codes: reshape(quantize(tiles, scale, rule.format, key), x.shape),
    scales: reshape(rule.scale === 'float32' ? div(1, scale) : cast(inversePower(scale), scaleType(rule)), grid),
  }
}

/** 1 / x for powers of two, by exponents alone: shaders may divide inexactly. */
function inversePower(x: Tensor): Tensor {
  const field = sub(254, bitcast(shiftRight(bitcast(x, 'uint32'), 23), 'int32'))
  // The inverse of 2^127 is no normal number any more.
  const bits = where(greater(field, 0), bitcast(shiftLeft(field, 23), 'uint32'), 0x400000)
  return bitcast(bits, 'float32')
}

/** How x fits its blocks. @param x [rows, columns] of whole blocks @param key as of quantizeBlocks */
export function fitOfBlocks(x: Tensor, rule: BlockRule, key?: RandomKey): Fp8Fit {
  const { tiles, scale } = scaledTiles(x, rule)
  return fitOf(tiles, scale, rule.format, key)
}

/** 2^-e for the smallest e with amax <= greatest * 2^e: by exponents alone, so the same on every device. */
function microscale(amax: Tensor, format: Float8): Tensor {
  const greatest = new Uint32Array(Float32Array.of(greatestOf(format)).buffer)[0]
  const [exponent, mantissa] = [greatest >>> 23, greatest & 0x7fffff]
  // A mantissa above the greatest value's carries into the exponent.
  const up = shiftRight(add(bitcast(amax, 'uint32'), 0x7fffff - mantissa), 23)
  const field = sub(127 + exponent, bitcast(up, 'int32'))
  return bitcast(shiftLeft(minimum(maximum(field, 1), 254), 23), 'float32')
}
