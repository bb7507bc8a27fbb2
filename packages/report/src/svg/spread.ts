/** Labels that would cover each other, moved apart. */

/**
 * Gives each item a `place` near its `at`, none nearer than `gap` to another, within top and bottom as far as that goes. In order from the top.
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
