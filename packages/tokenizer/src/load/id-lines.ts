/** Ids as text, without strings. */

/** Digits of an id at most, and what stands before the next. */
const MOST_BYTES = 12
const [OPEN, CLOSE, COMMA, SPACE, LINE_FEED, ZERO] = [0x5b, 0x5d, 0x2c, 0x20, 0x0a, 0x30]

/**
 * Lines of JSON arrays, in ASCII: `[5, 17]` and a line feed for each.
 * @param ids 0 or more, those of one line after those of another
 * @param lengths how many of them each line has
 */
export function idLines(ids: Int32Array, lengths: Int32Array): Uint8Array {
  const bytes = new Uint8Array(ids.length * MOST_BYTES + lengths.length * 3)
  let n = 0
  let at = 0
  for (let line = 0; line < lengths.length; line++) {
    bytes[n++] = OPEN
    for (const end = at + lengths[line]; at < end; at++) {
      let rest = ids[at]
      let digits = 1
      for (let power = 10; rest >= power; power *= 10) digits++
      for (let k = n + digits - 1; k >= n; k--) {
        const tenth = Math.floor(rest / 10)
        bytes[k] = ZERO + rest - tenth * 10
        rest = tenth
      }
      n += digits
      if (at + 1 < end) {
        bytes[n++] = COMMA
        bytes[n++] = SPACE
      }
    }
    bytes[n++] = CLOSE
    bytes[n++] = LINE_FEED
  }
  return bytes.slice(0, n)
}
