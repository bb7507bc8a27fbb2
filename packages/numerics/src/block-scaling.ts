// One scale per block of a matrix: blocks of [1, 128] along rows for activations and gradients, [128, 128] for weights
// (DeepSeek-V3, arXiv:2412.19437, section 3.3.2; Transformer Engine's Float8BlockScaling). Codes represent x * scale;
// decoded values are divided by the scale.

import { decodeArray } from './decode.ts'
import { encodeArray } from './encode.ts'
import { type CodeArray, checkCodes, codeArray, type Format, type FormatName } from './format.ts'
import { formatOf } from './registry.ts'
import type { EncodeOptions } from './rounding.ts'
import { type CurrentScalingOptions, scaleFor } from './scaling.ts'

/** Rows and columns, of a matrix or of a block. A tensor with more axes is [product of all but the last, last]. */
export type MatrixShape = readonly [rows: number, columns: number]

/** State of `blockwiseScaling`: one scale per block, row-major over the grid of blocks. */
export interface BlockScalingState {
  readonly scales: Float32Array
}

/**
 * A scaling recipe for blocks: like `ScalingRecipe`, with one greatest magnitude per block (`blockAmax`) instead of
 * one.
 */
export interface BlockScalingRecipe<State> {
  readonly name: 'blockwise' | 'mx'
  /** Shape of a block. */
  readonly block: MatrixShape
  /** The initial state for a matrix of this shape: every scale is 1. */
  init(shape: MatrixShape): State
  /** The factors to multiply by before encoding, one per block. */
  scales(state: State): Float32Array
  /** The next state, from the greatest magnitudes of a matrix's blocks. Does not change `state`. */
  update(state: State, amaxes: Float32Array): State
}

export interface BlockwiseScalingOptions extends CurrentScalingOptions {
  /** Shape of a block. Default [1, 128]. */
  block?: MatrixShape
}

/**
 * Blockwise scaling: for each block the scale that maps its greatest magnitude to the format's greatest value, by the
 * rules of `scaleFor`. Scales are rounded down to powers of two unless `powerOfTwo: false`, as in Transformer Engine,
 * so that scaling is exact.
 * @throws RangeError if an option is out of range
 * @example
 * const recipe = blockwiseScaling('float8_e4m3fn', { block: [1, 2] })
 * const state = recipe.update(recipe.init([2, 2]), blockAmax(Float32Array.of(1, 2, 300, 400), [2, 2], [1, 2]))
 * recipe.scales(state) // [128, 1]
 */
export function blockwiseScaling(
  format: FormatName | Format,
  options: BlockwiseScalingOptions = {},
): BlockScalingRecipe<BlockScalingState> {
  const f = formatOf(format)
  const { block = [1, 128], powerOfTwo = true, ...rest } = options
  checkShape('blockwiseScaling: block', block)
  scaleFor(f, 1, rest)
  return {
    name: 'blockwise',
    block,
    init: (shape) => ({ scales: new Float32Array(product(blockGrid('blockwiseScaling', shape, block))).fill(1) }),
    scales: (state) => state.scales,
    update(state, amaxes) {
      if (amaxes.length !== state.scales.length)
        throw new RangeError(
          `blockwiseScaling: amaxes has ${amaxes.length} elements, the state ${state.scales.length} blocks`,
        )
      return { scales: amaxes.map((a) => scaleFor(f, a, { powerOfTwo, ...rest })) }
    },
  }
}

/**
 * The greatest magnitude of each block, row-major over the grid of blocks: NaN if any element of the block is NaN.
 * @param values [rows, columns]
 * @param out at least one element per block; allocated if not given
 * @throws RangeError if a block does not divide the shape, the shape does not fit values, or out is too short
 * @example blockAmax(Float32Array.of(1, -2, 300, 4), [2, 2], [1, 2]) // [2, 300]
 */
export function blockAmax(
  values: Float32Array,
  shape: MatrixShape,
  block: MatrixShape,
  out?: Float32Array,
): Float32Array {
  const [gridRows, gridColumns] = blockGrid('blockAmax', shape, block)
  checkLength('blockAmax: values', values.length, product(shape))
  const amaxes = out ?? new Float32Array(gridRows * gridColumns)
  if (amaxes.length < gridRows * gridColumns)
    throw new RangeError(`blockAmax: out has ${amaxes.length} elements, there are ${gridRows * gridColumns} blocks`)
  amaxes.fill(0, 0, gridRows * gridColumns)
  forEachRun(shape, block, (start, length, b) => {
    let greatest = amaxes[b]
    for (let i = start; i < start + length; i++) {
      const a = Math.abs(values[i])
      if (a > greatest || Number.isNaN(a)) greatest = a
      if (Number.isNaN(greatest)) break
    }
    amaxes[b] = greatest
  })
  return amaxes
}

