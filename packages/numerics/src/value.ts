// `@kumiki/numerics/value`: single numbers, without the kernels for arrays. A page that may need arrays later loads the whole package then.

export { type FormatInfo, finfo } from './finfo.ts'
export type { Format, FormatName } from './format.ts'
export { decode, encode, round } from './one-number.ts'
export { formatOf } from './registry.ts'
export type { EncodeOptions, Rounding } from './rounding.ts'
