/** Moves labels apart that would overlap. */

/**
 * Gives each item a vertical position `place` near its `at`, at least `gap` pixels from the next, not below `bottom`,
 * and not above `top` as long as the labels fit.
 * @returns the items from top to bottom
 */
export function spread<T extends { readonly at: number }>(
  items: readonly T[],
  top: number,
  bottom: number,
  gap = 15,
): (T & { readonly place: number })[] {
  const sorted = [...items].sort((a, b) => a.at - b.at)
  const places = sorted.map(({ at }) => Math.max(top, at))
  for (let i = 1; i < places.length; i++) places[i] = Math.max(places[i], places[i - 1] + gap)
  for (let i = places.length - 1, limit = bottom; i >= 0; i--, limit -= gap) places[i] = Math.min(places[i], limit)
  return sorted.map((item, i) => ({ ...item, place: places[i] }))
}
