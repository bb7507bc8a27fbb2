/** Sizes that passes are rounded up to, because each size compiles a program. */

/** Padded length of a prefill pass in tokens: a multiple of 16, at most `limit`. */
export function paddedLength(tokens: number, limit: number): number {
  return Math.min(limit, Math.ceil(tokens / 16) * 16)
}

/**
 * Capacity of a cache in tokens: 64, 96, 128, 192, 256, ... at most `limit`. Growth copies rarely, and less than half
 * of the room is unused.
 */
export function roomFor(tokens: number, limit: number): number {
  let room = 64
  while (room < tokens) room = Number.isInteger(Math.log2(room)) ? room * 1.5 : (room / 3) * 4
  return Math.min(limit, room)
}
