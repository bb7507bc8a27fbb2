export { decode, decodeArray } from './decode.ts'
export { type EncodeOptions, encode, encodeArray, type Rounding } from './encode.ts'
export { type FormatInfo, finfo } from './finfo.ts'
export { type CodeArray, codeArray, type Format, type FormatName } from './format.ts'
export { type CompareOptions, compareFormats, type FormatComparison, sqnr } from './measures.ts'
export { dequantize, quantize } from './quantize.ts'
export { formatNames, formatOf, formats } from './registry.ts'
export { round } from './round.ts'
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
