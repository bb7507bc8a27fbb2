/**
 * Effects as sets of factors, represented as bit masks: bit i is factor i. In a two-level design with levels -1 and 1
 * the column of an interaction is the product of its factors' columns, so the product of two effects is the symmetric
 * difference of their sets, a ^ b.
 */

/** Number of factors in a set. */
export function size(set: number): number {
  let n = 0
  for (let rest = set; rest !== 0; rest &= rest - 1) n++
  return n
}

/** The factors in a set, ascending. */
export function members(set: number): number[] {
  const list: number[] = []
  for (let i = 0; set >>> i !== 0; i++) if ((set >>> i) & 1) list.push(i)
  return list
}

/**
 * All sets of `least` to `most` out of `count` factors, by size, then in lexicographic order (AB, AC, BC, ABC, ...).
 */
export function sets(count: number, least: number, most: number): number[] {
  const found: number[] = []
  for (let length = least; length <= Math.min(most, count); length++) {
    const grow = (from: number, set: number, left: number) => {
      if (left === 0) found.push(set)
      else for (let i = from; i <= count - left; i++) grow(i + 1, set | (1 << i), left - 1)
    }
    grow(0, 0, length)
  }
  return found
}

/** The word length pattern: `pattern[n - 1]` is the number of words of length n. */
export function lengthPattern(words: readonly number[], factors: number): number[] {
  const pattern = new Array<number>(factors).fill(0)
  for (const word of words) pattern[size(word) - 1]++
  return pattern
}

/** Negative where pattern a has less aberration than b, that is fewer words at the first length where they differ. */
export function compareAberration(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return 0
}
