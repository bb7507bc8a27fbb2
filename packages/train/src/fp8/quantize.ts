/** Scaling and rounding to narrow formats as graphs, with results identical to @kumiki/numerics on the host. */
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
  /** Margin in powers of two below the format's greatest value. */
  readonly margin: number
  /** Round scales down to powers of two, which makes scaling and unscaling exact. */
  readonly powerOfTwo: boolean
}

/**
 * Scales that map amaxes to `target` (the format's greatest value, reduced by the margin); `otherwise` if an amax is 0
 * or not finite.
 */
export function scaleOf(
  amax: Tensor,
  target: Tensor | number,
  { powerOfTwo }: ScaleRule,
  otherwise: Tensor | number,
): Tensor {
  // Divides by 1 if the amax is not usable.
  const usable = mul(greater(amax, 0).astype('float32'), lessEqual(amax, greatestFloat32).astype('float32'))
  const divisor = where(greater(usable, 0), amax, 1)
  const exact = minimum(div(target, divisor), greatestFloat32)
  const scale = powerOfTwo ? bitcast(bitwiseAnd(bitcast(exact, 'uint32'), 0xff800000), 'float32') : exact
  return where(greater(usable, 0), scale, otherwise)
}

export function targetOf(format: Float8, { margin }: ScaleRule): number {
  return Math.fround(greatestOf(format) * 2 ** -margin)
}

/** Codes of x * scale: rounded to nearest even, or stochastically if a key is given. */
export function quantize(x: Tensor, scale: Tensor, format: Float8, key?: RandomKey): Tensor {
  const scaled = mul(cast(x, 'float32'), broadcastTo(scale, x.shape))
  return key ? castStochastic(scaled, format, key) : cast(scaled, format)
}

/**
 * Saturation and underflow of a quantised tensor: float32 scalars, fractions of all elements from 0 to 1.
 */
export interface Fp8Fit {
  /** Elements that exceed the format's greatest value after scaling and are clipped to it. */
  readonly saturated: Tensor
  /** Nonzero elements whose code is zero. */
  readonly underflow: Tensor
}

/**
 * Tolerance for a value that its scale maps exactly to the format's greatest: rounding of scale and product may raise
 * it above.
 */
const productRounding = 2 ** -21

/**
 * Saturation and underflow of x in `format` with a scale.
 * @param scale a scalar, or a tensor that broadcasts over x
 * @param key the key of the quantisation, if it rounds stochastically
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
  /** Scales as powers of two by Transformer Engine's rule (rounded down), in float32, or as E8M0 rounded up (MX). */
  readonly scale: 'power-of-two' | 'float32' | 'e8m0'
}

/** Whether blocks divide a matrix evenly. */
export function dividesInto([rows, columns]: readonly number[], [blockRows, blockColumns]: readonly number[]): boolean {
  return rows % blockRows === 0 && columns % blockColumns === 0
}

/**
 * A matrix as tiles [rows / block rows, block rows, columns / block columns, block columns], and a scale for each, of
 * size 1 along the block axes.
 */
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

/** Storage format of block scales. */
export function scaleType({ scale }: BlockRule): 'float32' | 'bfloat16' {
  return scale === 'float32' ? 'float32' : 'bfloat16'
}

/**
 * Codes, and the inverse scales that decode them; powers of two are exact in bfloat16.
 * @param x [rows, columns] of whole blocks
 */
export function quantizeBlocks(x: Tensor, rule: BlockRule, key?: RandomKey): ScaledMatrix {
  const { tiles, scale } = scaledTiles(x, rule)
  const grid = [scale.shape[0], scale.shape[2]]
  return {
    codes: reshape(quantize(tiles, scale, rule.format, key), x.shape),
    scales: reshape(rule.scale === 'float32' ? div(1, scale) : cast(inversePower(scale), scaleType(rule)), grid),
  }
}

/** 1 / x for powers of two, from the exponent bits, because division in shaders may be inexact. */
function inversePower(x: Tensor): Tensor {
  const field = sub(254, bitcast(shiftRight(bitcast(x, 'uint32'), 23), 'int32'))
  // The inverse of 2^127 is subnormal.
  const bits = where(greater(field, 0), bitcast(shiftLeft(field, 23), 'uint32'), 0x400000)
  return bitcast(bits, 'float32')
}

/**
 * Saturation and underflow of x quantised in blocks.
 * @param x [rows, columns] of whole blocks
 * @param key as of quantizeBlocks
 */
export function fitOfBlocks(x: Tensor, rule: BlockRule, key?: RandomKey): Fp8Fit {
  const { tiles, scale } = scaledTiles(x, rule)
  return fitOf(tiles, scale, rule.format, key)
}

/** 2^-e for the smallest e with amax <= greatest * 2^e: from exponent bits, so it is the same on every device. */
function microscale(amax: Tensor, format: Float8): Tensor {
  const greatest = new Uint32Array(Float32Array.of(greatestOf(format)).buffer)[0]
  const [exponent, mantissa] = [greatest >>> 23, greatest & 0x7fffff]
  // A mantissa above that of the greatest value carries into the exponent.
  const up = shiftRight(add(bitcast(amax, 'uint32'), 0x7fffff - mantissa), 23)
  const field = sub(127 + exponent, bitcast(up, 'int32'))
  return bitcast(shiftLeft(minimum(maximum(field, 1), 254), 23), 'float32')
}
