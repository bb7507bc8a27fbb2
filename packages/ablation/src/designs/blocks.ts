/** Blocking of two-level designs, for runs that share a machine, a day or a seed. */
import { checkRegularDesign } from './check-design.ts'
import type { Design } from './design.ts'

/** The blocks of a design's runs, and the effects confounded with blocks. */
export interface Blocks {
  /** The block of each run, from 0. */
  readonly blocks: readonly number[]
  /** Effects that are confounded with blocks, as lists of factors. */
  readonly confounded: readonly (readonly string[])[]
}

/**
 * Divides the runs into 2^n blocks by the signs of n interactions.
 * @param interactions block generators, each an interaction of two or more factors
 * @throws RangeError where a product of them is constant or aliased with a main effect, or a factor is unknown
 * @see Box, Hunter and Hunter 2005, Statistics for Experimenters, chapter 5
 * @example
 * const d = design({ factors: ['code', 'math', 'web'], runs: 8 })
 * inBlocks(d, [['code', 'math', 'web']]).blocks // [0, 1, 1, 0, 1, 0, 0, 1]
 */
export function inBlocks(design: Design, interactions: readonly (readonly string[])[]): Blocks {
  checkRegularDesign('inBlocks', design)
  if (!Array.isArray(interactions))
    throw new TypeError("inBlocks: interactions must be a list such as [['A', 'B', 'C']]")
  const { factors, runs } = design
  const products = interactions.map((names) => {
    if (!Array.isArray(names) || names.length < 2)
      throw new RangeError(`inBlocks: an interaction has two or more factors, got ${JSON.stringify(names)}`)
    const columns = names.map((name) => {
      const i = factors.findIndex((f) => f.name === name)
      if (i < 0)
        throw new RangeError(
          `inBlocks: '${name}' is not a factor; the factors are ${factors.map((f) => f.name).join(', ')}`,
        )
      return i
    })
    return runs.map((row) => columns.reduce((product, i) => product * row[i], 1))
  })
  const confounded: string[][] = []
  for (let set = 1; set < 2 ** products.length; set++) {
    const chosen = products.filter((_, i) => (set >>> i) & 1)
    const column = runs.map((_, run) => chosen.reduce((product, signs) => product * signs[run], 1))
    const names = interactions.filter((_, i) => (set >>> i) & 1).flat()
    // Factors that occur an even number of times cancel.
    const odd = [...new Set(names)].filter((name) => names.filter((one) => one === name).length % 2 === 1)
    const same = (other: readonly number[]) =>
      Math.abs(column.reduce((s, x, run) => s + x * other[run], 0)) === runs.length
    if (same(runs.map(() => 1)))
      throw new RangeError(
        `inBlocks: the product ${odd.join(':') || '1'} is constant over the runs, so it gives no blocks; use another interaction`,
      )
    const main = factors.find((_, i) => same(runs.map((row) => row[i])))
    if (main)
      throw new RangeError(
        `inBlocks: ${odd.join(':')} is aliased with ${main.name}, whose effect would be confounded with blocks`,
      )
    confounded.push(odd)
  }
  const blocks = runs.map((_, run) => products.reduce((block, signs, i) => block | (signs[run] > 0 ? 1 << i : 0), 0))
  return { blocks, confounded }
}
