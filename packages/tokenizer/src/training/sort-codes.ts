/** Sorting of texts given as integer codes, without making strings. */

/** Below this many texts, insertion sort. */
const SMALL = 12

/**
 * Sorts indices of texts by their texts (three-way radix quicksort, which does not compare shared prefixes again). Not
 * stable.
 * @param order indices of texts, of which the first `size` are sorted in place
 * @param codeAt code of a text at `depth`, below 2^31; -1 past its end
 * @see Bentley and Sedgewick, "Fast algorithms for sorting and searching strings", SODA 1997
 */
export function sortTexts(order: Int32Array, size: number, codeAt: (text: number, depth: number) => number): void {
  // A stack of parts: start, end, and the depth they are sorted by.
  const parts: number[] = [0, size, 0]
  while (parts.length > 0) {
    let depth = parts.pop()!
    let to = parts.pop()!
    let from = parts.pop()!
    for (;;) {
      if (to - from < SMALL) {
        insert(order, from, to, depth, codeAt)
        break
      }
      const pivot = median(
        codeAt(order[from], depth),
        codeAt(order[(from + to) >>> 1], depth),
        codeAt(order[to - 1], depth),
      )
      let less = from
      let greater = to
      for (let at = from; at < greater; ) {
        const text = order[at]
        const code = codeAt(text, depth)
        if (code < pivot) {
          order[at++] = order[less]
          order[less++] = text
        } else if (code > pivot) {
          order[at] = order[--greater]
          order[greater] = text
        } else at++
      }
      if (less - from > 1) parts.push(from, less, depth)
      if (to - greater > 1) parts.push(greater, to, depth)
      if (pivot < 0) break
      from = less
      to = greater
      depth++
    }
  }
}

/** 0, 1, ... n - 1 */
export function numbersTo(n: number): Int32Array {
  const numbers = new Int32Array(n)
  for (let k = 0; k < n; k++) numbers[k] = k
  return numbers
}

function insert(
  order: Int32Array,
  from: number,
  to: number,
  depth: number,
  codeAt: (text: number, depth: number) => number,
): void {
  for (let at = from + 1; at < to; at++) {
    const text = order[at]
    let hole = at
    while (hole > from && isBefore(text, order[hole - 1], depth, codeAt)) {
      order[hole] = order[hole - 1]
      hole--
    }
    order[hole] = text
  }
}

function isBefore(a: number, b: number, depth: number, codeAt: (text: number, depth: number) => number): boolean {
  for (let d = depth; ; d++) {
    const one = codeAt(a, d)
    const other = codeAt(b, d)
    if (one !== other) return one < other
    if (one < 0) return false
  }
}

function median(a: number, b: number, c: number): number {
  if (a > b) [a, b] = [b, a]
  return c <= a ? a : c >= b ? b : c
}