/**
 * Codes of `source * scale`, each block with its own scale. The product is rounded to float32: exact where scales are
 * powers of two.
 * @param source [rows, columns]
 * @param scales one per block, finite and positive
 * @param out as long as `source`; allocated if not given
 * @throws RangeError if a block does not divide the shape, an array has the wrong length, or a scale is not finite and
 *   positive
 * @example
 * const values = Float32Array.of(1, 2, 300, 400)
 * quantizeBlocks('float8_e4m3fn', values, [2, 2], [1, 2], Float32Array.of(128, 1)) // [112, 120, 121, 124]
 */
export function quantizeBlocks(
  format: FormatName | Format,
  source: Float32Array,
  shape: MatrixShape,
  block: MatrixShape,
  scales: Float32Array,
  out?: CodeArray,
  options: EncodeOptions = {},
): CodeArray {
  const f = formatOf(format)
  checkScales('quantizeBlocks', source.length, shape, block, scales)
  const codes = out ?? codeArray(f, source.length)
  checkCodes('quantizeBlocks: out', f, codes)
  checkLength('quantizeBlocks: out', codes.length, source.length)
  const scaled = new Float32Array(shape[1])
  const columns = shape[1]
  const { firstIndex = 0 } = options
  for (let start = 0; start < source.length; start += columns) {
    forEachRun([1, columns], [1, block[1]], (from, length, b) => {
      const scale = scales[blockOf(start / columns, b, shape, block)]
      for (let i = from; i < from + length; i++) scaled[i] = source[start + i] * scale
    })
    encodeArray(f, scaled, codes.subarray(start, start + columns), { ...options, firstIndex: firstIndex + start })
  }
  return codes
}

/**
 * Values of codes made by `quantizeBlocks` with the same scales: decoded * float32(1 / scale), as a GPU kernel computes
 * it.
 * @throws as `quantizeBlocks`
 * @example
 * const scales = Float32Array.of(128, 1)
 * const codes = quantizeBlocks('float8_e4m3fn', Float32Array.of(1, 2, 300, 400), [2, 2], [1, 2], scales)
 * dequantizeBlocks('float8_e4m3fn', codes, [2, 2], [1, 2], scales) // [1, 2, 288, 384]
 */
export function dequantizeBlocks(
  format: FormatName | Format,
  codes: CodeArray,
  shape: MatrixShape,
  block: MatrixShape,
  scales: Float32Array,
  out?: Float32Array,
): Float32Array {
  checkScales('dequantizeBlocks', codes.length, shape, block, scales)
  if (out !== undefined) checkLength('dequantizeBlocks: out', out.length, codes.length)
  const values = decodeArray(format, codes, out)
  forEachRun(shape, block, (start, length, b) => {
    const inverse = Math.fround(1 / scales[b])
    for (let i = start; i < start + length; i++) values[i] *= inverse
  })
  return values
}

/**
 * The number of blocks along rows and columns.
 * @throws RangeError if the block does not divide the shape
 */
export function blockGrid(what: string, shape: MatrixShape, block: MatrixShape): MatrixShape {
  checkShape(`${what}: shape`, shape, 0)
  checkShape(`${what}: block`, block)
  if (shape[0] % block[0] !== 0 || shape[1] % block[1] !== 0)
    throw new RangeError(`${what}: block [${block}] does not divide shape [${shape}]`)
  return [shape[0] / block[0], shape[1] / block[1]]
}

/**
 * Calls `run` for each part of a row that lies in one block: index of its first element, its length, index of the
 * block.
 */
function forEachRun(
  shape: MatrixShape,
  block: MatrixShape,
  run: (start: number, length: number, b: number) => void,
): void {
  const across = shape[1] / block[1]
  for (let r = 0; r < shape[0]; r++)
    for (let c = 0; c < across; c++) run(r * shape[1] + c * block[1], block[1], blockOf(r, c, shape, block))
}

function blockOf(row: number, blockColumn: number, shape: MatrixShape, block: MatrixShape): number {
  return Math.floor(row / block[0]) * (shape[1] / block[1]) + blockColumn
}

function product([rows, columns]: MatrixShape): number {
  return rows * columns
}

function checkShape(what: string, shape: MatrixShape, least = 1): void {
  if (!Array.isArray(shape) || shape.length !== 2) throw new TypeError(`${what} must be [rows, columns]`)
  for (const n of shape)
    if (!Number.isSafeInteger(n) || n < least)
      throw new RangeError(`${what} must hold integers of at least ${least}, got [${shape}]`)
}

function checkLength(what: string, length: number, wanted: number): void {
  if (length !== wanted) throw new RangeError(`${what} must have ${wanted} elements, has ${length}`)
}

function checkScales(what: string, length: number, shape: MatrixShape, block: MatrixShape, scales: Float32Array): void {
  const blocks = product(blockGrid(what, shape, block))
  checkLength(`${what}: ${what === 'quantizeBlocks' ? 'source' : 'codes'}`, length, product(shape))
  checkLength(`${what}: scales`, scales.length, blocks)
  for (let b = 0; b < blocks; b++)
    if (!(scales[b] > 0 && scales[b] < Number.POSITIVE_INFINITY))
      throw new RangeError(`${what}: scales[${b}] must be finite and greater than 0, got ${scales[b]}`)
}
