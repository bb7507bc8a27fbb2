// `@kumiki/numerics/value`: single numbers only, for pages that load the code for arrays later or not at all.

export { type FormatInfo, finfo } from './finfo.ts'
export type { Format, FormatName } from './format.ts'
export { decode, encode, round } from './one-number.ts'
export { formatOf } from './registry.ts'
export type { EncodeOptions, Rounding } from './rounding.ts'
