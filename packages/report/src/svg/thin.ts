/** Long lines made short without losing what can be seen. */

/**
 * Which of `count` values to draw: at most two (the lowest and the highest) for each column of pixels. Where all values of a column are NaN
 * one of them stays, as a gap. The first and the last stay.
 * @param valueAt the nth value
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
  // Both ends stay, so that the axis ends where the line does.
  if (kept[0] !== 0) kept.unshift(0)
  if (kept[kept.length - 1] !== count - 1) kept.push(count - 1)
  return kept
}
