/** Filters of documents: each keeps, changes or drops a document, and the reasons are counted. */

/** The decision of a filter: `true` keeps the text, a string replaces it, `{ drop }` drops it for that reason. */
export type Verdict = true | string | { readonly drop: string }

/** A filter: a name and a function from text to verdict. */
export interface Filter {
  readonly name: string
  apply(text: string): Verdict
}

/** Statistics of filters. Keys of `dropped` have the form `filter: reason`. */
export interface FilterCounts {
  documents: number
  kept: number
  changed: Record<string, number>
  dropped: Record<string, { count: number; samples: string[] }>
}

export const emptyCounts = (): FilterCounts => ({ documents: 0, kept: 0, changed: {}, dropped: {} })

/** Maximum length of a sample in characters, and maximum number of samples per reason. */
const sampleLength = 200
const mostSamples = 5

/** Counts a dropped document, and stores the beginnings of the first few. */
export function countDropped(counts: FilterCounts, reason: string, text: string): void {
  counts.dropped[reason] ??= { count: 0, samples: [] }
  const entry = counts.dropped[reason]
  entry.count++
  if (entry.samples.length < mostSamples) entry.samples.push(text.slice(0, sampleLength))
}

/** Adds the counts of `from` to `into`. */
export function addCounts(into: FilterCounts, from: FilterCounts): void {
  into.documents += from.documents
  into.kept += from.kept
  for (const [name, count] of Object.entries(from.changed)) into.changed[name] = (into.changed[name] ?? 0) + count
  for (const [reason, { count, samples }] of Object.entries(from.dropped)) {
    into.dropped[reason] ??= { count: 0, samples: [] }
    const entry = into.dropped[reason]
    entry.count += count
    entry.samples.push(...samples.slice(0, mostSamples - entry.samples.length))
  }
}

/**
 * Applies filters in order, each to the result of the previous one.
 * @returns the text, or null where a filter dropped it
 * @example
 * const noAds: Filter = { name: 'no-ads', apply: (text) => (text.includes('PR:') ? { drop: 'advertisement' } : true) }
 * const counts = emptyCounts()
 * applyFilters([noAds], 'PR: buy this', counts) // null
 * counts.dropped['no-ads: advertisement'].count // 1
 */
export function applyFilters(filters: readonly Filter[], text: string, counts: FilterCounts): string | null {
  counts.documents++
  let current = text
  for (const { name, apply } of filters) {
    const verdict = apply(current)
    if (verdict === true) continue
    if (typeof verdict === 'string') {
      if (verdict !== current) counts.changed[name] = (counts.changed[name] ?? 0) + 1
      current = verdict
    } else {
      countDropped(counts, `${name}: ${verdict.drop}`, current)
      return null
    }
  }
  counts.kept++
  return current
}
