/** Mixing of corpora by the number of repeats of each source. */
import { checkList } from '../check-argument.ts'
import { permutation, randomIntegers } from '../random.ts'
import { assertTrainable, type ReleaseLevel } from './release-level.ts'

/** A source of documents, which are arrays of token ids or strings. */
export interface CorpusSource<Document extends ArrayLike<unknown>> {
  readonly name: string
  readonly documents: readonly Document[]
  /** Passes over the source; a fraction takes part of it. Default 1. */
  readonly repeats?: number
  /** Default `L3`: training only, no distribution. */
  readonly releaseLevel?: ReleaseLevel
}

/** One source in a mix. Sizes are tokens for id arrays, UTF-16 units for strings. */
export interface MixRow {
  readonly name: string
  readonly releaseLevel: ReleaseLevel
  readonly repeats: number
  /** Size of one pass over the source. */
  readonly size: number
  /** Number of its documents in the mix, including repeats. */
  readonly documents: number
  /** Its size in the mix, including repeats. */
  readonly mixedSize: number
  /** Its share of the mix, 0 to 1. */
  readonly share: number
}

/** A source given by the sizes of its documents. */
export interface MeasuredSource {
  readonly name: string
  readonly lengths: ArrayLike<number>
  readonly repeats?: number
  readonly releaseLevel?: ReleaseLevel
  /** Actual length of a document truncated to `length` (less, where characters would be split); default `length`. */
  readonly cut?: (document: number, length: number) => number
}

/** The part of a source in a mix: whole passes, then a sample of documents, some of them truncated. */
export interface MixPicks {
  readonly passes: number
  /** Indices of the sampled documents. */
  readonly drawn: Uint32Array
  /** Lengths of truncated documents, by their position in `drawn`. */
  readonly cuts: ReadonlyMap<number, number>
}

/**
 * Plans a mix from the sizes of the documents alone. A source with 2.3 repeats is taken twice as a whole, plus a random
 * sample of documents that adds up to three tenths of it; where documents are too long for that, the beginning of one
 * makes up the difference.
 * @param options.seed seed of the samples for fractional repeats; default 0
 * @throws RangeError for a release level that forbids training, repeats out of bounds, a duplicate name, or an empty
 * mix
 */
export function planMix(
  sources: readonly MeasuredSource[],
  options: { seed?: number } = {},
): { picks: MixPicks[]; table: MixRow[] } {
  checkList('planMix: sources', sources, "[{ name: 'ja', lengths }]")
  const rows: Omit<MixRow, 'share'>[] = []
  const names = new Set<string>()
  const picks = sources.map((source, index): MixPicks => {
    const { name, lengths, repeats = 1, releaseLevel = 'L3', cut = (_, length) => length } = source
    assertTrainable(name, releaseLevel)
    if (names.has(name)) throw new RangeError(`mixSources: source "${name}" is given twice; raise its repeats instead`)
    names.add(name)
    if (!(repeats >= 0 && repeats <= 10_000)) {
      throw new RangeError(`mixSources: repeats of source "${name}" must be from 0 to 10000, got ${repeats}`)
    }
    let size = 0
    for (let i = 0; i < lengths.length; i++) size += lengths[i]
    const passes = Math.floor(repeats)
    const wanted = (repeats % 1) * size
    const cuts = new Map<number, number>()
    let drawn = new Uint32Array(0)
    let count = 0
    let taken = 0
    if (wanted > 0) {
      // In place: the documents taken move to the front.
      drawn = permutation(lengths.length, randomIntegers(options.seed ?? 0, index, 1))
      let firstSkipped = -1
      const skipped = new Uint32Array(drawn.length)
      let skips = 0
      for (let k = 0; k < drawn.length; k++) {
        const document = drawn[k]
        const length = lengths[document]
        // A document that brings the sum closer to the wanted size is taken even if it exceeds it.
        if (taken + length / 2 > wanted) {
          skipped[skips++] = document
          continue
        }
        // One that exceeds it by far is truncated.
        const over = taken + length - wanted
        const taking = over > 0.05 * size ? cut(document, length - Math.round(over)) : length
        if (taking !== length) cuts.set(count, taking)
        drawn[count++] = document
        taken += taking
      }
      // Where all remaining documents are too long, the beginning of one fills the missing length.
      const missing = Math.round(wanted - taken)
      for (let k = 0; k < skips && firstSkipped < 0; k++) if (lengths[skipped[k]] > missing) firstSkipped = skipped[k]
      if (missing > 0 && firstSkipped >= 0 && (taken === 0 || missing > 0.05 * size)) {
        const length = cut(firstSkipped, missing)
        cuts.set(count, length)
        drawn[count++] = firstSkipped
        taken += length
      }
      drawn = drawn.slice(0, count)
    }
    const documents = passes * lengths.length + count
    rows.push({ name, releaseLevel, repeats, size, documents, mixedSize: passes * size + taken })
    return { passes, drawn, cuts }
  })
  const total = rows.reduce((sum, row) => sum + row.mixedSize, 0)
  if (total === 0) throw new RangeError('mixSources: the mix is empty; give documents and repeats above 0')
  return { picks, table: rows.map((row) => ({ ...row, share: row.mixedSize / total })) }
}

