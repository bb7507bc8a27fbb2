/** Alias structure of a regular design from its defining relation: the column of every effect. */
import type { Design, Factor, Level, Word } from './design.ts'

/** Maps effects to columns: effects with the same column are aliased, up to the sign. */
export interface AliasMap {
  /** The column of an interaction of the factors; 0 where it is constant. */
  column(factors: readonly number[]): number
  /**
   * The sign of the interaction relative to its column; the product of two signs is the sign of one alias relative to
   * the other.
   */
  sign(factors: readonly number[]): Level
}

/**
 * Computes the alias map by Gaussian elimination: every independent word expresses its last factor as a product of
 * earlier ones.
 * @throws RangeError where the defining relation names an unknown factor, or leaves more than 30 factors free
 */
export function aliasMap({ factors, definingRelation }: Pick<Design, 'factors' | 'definingRelation'>): AliasMap {
  const rows = independentWords(factors, definingRelation)
  const free = factors.map((_, i) => i).filter((i) => !rows.has(i))
  if (free.length > 30)
    throw new RangeError(
      `the defining relation of the design leaves ${free.length} of ${factors.length} factors free; at most 30 are supported`,
    )
  const columns: number[] = []
  const signs: number[] = []
  for (const i of factors.keys()) {
    const row = rows.get(i)
    columns[i] = row ? 0 : 1 << free.indexOf(i)
    signs[i] = row ? row.sign : 1
    // All other factors of the word come before this one.
    for (let j = 0; row && j < i; j++) {
      if (((row.set >> BigInt(j)) & 1n) === 0n) continue
      columns[i] ^= columns[j]
      signs[i] *= signs[j]
    }
  }
  return {
    column: (of) => of.reduce((column, i) => column ^ columns[i], 0),
    sign: (of) => of.reduce((sign, i) => sign * signs[i], 1) as Level,
  }
}

/**
 * Independent words, which generate all others, by their last factor. Bit i of `set` is factor i.
 * @throws RangeError where the defining relation names an unknown factor
 */
export function independentWords(
  factors: readonly Factor[],
  words: readonly Word[],
): Map<number, { set: bigint; sign: number }> {
  const index = new Map(factors.map(({ name }, i) => [name, i]))
  const rows = new Map<number, { set: bigint; sign: number }>()
  for (const word of words) {
    let set = 0n
    for (const name of word.factors) {
      const i = index.get(name)
      if (i === undefined)
        throw new RangeError(`the defining relation of the design names '${name}', which is not a factor of it`)
      set ^= 1n << BigInt(i)
    }
    let sign: number = word.sign
    for (let last = lastOf(set); last >= 0; last = lastOf(set)) {
      const row = rows.get(last)
      if (!row) {
        rows.set(last, { set, sign })
        break
      }
      set ^= row.set
      sign *= row.sign
    }
  }
  return rows
}

function lastOf(set: bigint): number {
  return set === 0n ? -1 : set.toString(2).length - 1
}
