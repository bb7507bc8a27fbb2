/** The tokens of a text: token k is `ids[k]` and covers units `starts[k]` to `ends[k]`. Reused between texts. */
export class TokenRun {
  ids = new Int32Array(64)
  starts = new Int32Array(64)
  ends = new Int32Array(64)
  count = 0
  /** Texts of tokens that differ from the vocabulary's: unknown ones, and added ones with stripped spaces. */
  readonly spelt = new Map<number, string>()

  clear(): void {
    this.count = 0
    if (this.spelt.size > 0) this.spelt.clear()
  }

  push(id: number, start: number, end: number): void {
    if (this.count === this.ids.length) this.grow()
    this.ids[this.count] = id
    this.starts[this.count] = start
    this.ends[this.count++] = end
  }

  private grow(): void {
    const length = this.ids.length * 2
    this.ids = grown(this.ids, length)
    this.starts = grown(this.starts, length)
    this.ends = grown(this.ends, length)
  }
}

function grown(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length)
  to.set(from)
  return to
}

/** BPE-dropout: the probability of skipping a merge, and uniform numbers in [0, 1). */
export type Dropout = { probability: number; random: () => number }

/** A model that tokenizes a part of a text. */
export type TokenModel = {
  /**
   * Appends the tokens of `text` to `out`, with offsets from its start.
   * @param barred ids that must not be produced (special tokens that are not recognised in text)
   * @param dropout BPE-dropout; other models ignore it
   */
  tokenize(text: string, out: TokenRun, barred?: ReadonlySet<number>, dropout?: Dropout): void
  idOf(token: string): number | undefined
  tokenOf(id: number): string | undefined
  /** The largest id plus 1. */
  size: number
}

const encoder = new TextEncoder()

/** The ids of the byte tokens of a text; undefined where one is not in the vocabulary. */
export function byteIdsOf(text: string, byteIds: Int32Array): Int32Array | undefined {
  const bytes = encoder.encode(text)
  const ids = new Int32Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) {
    ids[i] = byteIds[bytes[i]]
    if (ids[i] < 0) return undefined
  }
  return ids
}

/** By byte, the id of its token (`<0x00>` to `<0xFF>`), or -1. */
export function findByteIds(idOf: (token: string) => number | undefined): Int32Array {
  return Int32Array.from(
    { length: 256 },
    (_, byte) => idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`) ?? -1,
  )
}
