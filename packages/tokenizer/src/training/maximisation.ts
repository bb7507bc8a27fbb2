/** The maximisation step of unigram training: scores from expected counts. */
import { type PieceTable, selectPieces } from './piece-table.ts'

/** Pieces with a lower expected count are dropped; those that are always kept get this count. */
const LEAST_COUNT = 0.5

/**
 * The maximisation step in its Bayesian form: with a sparse Dirichlet prior over the pieces, log probabilities become
 * `digamma(count) - digamma(sum)`, below the logarithm for rare pieces, which favours a sparse vocabulary.
 * @param always number of pieces at the start of the table that are kept whatever their counts
 * @see Liang and Klein 2009, "Structured Bayesian nonparametric models with variational inference", section 3
 */
export function maximise(table: PieceTable, counts: Float64Array, always: number): PieceTable {
  const kept: number[] = []
  let sum = 0
  for (let k = 0; k < counts.length; k++) {
    if (k >= always && counts[k] < LEAST_COUNT) continue
    kept.push(k)
    sum += Math.max(counts[k], LEAST_COUNT)
  }
  const result = selectPieces(table, kept)
  const ofSum = digamma(sum)
  for (let k = 0; k < kept.length; k++) result.score[k] = digamma(Math.max(counts[kept[k]], LEAST_COUNT)) - ofSum
  return result
}

/**
 * The logarithmic derivative of the gamma function, for x > 0: the recurrence psi(x) = psi(x + 1) - 1 / x up to x >=
 * 10, then the asymptotic series (relative error below 1e-14).
 * @see NIST Digital Library of Mathematical Functions, 5.5.2 and 5.11.2
 */
export function digamma(x: number): number {
  let shift = 0
  for (; x < 10; x++) shift -= 1 / x
  const s = 1 / (x * x)
  const series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - (s * 691) / 32760)))))
  return shift + Math.log(x) - 0.5 / x - series
}
