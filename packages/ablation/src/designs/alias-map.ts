/** Aliases in a regular design: the column of every effect, from the defining relation alone. */
import type { Design, Factor, Level, Word } from './design.ts'

/** Columns of effects: those of one column are one effect but for the sign. */
export interface AliasMap {
  /** The column of an interaction of these factors; 0 where it is constant. */
  column(factors: readonly number[]): number
  /** The sign of that interaction relative to its column: where two have one column, the product of their signs is that of one to the other. */
  sign(factors: readonly number[]): Level
}

/**
 * By elimination: every word that is no product of others says of its last factor which product of the factors before it is.
 * @throws RangeError where the defining relation names what is no factor, or leaves more than 30 factors free
 */
export function aliasMap({ factors, definingRelation }: Pick<Design, 'factors' | 'definingRelation'>): AliasMap {
  const rows = independentWords(factors, definingRelation)
  const free = factors.map((_, i) => i).filter((i) => !rows.has(i))
  if (free.length > 30)
    throw new RangeError(
      `the defining relation of the design leaves ${free.length} of ${factors.length} factors free; at most 30`,
    )
  const columns: number[] = []
  const signs: number[] = []
  for (const i of factors.keys()) {
    const row = rows.get(i)
    columns[i] = row ? 0 : 1 << free.indexOf(i)
    signs[i] = row ? row.sign : 1
    // Every other factor of the word comes before.
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
 * Words of which all others are products, by their last factor. Bit i of `set` is factor i.
 * @throws RangeError where the defining relation names what is no factor
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
        throw new RangeError(`the defining relation of the design names '${name}', which is no factor`)
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
