/** Training data of a model: subsets of a corpus, and how often each is repeated. */

/** Tokens of one pass times `repeats`; where a script states only their product, it is `weight`. */
export type CorpusSubset =
  | { readonly subset: string; readonly tokens: number; readonly repeats: number }
  | { readonly subset: string; readonly weight: number }

export interface CorpusBlend {
  readonly name: string
  readonly subsets: readonly CorpusSubset[]
  /**
   * Another blend mixed in, with its share of all tokens; each list is normalised to its own total first.
   */
  readonly beside?: { readonly share: number; readonly blend: CorpusBlend }
  /** Address of the script that states the numbers. */
  readonly source: string
}

/** Tokens of a subset, including repeats. */
const weightOf = (row: CorpusSubset): number => ('weight' in row ? row.weight : row.tokens * row.repeats)

/**
 * Tokens of a blend's own subsets (without the blend mixed in as `beside`).
 * @returns `weighted`: with repeats; `unique`: one pass, null where a subset does not state its repeats
 */
export function countCorpusTokens({ subsets }: CorpusBlend): {
  readonly weighted: number
  readonly unique: number | null
} {
  let weighted = 0
  let unique: number | null = 0
  for (const row of subsets) {
    weighted += weightOf(row)
    unique = unique === null || 'weight' in row ? null : unique + row.tokens
  }
  return { weighted, unique }
}

/**
 * Share of the training tokens that comes from each subset.
 * @returns subset to share; the shares sum to 1
 * @example
 * corpusShares(findModel('llm-jp-3-13b').corpus!).get('ja/cc-1') // 0.2225
 */
export function corpusShares(blend: CorpusBlend): Map<string, number> {
  const shares = new Map<string, number>()
  const add = ({ subsets, beside }: CorpusBlend, share: number): void => {
    const own = share * (1 - (beside?.share ?? 0))
    const { weighted } = countCorpusTokens({ subsets } as CorpusBlend)
    for (const row of subsets) shares.set(row.subset, (shares.get(row.subset) ?? 0) + (own * weightOf(row)) / weighted)
    if (beside) add(beside.blend, share * beside.share)
  }
  add(blend, 1)
  return shares
}

/**
 * Share of the training tokens in each language, by the prefix of LLM-jp's subsets (`ja_wiki`, `code/stack`).
 * `train_0` to `train_6` of LLM-jp-4's second phase are The Stack v2, instruction data counts as `instruction`.
 * @example languageShares(findModel('llm-jp-3-13b').corpus).ja // 0.486
 */
export function languageShares(blend: CorpusBlend): Record<string, number> {
  const shares: Record<string, number> = {}
  for (const [subset, share] of corpusShares(blend)) {
    const language = /^(ja|en|zh|ko|code)[_/]/.exec(subset)?.[1] ?? (/^train_\d$/.test(subset) ? 'code' : 'instruction')
    shares[language] = (shares[language] ?? 0) + share
  }
  return shares
}
