/** Alias sets, and clear two-factor interactions. */

import { aliasMap } from './alias-map.ts'
import { checkRegularDesign } from './check-design.ts'
import type { Design, Level } from './design.ts'

/** Limit of the effects that are enumerated. */
const mostEffects = 1_000_000

/** A set of aliased effects, which are equal up to the sign in every run. */
export interface AliasSet {
  /** The effects, those of fewest factors first; `sign` is relative to the first. */
  readonly effects: readonly { readonly sign: Level; readonly factors: readonly string[] }[]
}

/**
 * The alias sets of all effects of up to `order` factors. Constant effects (words of the defining relation) are
 * omitted.
 * @param order largest number of factors of an interaction; default 2
 * @throws RangeError where order is not an integer from 1 to the number of factors, or gives more than 1,000,000
 * effects
 * @example
 * const d = design({ factors: ['code', 'math', 'web'], runs: 4 })
 * aliases(d).length // 3
 */
export function aliases(d: Design, order = 2): AliasSet[] {
  checkRegularDesign('aliases', d)
  const k = d.factors.length
  if (!Number.isInteger(order) || order < 1 || order > k)
    throw new RangeError(`aliases: order must be an integer from 1 to ${k} (the factors), got ${order}`)
  let count = 0
  let choices = 1
  for (let n = 1; n <= order; n++) {
    choices = (choices * (k - n + 1)) / n
    count += choices
    if (count > mostEffects)
      throw new RangeError(
        `aliases: ${k} factors have more than ${mostEffects} interactions of up to ${order} factors; use an order of at most ${n - 1}`,
      )
  }
  const { column, sign } = aliasMap(d)
  const sets = new Map<number, { sign: Level; factors: string[] }[]>()
  for (const factors of effectsUpTo(k, order)) {
    const at = column(factors)
    if (at === 0) continue
    const set = sets.get(at)
    const effect = { sign: sign(factors), factors: factors.map((i) => d.factors[i].name) }
    if (set) set.push(effect)
    else sets.set(at, [effect])
  }
  return [...sets.values()].map((effects) => {
    const first = effects[0].sign
    return { effects: effects.map((effect) => ({ ...effect, sign: (effect.sign * first) as Level })) }
  })
}

/**
 * Two-factor interactions that are clear: not aliased with any main effect or any other two-factor interaction.
 * @returns pairs of factors, in the design's order
 * @see Wu and Chen (1992), A graph-aided method for planning two-level experiments when certain interactions are
 * important, Technometrics 34(2)
 * @example clearInteractions(design({ factors: ['code', 'math', 'books', 'web'], runs: 16 })).length // 6
 */
export function clearInteractions(d: Design): [string, string][] {
  checkRegularDesign('clearInteractions', d)
  if (d.factors.length < 2) return []
  return aliases(d, 2)
    .filter(({ effects }) => effects.length === 1 && effects[0].factors.length === 2)
    .map(({ effects }) => effects[0].factors as [string, string])
}

/**
 * All effects of up to `order` out of `count` factors, as indices: by size, then in lexicographic order (AB, AC, BC,
 * ABC, ...).
 */
export function* effectsUpTo(count: number, order: number): Generator<number[]> {
  for (let length = 1; length <= order; length++) {
    const chosen = Array.from({ length }, (_, i) => i)
    for (;;) {
      yield [...chosen]
      let at = length - 1
      while (at >= 0 && chosen[at] === count - length + at) at--
      if (at < 0) break
      chosen[at]++
      for (let i = at + 1; i < length; i++) chosen[i] = chosen[i - 1] + 1
    }
  }
}
