// The Microscaling formats: blocks of 32 values of a narrow format that share one power of two, in float8_e8m0fnu.
// value = element * 2^(scale - 127). OCP Microscaling Formats (MX) v1.0, section 5 and table 1 (without MXINT8).

import { type BlockScalingRecipe, blockGrid } from './block-scaling.ts'
import { decodeArray } from './decode.ts'
import { encodeArray } from './encode.ts'
import { type CodeArray, checkCodes, codeArray, type Format } from './format.ts'
import { float4_e2m1fn } from './formats/float4-e2m1fn.ts'
import { float6_e2m3fn } from './formats/float6-e2m3fn.ts'
import { float6_e3m2fn } from './formats/float6-e3m2fn.ts'
import { float8_e4m3fn } from './formats/float8-e4m3fn.ts'
import { float8_e5m2 } from './formats/float8-e5m2.ts'
import { decode } from './one-number.ts'
import type { EncodeOptions } from './rounding.ts'

export type MxFormatName = 'mxfp8_e4m3' | 'mxfp8_e5m2' | 'mxfp6_e2m3' | 'mxfp6_e3m2' | 'mxfp4_e2m1'

export interface MxFormat {
  readonly name: string
  /** Format of the elements. Their scale is float8_e8m0fnu in every MX format. */
  readonly element: Format
  /** Values that share a scale. */
  readonly blockSize: number
}

const mx = (name: string, element: Format): MxFormat => ({ name, element, blockSize: 32 })

/** The floating-point rows of OCP MX v1.0, table 1. */
export const mxFormats: Readonly<Record<MxFormatName, MxFormat>> = {
  mxfp8_e4m3: mx('mxfp8_e4m3', float8_e4m3fn),
  mxfp8_e5m2: mx('mxfp8_e5m2', float8_e5m2),
  mxfp6_e2m3: mx('mxfp6_e2m3', float6_e2m3fn),
  mxfp6_e3m2: mx('mxfp6_e3m2', float6_e3m2fn),
  mxfp4_e2m1: mx('mxfp4_e2m1', float4_e2m1fn),
}

/**
 * How a block's scale 2^e is computed from its greatest magnitude.
 *
 * `up` (default): the smallest e with amax <= max * 2^e, so that no element saturates. Transformer Engine and cuDNN do
 * this for MXFP8. `floor`: e = floor(log2 amax) - floor(log2 max), as in OCP MX v1.0, section 6.3. It keeps up to one
 * more bit but clips amax if its mantissa is above that of max (E4M3: 1.75 to 2); training with it can diverge
 * (arXiv:2506.08027, section 3.1).
 *
 * `even`: as `floor`, of amax rounded first to the element's mantissa (half up), so that it clips only what rounds down
 * to max anyway. `ceil`: e = ceil(log2 amax) - floor(log2 max); nothing saturates, at the price of up to a bit. Both as
 * in torchao's scale calculation modes.
 */
export type MxScaleRounding = 'up' | 'floor' | 'even' | 'ceil'

const scaleRoundings: readonly MxScaleRounding[] = ['up', 'floor', 'even', 'ceil']

export interface MxScalingOptions {
  /** Default `up`. */
  scaleRounding?: MxScaleRounding
}

/** State of `mxScaling`: one float8_e8m0fnu code per block. */
export interface MxScalingState {
  readonly codes: Uint8Array
}

