/** The pieces of a model, in arrays: a vocabulary has so many that an object and a string for each take long. */
import type { Piece } from './model-file.ts'

/** Texts in one string, one after another: text k is `joined.slice(starts[k], starts[k + 1])`. */
export type JoinedTexts = { readonly joined: string; readonly starts: Int32Array }

export function joinTexts(texts: readonly string[]): JoinedTexts {
  const starts = new Int32Array(texts.length + 1)
  for (const [k, text] of texts.entries()) starts[k + 1] = starts[k] + text.length
  return { joined: texts.join(''), starts }
}

/** Pieces by id. */
export class PieceList implements JoinedTexts, Iterable<Piece> {
  readonly joined: string
  readonly starts: Int32Array
  readonly scores: Float32Array
  readonly types: Uint8Array
  /** Texts that were asked for. */
  private readonly texts: (string | undefined)[]

  constructor({ joined, starts }: JoinedTexts, scores: Float32Array, types: Uint8Array) {
    this.joined = joined
    this.starts = starts
    this.scores = scores
    this.types = types
    this.texts = new Array(types.length)
  }

  get size(): number {
    return this.types.length
  }

  /** The text of the piece with that id, which must exist. */
  text(id: number): string {
    return (this.texts[id] ??= this.joined.slice(this.starts[id], this.starts[id + 1]))
  }

  *[Symbol.iterator](): Generator<Piece> {
    for (let id = 0; id < this.size; id++) yield { piece: this.text(id), score: this.scores[id], type: this.types[id] }
  }
}
