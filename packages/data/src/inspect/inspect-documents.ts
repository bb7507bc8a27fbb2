/** Statistics of a corpus in one pass and bounded memory. */
import { checkIterable } from '../check-argument.ts'
import { randomIntegers } from '../random.ts'
import { LengthCounts, type LengthSummary } from './length-counts.ts'
import { hashOf, RepeatCounts } from './repeat-counts.ts'

export interface InspectOptions {
  /** A tokenizer; with it tokens are counted too. */
  readonly encode?: (text: string) => ArrayLike<number>
  /** Number of sample documents returned; default 5. */
  readonly samples?: number
  /** Size of the random sample whose languages are detected; default 1000. */
  readonly languageSample?: number
  readonly seed?: number
  /** Called after every document. */
  readonly onDocument?: () => void
}

export interface CorpusView {
  readonly documents: number
  readonly documentsWithKana: number
  readonly characters: number
  readonly bytes: number
  /** Lengths of documents in characters (code points). */
  readonly charactersPerDocument?: LengthSummary
  /** Present with `encode`, like the two below. */
  readonly tokens?: number
  readonly bytesPerToken?: number
  readonly tokensPerDocument?: LengthSummary
  /** Shares of languages by ISO 639-1 code, largest first, estimated from a sample of documents. */
  readonly languages: readonly { readonly language: string; readonly share: number }[]
  /** Size of that sample. */
  readonly languageSample: number
  /** Share of documents that repeat an earlier one, number of distinct documents, and whether these are estimates. */
  readonly duplicates: { readonly share: number; readonly different: number; readonly estimated: boolean }
  /** Beginnings of randomly sampled documents. */
  readonly samples: readonly string[]
}

/** Length of a sample, and of the beginning used for language detection, in UTF-16 units. */
const sampleLength = 300
const looked = 2000

/** A uniform random sample of fixed size from a stream (reservoir sampling, Vitter's algorithm R). */
export class Reservoir<T> {
  readonly items: T[] = []
  private readonly size: number
  private readonly draw: (below: number) => number
  private seen = 0

  constructor(size: number, seed: number, purpose: number) {
    this.size = size
    this.draw = randomIntegers(seed, 0, purpose)
  }

  add(make: () => T): void {
    this.seen++
    if (this.items.length < this.size) this.items.push(make())
    else {
      const at = this.draw(this.seen)
      if (at < this.size) this.items[at] = make()
    }
  }
}

/**
 * Computes statistics of texts in one pass.
 * @throws errors of the stream
 * @example
 * const { documents: count, documentsWithKana } = await inspectDocuments(['Joinery', '組木は釘を使わない'])
 * console.log(count, documentsWithKana) // 2 1
 */
export async function inspectDocuments(
  texts: AsyncIterable<string> | Iterable<string>,
  options: InspectOptions = {},
): Promise<CorpusView> {
  checkIterable('inspectDocuments: texts', texts, "['a text', 'another']")
  const { encode, samples = 5, languageSample = 1000, seed = 0, onDocument } = options
  const lengths = new LengthCounts()
  const tokenLengths = new LengthCounts()
  const repeats = new RepeatCounts()
  const shown = new Reservoir<string>(samples, seed, 11)
  const told = new Reservoir<string>(languageSample, seed, 12)
  let [documents, kana, characters, bytes, tokens] = [0, 0, 0, 0, 0]
  for await (const text of texts) {
    documents++
    if (/[\u3040-\u30ff]/.test(text)) kana++
    const [points, octets] = sizesOf(text)
    characters += points
    bytes += octets
    lengths.add(points)
    repeats.add(hashOf(text))
    shown.add(() => text.slice(0, sampleLength))
    told.add(() => text.slice(0, looked))
    if (encode) {
      const { length } = encode(text)
      tokens += length
      tokenLengths.add(length)
    }
    onDocument?.()
  }
  return {
    documents,
    documentsWithKana: kana,
    characters,
    bytes,
    charactersPerDocument: lengths.summary(),
    ...(encode && {
      tokens,
      bytesPerToken: tokens === 0 ? 0 : bytes / tokens,
      tokensPerDocument: tokenLengths.summary(),
    }),
    languages: await languagesOf(told.items),
    languageSample: told.items.length,
    duplicates: repeats.summary(),
    samples: shown.items,
  }
}

/** Number of code points and of UTF-8 bytes. */
function sizesOf(text: string): [characters: number, bytes: number] {
  let characters = 0
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    characters++
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800) bytes += 2
    else if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 4
      i++
    } else bytes += 3
  }
  return [characters, bytes]
}

async function languagesOf(texts: readonly string[]): Promise<{ language: string; share: number }[]> {
  if (texts.length === 0) return []
  const { eld } = await import('eld/medium')
  const counts = new Map<string, number>()
  for (const text of texts) {
    const language = eld.detect(text).language || 'unknown'
    counts.set(language, (counts.get(language) ?? 0) + 1)
  }
  return [...counts]
    .map(([language, count]) => ({ language, share: count / texts.length }))
    .sort((a, b) => b.share - a.share || (a.language < b.language ? -1 : 1))
}