/** Codes and scales of an array in an MX format. */
export interface MxArray {
  /** One element code per value. */
  readonly codes: CodeArray
  /** One float8_e8m0fnu code per block: a value is its element times 2^(scale - 127). */
  readonly scales: Uint8Array
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/**
 * The float8_e8m0fnu code of the scale of a block with greatest magnitude `amax`, by exponent arithmetic alone. amax 0
 * gives 0 (2^-127), the same for amax so small that e would be below -127; infinity gives 0xfe (2^127, so that infinity
 * saturates); NaN gives 0xff: the whole block is NaN.
 * @throws RangeError for an unknown format or rounding, or negative amax
 * @example
 * mxScaleCode('mxfp8_e4m3', 448) // 127
 * mxScaleCode('mxfp8_e4m3', 449) // 128
 */
export function mxScaleCode(format: MxFormatName | MxFormat, amax: number, options: MxScalingOptions = {}): number {
  const { element } = mxFormatOf(format)
  const { scaleRounding = 'up' } = options
  if (!scaleRoundings.includes(scaleRounding))
    throw new RangeError(
      `scaleRounding: '${scaleRounding}' is unknown; use ${scaleRoundings.map((r) => `'${r}'`).join(', ')}`,
    )
  if (amax < 0) throw new RangeError(`mxScaleCode: amax must not be negative, got ${amax}`)
  if (Number.isNaN(amax)) return 0xff
  scratch[0] = decode(element, element.maxFiniteCode)
  const greatest = scratchBits[0]
  scratch[0] = amax
  const bits = scratchBits[0]
  if (bits === 0x7f800000) return 0xfe
  const raised = (bits & 0x7fffff) > mantissaLimit(element, greatest, scaleRounding)
  return Math.max((bits >>> 23) - ((greatest >>> 23) - 127) + (raised ? 1 : 0), 0)
}

/**
 * The float32 mantissa of amax above which the scale's exponent is floor(log2 amax) - floor(log2 max) + 1.
 * @param greatest bits of the element's greatest value as float32
 */
export function mantissaLimit(element: Format, greatest: number, scaleRounding: MxScaleRounding): number {
  switch (scaleRounding) {
    case 'up':
      return greatest & 0x7fffff
    case 'floor':
      return 0x7fffff
    case 'even':
      return 0x7fffff - (1 << (22 - element.mantissaBits))
    case 'ceil':
      return 0
  }
}

/**
 * MX scaling as a recipe: blocks of 32 along rows, scales in float8_e8m0fnu. `update` takes the result of `blockAmax`
 * for the block [1, 32].
 * @throws RangeError for an unknown format or rounding
 * @example
 * const recipe = mxScaling('mxfp8_e4m3')
 * const values = new Float32Array(32).fill(896)
 * recipe.scales(recipe.update(recipe.init([1, 32]), blockAmax(values, [1, 32], [1, 32]))) // [0.5]
 */
export function mxScaling(
  format: MxFormatName | MxFormat,
  options: MxScalingOptions = {},
): BlockScalingRecipe<MxScalingState> {
  const f = mxFormatOf(format)
  const block = [1, f.blockSize] as const
  mxScaleCode(f, 1, options)
  return {
    name: 'mx',
    block,
    init(shape) {
      const [rows, columns] = blockGrid('mxScaling', shape, block)
      return { codes: new Uint8Array(rows * columns).fill(127) }
    },
    scales: ({ codes }) => Float32Array.from(codes, (code) => factorOf(code)),
    update(state, amaxes) {
      if (amaxes.length !== state.codes.length)
        throw new RangeError(`mxScaling: amaxes has ${amaxes.length} elements, the state ${state.codes.length} blocks`)
      return { codes: Uint8Array.from(amaxes, (a) => mxScaleCode(f, a, options)) }
    },
  }
}

/**
 * An array in an MX format: a scale for each block of consecutive values, then the elements, rounded as `encodeArray`
 * does (saturating by default).
 * @param source its length is a multiple of the block size; blocks do not cross rows if the row length is a multiple
 *   too
 * @param out codes as long as source and scales one per block; allocated if not given
 * @returns `out`
 * @throws RangeError if the block size does not divide the length, or an array of out has the wrong length; TypeError
 *   for an array of the wrong kind
 * @example
 * const { codes, scales } = encodeMx('mxfp4_e2m1', new Float32Array(64).fill(6))
 * console.log(codes.length, scales) // 64 Uint8Array [127, 127]
 */
export function encodeMx(
  format: MxFormatName | MxFormat,
  source: Float32Array,
  out?: MxArray,
  options: EncodeOptions & MxScalingOptions = {},
): MxArray {
  const f = mxFormatOf(format)
  if (!(source instanceof Float32Array)) throw new TypeError('encodeMx: source must be a Float32Array')
  const { blockSize, element } = f
  if (source.length % blockSize !== 0)
    throw new RangeError(`encodeMx: block size ${blockSize} does not divide the length of source, ${source.length}`)
  const result = out ?? {
    codes: codeArray(element, source.length),
    scales: new Uint8Array(source.length / blockSize),
  }
  checkMx('encodeMx: out', f, result, source.length)
  const { scaleRounding, ...encoding } = options
  const { firstIndex = 0 } = options
  const scaled = new Float32Array(Math.min(source.length, blocksAtOnce * blockSize))
  for (let start = 0; start < source.length; start += scaled.length) {
    const end = Math.min(start + scaled.length, source.length)
    for (let from = start; from < end; from += blockSize) {
      let amax = 0
      for (let i = from; i < from + blockSize; i++) {
        const a = Math.abs(source[i])
        if (a > amax || Number.isNaN(a)) amax = a
        if (Number.isNaN(amax)) break
      }
      const scale = mxScaleCode(f, amax, { scaleRounding })
      result.scales[from / blockSize] = scale
      const factor = factorOf(scale)
      for (let i = from; i < from + blockSize; i++) scaled[i - start] = scale === 0xff ? Number.NaN : source[i] * factor
    }
    const codes = result.codes.subarray(start, end)
    encodeArray(element, scaled.subarray(0, end - start), codes, { ...encoding, firstIndex: firstIndex + start })
  }
  return result
}

/**
 * The values of an MX array. Exact, except that values beyond float32's range become infinity. In a block whose scale
 * is 0xff all are NaN.
 * @param out as long as the codes; allocated if not given
 * @returns `out`
 * @throws RangeError if lengths do not fit; TypeError for an array of the wrong kind
 * @example
 * const x = Float32Array.from({ length: 32 }, (_, i) => i)
 * decodeMx('mxfp8_e4m3', encodeMx('mxfp8_e4m3', x))[31] // 32
 */
export function decodeMx(format: MxFormatName | MxFormat, source: MxArray, out?: Float32Array): Float32Array {
  const f = mxFormatOf(format)
  checkMx('decodeMx: source', f, source, source.codes.length)
  if (source.codes.length % f.blockSize !== 0)
    throw new RangeError(
      `decodeMx: block size ${f.blockSize} does not divide the length of codes, ${source.codes.length}`,
    )
  const values = decodeArray(f.element, source.codes, out)
  source.scales.forEach((code, b) => {
    const scale = code === 0xff ? Number.NaN : 2 ** (code - 127)
    for (let i = b * f.blockSize; i < (b + 1) * f.blockSize; i++) values[i] *= scale
  })
  return values
}

/**
 * The description of an MX format, from its name or from itself.
 * @throws RangeError for an unknown name; TypeError for something that is neither a name nor an MX format
 * @example mxFormatOf('mxfp4_e2m1').blockSize // 32
 */
export function mxFormatOf(format: MxFormatName | MxFormat): MxFormat {
  if (typeof format === 'string') {
    if (Object.hasOwn(mxFormats, format)) return mxFormats[format]
    throw new RangeError(`format: unknown MX name '${format}'; known are ${Object.keys(mxFormats).join(', ')}`)
  }
  if (typeof format !== 'object' || format === null || typeof format.element !== 'object')
    throw new TypeError(`format: expected an MX name (${Object.keys(mxFormats).join(', ')}) or an MxFormat object`)
  if (!Number.isSafeInteger(format.blockSize) || format.blockSize < 1)
    throw new RangeError(`format: blockSize must be an integer of at least 1, got ${format.blockSize}`)
  return format
}

/** Blocks encoded per call of `encodeArray`. */
const blocksAtOnce = 128

/** The factor that values are multiplied by before encoding, from the code of the scale. */
function factorOf(code: number): number {
  return code === 0xff ? Number.NaN : 2 ** (127 - code)
}

function checkMx(what: string, f: MxFormat, { codes, scales }: MxArray, length: number): void {
  checkCodes(`${what}.codes`, f.element, codes)
  if (!(scales instanceof Uint8Array)) throw new TypeError(`${what}.scales must be a Uint8Array`)
  if (codes.length !== length) throw new RangeError(`${what}.codes must have ${length} elements, has ${codes.length}`)
  const blocks = Math.ceil(length / f.blockSize)
  if (scales.length !== blocks)
    throw new RangeError(`${what}.scales must have ${blocks} elements, has ${scales.length}`)
}
