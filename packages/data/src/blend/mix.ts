/** Corpus ratio: how often each source is repeated during training. */
import { permutation, randomIntegers } from '../random.ts'
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
  /** Documents it gives the mix. */
  readonly documents: number
  /** Size it takes in the mix. */
  readonly mixedSize: number
  /** Part of the mix, 0 to 1. */
  readonly share: number
}

/**
 * Mixes sources by repeats. A source with repeats 2.3 comes in twice whole, and then documents drawn by seed come in
 * until they make up three tenths of it; where documents are too long for that (a corpus of one), the beginning of one makes up what is
 * missing. Whole documents are shared, not copied, and stay grouped by source: whoever draws batches shuffles them.
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
    const before = documents.length
    const take = (document: Document) => {
      documents.push(document)
      mixedSize += document.length
    }
    for (let pass = 0; pass < Math.floor(repeats); pass++) source.documents.forEach(take)
    const wanted = (repeats % 1) * size
    let taken = 0
    const skipped: Document[] = []
    for (const at of permutation(source.documents.length, randomIntegers(options.seed ?? 0, index, 1))) {
      const document = source.documents[at]
      // The document that brings the sum closer to the wanted size is still taken.
      if (taken + document.length / 2 > wanted) {
        skipped.push(document)
        continue
      }
      // Of one that brings far too much, the part that is wanted.
      const over = taken + document.length - wanted
      const taking = over > 0.05 * size ? beginningOf(document, document.length - Math.round(over)) : document
      take(taking)
      taken += taking.length
    }
    // Documents too long for that leave a part missing: the beginning of one, of the length that is missing, stands in.
    const missing = Math.round(wanted - taken)
    const part = skipped.find((document) => document.length > missing)
    if (missing > 0 && part && (taken === 0 || missing > 0.05 * size)) take(beginningOf(part, missing))
    rows.push({ name, releaseLevel, repeats, size, documents: documents.length - before, mixedSize })
  })
  const total = rows.reduce((sum, row) => sum + row.mixedSize, 0)
  if (total === 0) throw new RangeError('mixCorpora: the mix is empty; give documents and repeats above 0')
  return { documents, table: rows.map((row) => ({ ...row, share: row.mixedSize / total })) }
}

/** The first elements of a document, which is text or ids; no half of a surrogate pair. */
function beginningOf<Document extends ArrayLike<unknown>>(document: Document, length: number): Document {
  const given: unknown = document
  if (typeof given === 'string') {
    const cut = given.slice(0, length)
    return (/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut) as unknown as Document
  }
  // Arrays and typed arrays alike.
  return (given as { slice(from: number, to: number): Document }).slice(0, length)
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
