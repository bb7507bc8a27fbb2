/** Sizes that passes are rounded up to: every size is a program of its own. */

/** Tokens of a pass over prompts: multiples of 16, at most `limit`. */
export function paddedLength(tokens: number, limit: number): number {
  return Math.min(limit, Math.ceil(tokens / 16) * 16)
}

/** Tokens a cache has room for: 64, 96, 128, 192, 256, ... at most `limit`, so that growing copies little and nothing is twice as large as it must be. */
export function roomFor(tokens: number, limit: number): number {
  let room = 64
  while (room < tokens) room = Number.isInteger(Math.log2(room)) ? room * 1.5 : (room / 3) * 4
  return Math.min(limit, room)
}
