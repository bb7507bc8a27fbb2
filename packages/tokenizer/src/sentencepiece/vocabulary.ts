/** The vocabulary of a SentencePiece model. */
import { TokenizerError } from '../tokenizer-error.ts'
import { type ModelFile, PieceType } from './model-file.ts'
import type { PieceList } from './piece-list.ts'

/**
 * The pieces of a model by id, and ids by piece. Pieces that match text (normal, user-defined, unused) and reserved
 * ones that do not (control, unknown, byte) are kept apart, since the same text may be both.
 */
export class Vocabulary {
  readonly pieces: PieceList
  readonly types: Uint8Array
  readonly scores: Float32Array
  readonly unkId: number
  readonly byteFallback: boolean
  /** The id of each byte's piece; -1 where the model has none. */
  readonly byteIds: Int32Array
  /** The byte of each byte piece; -1 for other pieces. */
  readonly bytes: Int16Array
  /** Built on first use: unigram encoding and decoding do not need it. */
  private inText: Map<string, number> | undefined
  private readonly reserved = new Map<string, number>()
  /** Pieces as text, made on first use. */
  private readonly surfaces: (string | undefined)[]

  /** The text of a piece: with spaces for space marks. */
  surfaceOf(id: number): string {
    return (this.surfaces[id] ??= this.pieces.text(id).replaceAll('\u2581', ' '))
  }

  /** @throws TokenizerError where pieces repeat, or the unknown piece or byte pieces are missing */
  constructor(file: ModelFile) {
    const { pieces } = file
    const { size } = pieces
    this.pieces = pieces
    this.surfaces = new Array(size)
    this.types = pieces.types
    this.scores = pieces.scores
    this.bytes = new Int16Array(size).fill(-1)
    this.byteIds = new Int32Array(256).fill(-1)
    this.byteFallback = file.trainer.byteFallback
    let unkId = -1
    for (let id = 0; id < size; id++) {
      const type = this.types[id]
      if (!isInText(type)) put(this.reserved, pieces.text(id), id)
      if (type === PieceType.unknown) {
        if (unkId >= 0)
          throw new TokenizerError(`model: pieces ${unkId} and ${id} are both of type unknown; one is needed`)
        unkId = id
      } else if (type === PieceType.byte) {
        this.addByte(id, pieces.text(id))
      }
    }
    if (unkId < 0) throw new TokenizerError('model: no piece has type unknown; one is needed')
    this.unkId = unkId
    if (this.byteFallback && this.byteIds.includes(-1)) {
      const missing = this.byteIds.indexOf(-1)
      throw new TokenizerError(
        `model: byte_fallback is on, but byte 0x${missing.toString(16)} has no piece; all 256 are needed`,
      )
    }
  }

  /** @throws TokenizerError where a piece repeats */
  private texts(): Map<string, number> {
    if (this.inText) return this.inText
    const inText = new Map<string, number>()
    for (let id = 0; id < this.size; id++) if (isInText(this.types[id])) put(inText, this.pieces.text(id), id)
    this.inText = inText
    return inText
  }

  /** @throws TokenizerError where a piece that matches text occurs twice */
  checkRepeats(): void {
    this.texts()
  }

  private addByte(id: number, piece: string): void {
    if (!this.byteFallback) {
      throw new TokenizerError(`model: piece ${id} (${JSON.stringify(piece)}) is a byte, but byte_fallback is off`)
    }
    const hex = /^<0x([0-9A-F]{2})>$/.exec(piece)
    if (!hex)
      throw new TokenizerError(`model: piece ${id} (${JSON.stringify(piece)}) is a byte; <0x00> to <0xFF> are known`)
    const byte = Number.parseInt(hex[1], 16)
    this.bytes[id] = byte
    this.byteIds[byte] = id
  }

  get size(): number {
    return this.pieces.size
  }

  /** The id of a piece (reserved ones first), or -1. */
  idOf(piece: string): number {
    return this.reserved.get(piece) ?? this.texts().get(piece) ?? -1
  }

  /** The id of `piece` where it is a control piece, or -1. */
  controlId(piece: string): number {
    const id = this.reserved.get(piece) ?? -1
    return id >= 0 && this.types[id] === PieceType.control ? id : -1
  }
}

function isInText(type: number): boolean {
  return type === PieceType.normal || type === PieceType.userDefined || type === PieceType.unused
}

function put(map: Map<string, number>, piece: string, id: number): void {
  const before = map.get(piece)
  if (before !== undefined) {
    throw new TokenizerError(`model: pieces ${before} and ${id} are both ${JSON.stringify(piece)}; each may occur once`)
  }
  map.set(piece, id)
}
