/** Corpus ratio: how often each source is repeated during training. */
import { permutation, randomIntegers } from './random.ts'
import { assertTrainable, type ReleaseLevel } from './release-level.ts'

/** A source of documents: token id arrays or strings. */
export interface CorpusSource<Document extends ArrayLike<unknown>> {
  readonly name: string
  readonly documents: readonly Document[]
  /** Passes over the source; a fraction takes part of it. Default 1. */
  readonly repeats?: number
  /** Default `L3`: may train, may not leave the house. */
  readonly releaseLevel?: ReleaseLevel
}

/** What became of one source. Sizes are tokens for id arrays, UTF-16 units for strings. */
export interface MixRow {
  readonly name: string
  readonly releaseLevel: ReleaseLevel
  readonly repeats: number
  /** Size of the source, once. */
  readonly size: number
  /** Size it takes in the mix. */
  readonly mixedSize: number
  /** Part of the mix, 0 to 1. */
  readonly share: number
}

/**
 * Mixes sources by repeats. A source with repeats 2.3 comes in twice whole, and then documents drawn by seed come in
 * until they make up three tenths of it. Documents are shared, not copied, and stay grouped by source: whoever draws
 * batches shuffles them.
 * @param options.seed picks the documents of fractional repeats; default 0
 * @throws RangeError for a source that may not train, repeats out of bounds, a name given twice, or an empty mix
 */
export function mixCorpora<Document extends ArrayLike<unknown>>(
  sources: readonly CorpusSource<Document>[],
  options: { seed?: number } = {},
): { documents: Document[]; table: MixRow[] } {
  const documents: Document[] = []
  const rows: Omit<MixRow, 'share'>[] = []
  const names = new Set<string>()
  sources.forEach((source, index) => {
    const { name, repeats = 1, releaseLevel = 'L3' } = source
    assertTrainable(name, releaseLevel)
    if (names.has(name)) throw new RangeError(`mixCorpora: source "${name}" is given twice; raise its repeats instead`)
    names.add(name)
    if (!(repeats >= 0 && repeats <= 10_000)) {
      throw new RangeError(`mixCorpora: repeats of source "${name}" must be from 0 to 10000, got ${repeats}`)
    }
    const size = source.documents.reduce((sum, document) => sum + document.length, 0)
    let mixedSize = 0
    const take = (document: Document) => {
      documents.push(document)
      mixedSize += document.length
    }
    for (let pass = 0; pass < Math.floor(repeats); pass++) source.documents.forEach(take)
    const wanted = (repeats % 1) * size
    let taken = 0
    for (const at of permutation(source.documents.length, randomIntegers(options.seed ?? 0, index, 1))) {
      const document = source.documents[at]
      // The document that brings the sum closer to the wanted size is still taken.
      if (taken + document.length / 2 > wanted) continue
      take(document)
      taken += document.length
    }
    rows.push({ name, releaseLevel, repeats, size, mixedSize })
  })
  const total = rows.reduce((sum, row) => sum + row.mixedSize, 0)
  if (total === 0) throw new RangeError('mixCorpora: the mix is empty; give documents and repeats above 0')
  return { documents, table: rows.map((row) => ({ ...row, share: row.mixedSize / total })) }
}

/**
 * Megatron-LM's `--data-path`: weight, prefix, weight, prefix, ... with tokens x repeats as weights, as LLM-jp's
 * launch scripts pass them.
 */
export function megatronDataPath(
  sources: readonly { name: string; prefix: string; tokens: number; repeats?: number; releaseLevel?: ReleaseLevel }[],
): string[] {
  return sources.flatMap(({ name, prefix, tokens, repeats = 1, releaseLevel = 'L3' }) => {
    assertTrainable(name, releaseLevel)
    const weight = Math.round(tokens * repeats)
    if (!Number.isSafeInteger(weight) || weight < 1) {
      throw new RangeError(
        `megatronDataPath: tokens x repeats of source "${name}" must be at least 1, got ${tokens} x ${repeats}`,
      )
    }
    return [String(weight), prefix]
  })
}
