/** Tokens found in a text, in order: token k is `ids[k]` and covers units `starts[k]` to `ends[k]`. Reused between texts. */
export class TokenRun {
  ids = new Int32Array(64)
  starts = new Int32Array(64)
  ends = new Int32Array(64)
  count = 0
  /** The texts of tokens that are not those of their ids: of unknown ones, and of added ones with the spaces they take. */
  readonly spelt = new Map<number, string>()

  clear(): void {
    this.count = 0
    if (this.spelt.size > 0) this.spelt.clear()
  }

  push(id: number, start: number, end: number): void {
    if (this.count === this.ids.length) this.#grow()
    this.ids[this.count] = id
    this.starts[this.count] = start
    this.ends[this.count++] = end
  }

  #grow(): void {
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

/** How often a merge is skipped, and the uniform numbers that decide it. */
export type Dropout = { probability: number; random: () => number }

/** What finds tokens in a part of a text. */
export type TokenModel = {
  /**
   * Appends the tokens of `text`, their units counted from its start.
   * @param barred ids that text does not become, even where it spells them
   * @param dropout BPE: merges that are skipped at random
   */
  tokenize(text: string, out: TokenRun, barred?: ReadonlySet<number>, dropout?: Dropout): void
  idOf(token: string): number | undefined
  tokenOf(id: number): string | undefined
  /** One more than the largest id. */
  size: number
}

const encoder = new TextEncoder()

/** The ids of the byte tokens of a text, or undefined where one is not in the vocabulary. */
export function byteIdsOf(text: string, byteIds: Int32Array): Int32Array | undefined {
  const bytes = encoder.encode(text)
  const ids = new Int32Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) {
    ids[i] = byteIds[bytes[i]]
    if (ids[i] < 0) return undefined
  }
  return ids
}

/** By byte: the id of its token `<0x00>` to `<0xFF>`, or -1. */
export function findByteIds(idOf: (token: string) => number | undefined): Int32Array {
  return Int32Array.from(
    { length: 256 },
    (_, byte) => idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`) ?? -1,
  )
}
