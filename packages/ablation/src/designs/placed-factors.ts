/**
 * Assignment of columns to factors so that some two-factor interactions are clear or estimable, by backtracking search,
 * for designs beyond exhaustive search and published catalogues.
 */
import { improved, rank, scoreOf } from './exchange.ts'
import { compareAberration } from './words.ts'

/** Limit of columns tried before a search gives up. */
const mostSteps = 300_000

/** Limit of designs found and improved; the best of them is the result. */
const mostFound = 40

/** The requirements of a search. */
export interface Placement {
  /** Number of base factors. */
  readonly base: number
  /** Total number of factors. */
  readonly factors: number
  /** Indices of the factors of the required interactions. */
  readonly pairs: readonly (readonly [number, number])[]
  /**
   * `clear`: not aliased with main effects or other two-factor interactions. `estimable`: not aliased with main effects
   * or with each other; other interactions are assumed to be zero.
   */
  readonly kind: 'clear' | 'estimable'
}

/** The columns of the factors; where none were found, whether the search was exhaustive. */
export type Placed = { readonly columns: readonly number[] } | { readonly columns: null; readonly exhausted: boolean }

/**
 * Finds a column for each factor. Factors in pairs are placed one by one, each in the span of the previous ones or as a
 * new base factor, which covers all designs up to isomorphism. The other factors get any remaining columns, improved by
 * exchange.
 */
export function placeFactors({ base, factors, pairs, kind }: Placement): Placed {
  const runs = 2 ** base
  const named = byDegree(factors, pairs)
  const partners = named.map((factor, i) => new Set(named.slice(0, i).filter((other) => isPair(pairs, factor, other))))
  const columns = new Array<number>(factors).fill(0)
  const wanted = new Uint8Array(runs)
  const sums = new Int32Array(runs)
  const used = new Uint8Array(runs)
  let steps = 0
  const found: number[][] = []

  /** Assigns a column to a factor; false where that is not allowed. */
  const take = (place: number, column: number): boolean => {
    if (used[column] || wanted[column]) return false
    const own = partners[place]
    const fresh = new Set<number>()
    for (let i = 0; i < place; i++) {
      const sum = columns[named[i]] ^ column
      if (!own.has(named[i])) {
        if (kind === 'clear' && (wanted[sum] || fresh.has(sum))) return false
        continue
      }
      if (used[sum] || sum === column || wanted[sum] || fresh.has(sum)) return false
      if (kind === 'clear' && sums[sum] > 0) return false
      fresh.add(sum)
    }
    if (kind === 'clear')
      for (let i = 0; i < place; i++) if (!own.has(named[i]) && fresh.has(columns[named[i]] ^ column)) return false
    for (let i = 0; i < place; i++) sums[columns[named[i]] ^ column]++
    for (const sum of fresh) wanted[sum] = 1
    used[column] = 1
    columns[named[place]] = column
    return true
  }
  const release = (place: number) => {
    const column = columns[named[place]]
    used[column] = 0
    for (let i = 0; i < place; i++) sums[columns[named[i]] ^ column]--
    for (const other of partners[place]) wanted[columns[other] ^ column] = 0
  }
  /** @returns whether the search below this node was exhaustive */
  const place = (at: number, span: number): boolean => {
    if (found.length >= mostFound) return false
    if (at === named.length) {
      const whole = completed({ base, factors, pairs, kind }, named, columns, wanted)
      if (whole === 'unknown') return false
      if (whole) found.push(whole)
      return true
    }
    let all = true
    const most = span < base ? 2 ** span : runs - 1
    for (let column = most; column >= 1; column--) {
      if (++steps > mostSteps || found.length >= mostFound) return false
      if (!take(at, column)) continue
      all = place(at + 1, column === 2 ** span ? span + 1 : span) && all
      release(at)
    }
    return all
  }
  const exhausted = place(0, 0)
  if (found.length === 0) return { columns: null, exhausted }
  const scored = found.map((one) => ({ one, score: scoreOf(base, one) }))
  return { columns: scored.reduce((best, next) => (compareAberration(next.score, best.score) < 0 ? next : best)).one }
}

/**
 * Completes a design by the factors in no pair; undefined where they do not fit, `unknown` where that search gave up.
 */
function completed(
  { base, factors, pairs, kind }: Placement,
  named: readonly number[],
  columns: readonly number[],
  wanted: Uint8Array,
): number[] | undefined | 'unknown' {
  const placed = named.map((factor) => columns[factor])
  const rest = Array.from({ length: factors }, (_, i) => i).filter((i) => !named.includes(i))
  const open: number[] = []
  for (let column = 1; column < 2 ** base; column++) {
    if (placed.includes(column) || wanted[column]) continue
    if (kind === 'clear' && placed.some((one) => wanted[one ^ column])) continue
    open.push(column)
  }
  if (open.length < rest.length) return undefined
  const apart = (a: number, b: number) => kind === 'estimable' || !wanted[a ^ b]
  const chosen: number[] = []
  let steps = 0
  const grow = (from: number): boolean => {
    if (chosen.length === rest.length) return rank([...placed, ...chosen], base) === base
    for (let i = from; i <= open.length - (rest.length - chosen.length); i++) {
      if (++steps > mostSteps / 100) return false
      if (!chosen.every((one) => apart(one, open[i]))) continue
      chosen.push(open[i])
      if (grow(i + 1)) return true
      chosen.pop()
    }
    return false
  }
  if (!grow(0)) return steps > mostSteps / 100 ? 'unknown' : undefined
  const allowed = (tried: readonly number[]) => {
    const own = tried.slice(placed.length)
    return own.every((a, i) => own.slice(0, i).every((b) => apart(a, b)))
  }
  const better = improved({ base, factors, from: open, kept: placed.length, allowed }, [...placed, ...chosen]).columns
  const result = [...columns]
  for (const [i, factor] of rest.entries()) result[factor] = better[placed.length + i]
  for (const [i, factor] of named.entries()) result[factor] = placed[i]
  if (!pairs.every(([a, b]) => !result.includes(result[a] ^ result[b]))) return undefined
  return result
}

/** The factors in pairs, each after as many of its partners as possible. */
function byDegree(factors: number, pairs: readonly (readonly [number, number])[]): number[] {
  const degree = new Array<number>(factors).fill(0)
  for (const [a, b] of pairs) {
    degree[a]++
    degree[b]++
  }
  const order: number[] = []
  const left = new Set([...degree.keys()].filter((factor) => degree[factor] > 0))
  while (left.size > 0) {
    const bound = (factor: number) => order.filter((other) => isPair(pairs, factor, other)).length
    const next = [...left].reduce((best, factor) =>
      bound(factor) * 1000 + degree[factor] > bound(best) * 1000 + degree[best] ? factor : best,
    )
    left.delete(next)
    order.push(next)
  }
  return order
}

function isPair(pairs: readonly (readonly [number, number])[], a: number, b: number): boolean {
  return pairs.some(([one, other]) => (one === a && other === b) || (one === b && other === a))
}