/**
 * Mixes sources by repeats, as planned by `planMix`. Whole documents are shared, not copied, and stay grouped by
 * source:
 * the batches shuffle them.
 * @param options.seed seed of the samples for fractional repeats; default 0
 * @throws RangeError for a release level that forbids training, repeats out of bounds, a duplicate name, or an empty
 * mix
 * @example
 * const ja = { name: 'ja', documents: [[1, 2], [3]], repeats: 2 }
 * const mixed = mixSources([ja, { name: 'en', documents: [[4, 5]] }], { seed: 1 })
 * mixed.documents.length // 5
 */
export function mixSources<Document extends ArrayLike<unknown>>(
  sources: readonly CorpusSource<Document>[],
  options: { seed?: number } = {},
): { documents: Document[]; table: MixRow[] } {
  checkList('mixSources: sources', sources, "[{ name: 'ja', documents }]")
  for (const { name, documents } of sources)
    checkList(`mixSources: documents of source "${name}"`, documents, '[[5, 6, 7], [8, 9]]')
  const measured = sources.map(({ documents, ...source }) => ({
    ...source,
    lengths: documents.map(({ length }) => length),
    cut: (document: number, length: number) => beginningOf(documents[document], length).length,
  }))
  const { picks, table } = planMix(measured, options)
  const mixed: Document[] = []
  for (const [i, { passes, drawn, cuts }] of picks.entries()) {
    const { documents } = sources[i]
    for (let pass = 0; pass < passes; pass++) for (const document of documents) mixed.push(document)
    for (const [k, number] of drawn.entries()) {
      const cut = cuts.get(k)
      mixed.push(cut === undefined ? documents[number] : beginningOf(documents[number], cut))
    }
  }
  return { documents: mixed, table }
}

/** The first elements of a document (text or ids), without splitting a surrogate pair. */
function beginningOf<Document extends ArrayLike<unknown>>(document: Document, length: number): Document {
  const given: unknown = document
  if (typeof given === 'string') {
    const cut = given.slice(0, length)
    return (/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut) as unknown as Document
  }
  // Arrays and typed arrays both have `slice`.
  return (given as { slice(from: number, to: number): Document }).slice(0, length)
}

/**
 * Arguments of Megatron-LM's `--data-path`: weight, prefix, weight, prefix, ... with tokens x repeats as weights, as in
 * LLM-jp's launch scripts.
 * @throws RangeError for a release level that forbids training, or a weight below 1
 * @example
 * const ja = { name: 'ja', prefix: 'set/ja', tokens: 3000, repeats: 2 }
 * megatronDataPath([ja, { name: 'en', prefix: 'set/en', tokens: 1000 }]) // ['6000', 'set/ja', '1000', 'set/en']
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
