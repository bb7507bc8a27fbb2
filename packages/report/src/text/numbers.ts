/** Formatting of numbers. */

/** Placeholder for missing and non-finite numbers. */
export const nothing = '–'

/** A count with thousands separators: 1,574,016. */
export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : nothing
}

/** A count in compact notation: 1.6M, 22.9K. */
export function shortCount(value: number): string {
  if (!Number.isFinite(value)) return nothing
  return value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 2 })
}

/** A fixed number of decimals: 3.515. */
export function decimals(value: number, digits = 3): string {
  return Number.isFinite(value) ? value.toFixed(digits) : nothing
}

/** A fraction as a percentage: 41.3 %. */
export function percent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : nothing
}

/** Bytes in decimal gigabytes: 85.5 GB. */
export function gigabytes(bytes: number): string {
  return Number.isFinite(bytes) ? `${(bytes / 1e9).toFixed(1)} GB` : nothing
}

/** A time with three significant digits in s, ms or µs: 4.16 s, 12 ms, 3.5 µs. */
export function seconds(value: number): string {
  if (!Number.isFinite(value)) return nothing
  if (value === 0) return '0'
  const size = Math.abs(value)
  const [factor, unit] = size < 1e-3 ? [1e6, 'µs'] : size < 1 ? [1e3, 'ms'] : [1, 's']
  return `${Number((value * factor).toPrecision(3))} ${unit}`
}

/** A wall time: 8.0 s, 14 min, 3 h 5 min. */
export function duration(value: number): string {
  if (!Number.isFinite(value)) return nothing
  if (value < 100) return `${value.toFixed(1)} s`
  const minutes = Math.round(value / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** A tick label: 0.005, 3e-4, 12,000, 2e5. */
export function plain(value: number): string {
  if (value === 0) return '0'
  if (!Number.isFinite(value)) return nothing
  const size = Math.abs(value)
  if (size < 1e-3 || size >= 1e5) return Number(value.toPrecision(6)).toExponential().replace('e+', 'e')
  return Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 6 })
}

/** A tick label of a count: 9,000, 12K, 1.5M. */
export function axisCount(value: number): string {
  return Math.abs(value) >= 10_000 ? shortCount(value) : Number(value.toPrecision(6)).toLocaleString('en-US')
}

/** An enumeration: "a", "a and b", "a, b and c". */
export function listing(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`
}
