/** Number formats: rounding, codes, scaling and error measures, bit by bit. */
export {
  type BlockScalingRecipe,
  type BlockScalingState,
  type BlockwiseScalingOptions,
  blockAmax,
  blockwiseScaling,
  dequantizeBlocks,
  type MatrixShape,
  quantizeBlocks,
} from './block-scaling.ts'
export { comparisonTable } from './comparison-table.ts'
export { decodeArray } from './decode.ts'
export { encodeArray } from './encode.ts'
export { type ExponentHistogram, exponentHistogram } from './exponent-histogram.ts'
export { type FormatInfo, finfo } from './finfo.ts'
export { type CodeArray, codeArray, type Format, type FormatName } from './format.ts'
export { type CompareOptions, compareFormats, type FormatComparison, sqnr } from './measures.ts'
export {
  decodeMx,
  encodeMx,
  type MxArray,
  type MxFormat,
  type MxFormatName,
  type MxScaleRounding,
  type MxScalingOptions,
  type MxScalingState,
  mxFormatOf,
  mxFormats,
  mxScaleCode,
  mxScaling,
} from './mx.ts'
export { decodeNvfp4, encodeNvfp4, type Nvfp4Array, nvfp4BlockSize, nvfp4TensorScale } from './nvfp4.ts'
export { decode, encode, round } from './one-number.ts'
export { dequantize, quantize } from './quantize.ts'
export { randomBits } from './random-bits.ts'
export { formatNames, formatOf, formats } from './registry.ts'
export { roundArray } from './round.ts'
export type { EncodeOptions, Rounding } from './rounding.ts'
export {
  amax,
  type CurrentScalingOptions,
  type CurrentScalingState,
  currentScaling,
  type DelayedScalingOptions,
  type DelayedScalingState,
  delayedScaling,
  type ScaleOptions,
  type ScalingRecipe,
  scaleFor,
} from './scaling.ts'
export { codesPerWord, decodeWords, encodeWords, packWords, unpackWords } from './words.ts'
