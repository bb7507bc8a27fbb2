/** Thins long lines to what is visible at the resolution of the chart. */

/**
 * Selects which of `count` values to draw: for each column of pixels the lowest and the highest. Of a column in which
 * all values are NaN one is kept, as a gap. The first and the last value are always kept.
 * @param valueAt returns the nth value
 * @returns indices in ascending order
 */
export function thin(count: number, valueAt: (index: number) => number, columns: number): number[] {
  if (count <= 2 * columns) return Array.from({ length: count }, (_, i) => i)
  const kept: number[] = []
  for (let column = 0; column < columns; column++) {
    const from = Math.floor((column * count) / columns)
    const to = Math.floor(((column + 1) * count) / columns)
    let [low, high] = [from, from]
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let i = from; i < to; i++) {
      const value = valueAt(i)
      if (value < least) {
        least = value
        low = i
      }
      if (value > most) {
        most = value
        high = i
      }
    }
    kept.push(Math.min(low, high))
    if (low !== high) kept.push(Math.max(low, high))
  }
  // Both ends are kept, so that the domain of the axis stays that of the data.
  if (kept[0] !== 0) kept.unshift(0)
  if (kept[kept.length - 1] !== count - 1) kept.push(count - 1)
  return kept
}
