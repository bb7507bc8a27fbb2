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
  greater,
  lessEqual,
  max,
  maximum,
  minimum,
  mul,
  type RandomKey,
  reshape,
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

/** A matrix in blocks with a scale each. */
export interface Blocks {
  /** [rows, columns], one byte an element. */
  readonly codes: Tensor
  /** float32 [rows / block rows, columns / block columns]: what to multiply decoded values by. */
  readonly inverse: Tensor
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

/** @param x [rows, columns] of whole blocks */
export function quantizeBlocks(x: Tensor, { block, format, scale: rule }: BlockRule, key?: RandomKey): Blocks {
  const [rows, columns] = x.shape
  const grid = [rows / block[0], columns / block[1]]
  const tiles = reshape(cast(x, 'float32'), [grid[0], block[0], grid[1], block[1]])
  const amax = max(max(abs(tiles), 3, true), 1, true)
  const scale =
    rule === 'e8m0'
      ? microscale(amax, format)
      : scaleOf(amax, greatestOf(format), { margin: 0, powerOfTwo: rule === 'power-of-two' }, 1)
  return { codes: reshape(quantize(tiles, scale, format, key), [rows, columns]), inverse: reshape(div(1, scale), grid) }
}

/** Values of blocks, float32 [rows, columns]. */
export function dequantizeBlocks({ codes, inverse }: Blocks): Tensor {
  const [rows, columns] = codes.shape
  const [down, across] = inverse.shape
  const tiles = reshape(cast(codes, 'float32'), [down, rows / down, across, columns / across])
  const factor = broadcastTo(reshape(inverse, [down, 1, across, 1]), tiles.shape)
  return reshape(mul(tiles, factor), [rows, columns])
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
