/**
 * At most `size` lines: the first ones, or a random sample drawn in one pass (reservoir sampling) and kept in the order
 * of the text. The generator has a fixed seed, so the same lines give the same sample.
 * @param size 0: all lines
 */
export function sampledLines(lines: Iterable<string>, size: number, shuffle: boolean): Iterable<string> {
  if (size === 0) return lines
  return shuffle ? reservoir(lines, size) : firstOf(lines, size)
}

function* firstOf(lines: Iterable<string>, size: number): Generator<string> {
  let count = 0
  for (const line of lines) {
    if (count++ === size) return
    yield line
  }
}

function reservoir(lines: Iterable<string>, size: number): string[] {
  const kept: { at: number; line: string }[] = []
  let state = 0x9e3779b9
  const random = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  let at = 0
  for (const line of lines) {
    const place = at < size ? at : Math.floor(random() * (at + 1))
    if (place < size) kept[place] = { at, line }
    at++
  }
  return kept.sort((a, b) => a.at - b.at).map(({ line }) => line)
}
