/** Corrections of p-values for multiple testing. */

/** Holm's step-down correction (1979), which controls the family-wise error rate. Nulls stay null. */
export function holm(pValues: readonly (number | null)[]): (number | null)[] {
  return ranked(pValues, (sorted) => {
    let least = 0
    return sorted.map((p, rank) => {
      least = Math.max(least, Math.min(1, p * (sorted.length - rank)))
      return least
    })
  })
}

/** The Benjamini-Hochberg correction (1995), which controls the false discovery rate. Nulls stay null. */
export function benjaminiHochberg(pValues: readonly (number | null)[]): (number | null)[] {
  return ranked(pValues, (sorted) => {
    const corrected = new Array<number>(sorted.length)
    let most = 1
    for (let rank = sorted.length - 1; rank >= 0; rank--) {
      most = Math.min(most, (sorted[rank] * sorted.length) / (rank + 1))
      corrected[rank] = most
    }
    return corrected
  })
}

function ranked(
  pValues: readonly (number | null)[],
  correct: (sorted: readonly number[]) => readonly number[],
): (number | null)[] {
  const order = pValues.flatMap((p, i) => (p === null ? [] : [i])).sort((a, b) => pValues[a]! - pValues[b]!)
  const corrected = correct(order.map((i) => pValues[i]!))
  const result: (number | null)[] = pValues.map(() => null)
  order.forEach((i, rank) => {
    result[i] = corrected[rank]
  })
  return result
}
