/** Reads SentencePiece model files (protobuf), which may be malformed or hostile. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { TokenizerError } from '../tokenizer-error.ts'
import { decodeCharacter } from '../utf8.ts'
import {
  defaultNormalizerSpec,
  defaultTrainerSpec,
  Field,
  MODEL_TYPES,
  type ModelFile,
  type NormalizerSpec,
  PieceType,
  type TrainerSpec,
} from './model-file.ts'
import { PieceList } from './piece-list.ts'

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a SentencePiece model file. Unknown fields are skipped; absent ones have the proto2 defaults.
 * No memory is allocated by a size that the file claims: fields are views into `bytes`.
 * @throws TokenizerError where the bytes are not a model file (truncated, a wrong wire type, a length past the end,
 *   a piece that is empty or not UTF-8, a score that is not finite)
 */
export function readModelFile(bytes: Uint8Array): ModelFile {
  if (!(bytes instanceof Uint8Array)) throw new TokenizerError(`model: a Uint8Array is needed, got ${typeof bytes}`)
  if (bytes.length === 0) throw new TokenizerError('model: the file is empty; a SentencePiece .model file is needed')
  const file: Omit<ModelFile, 'pieces'> = {
    trainer: defaultTrainerSpec(),
    normalizer: defaultNormalizerSpec(),
    denormalizer: undefined,
  }
  const whole = new BinaryReader(bytes)
  const pieces = new PieceReader(bytes, whole)
  readFields('model', whole, whole.len, (field, wire, reader) => {
    switch (field) {
      case Field.model.pieces: {
        // Pieces are most of a file, so they are read in place, without a view and a reader for each.
        expectWire(wire, WireType.LengthDelimited, 'pieces')
        pieces.read()
        return true
      }
      case Field.model.trainerSpec:
        readTrainerSpec(file.trainer, view(reader, wire, 'trainer_spec'))
        return true
      case Field.model.normalizerSpec:
        readNormalizerSpec('normalizer_spec', file.normalizer, view(reader, wire, 'normalizer_spec'))
        return true
      case Field.model.denormalizerSpec:
        file.denormalizer ??= defaultNormalizerSpec()
        readNormalizerSpec('denormalizer_spec', file.denormalizer, view(reader, wire, 'denormalizer_spec'))
        return true
      default:
        return false
    }
  })
  return { ...file, pieces: pieces.finish() }
}

/** Reads the fields of an embedded message. */
function readMessage(name: string, bytes: Uint8Array, onField: OnField): void {
  const reader = new BinaryReader(bytes)
  readFields(name, reader, reader.len, onField)
}

/** Reads a field; returns false where the field is unknown. */
type OnField = (field: number, wire: WireType, reader: BinaryReader) => boolean

/** Calls `onField` for each field up to `end`; unknown fields are skipped. */
function readFields(name: string, reader: BinaryReader, end: number, onField: OnField): void {
  try {
    while (reader.pos < end) {
      const [field, wire] = reader.tag()
      if (!onField(field, wire, reader)) reader.skip(wire, field)
    }
    if (reader.pos > end) throw new RangeError('a field goes past the end of its message')
  } catch (error) {
    if (error instanceof TokenizerError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new TokenizerError(
      `model: ${name} is broken at byte ${Math.min(reader.pos, reader.len)} of ${reader.len}: ${reason}; ` +
        'is the file a whole SentencePiece .model?',
      { cause: error },
    )
  }
}

function expectWire(wire: WireType, wanted: WireType, name: string): void {
  if (wire !== wanted) {
    throw new TokenizerError(`model: field ${name} has wire type ${wire}, ${wanted} is needed; the file is broken`)
  }
}

function view(reader: BinaryReader, wire: WireType, name: string): Uint8Array {
  expectWire(wire, WireType.LengthDelimited, name)
  return reader.bytes()
}

function text(reader: BinaryReader, wire: WireType, name: string): string {
  const bytes = view(reader, wire, name)
  try {
    return strictUtf8.decode(bytes)
  } catch {
    throw new TokenizerError(`model: ${name} is not UTF-8`)
  }
}

function flag(reader: BinaryReader, wire: WireType, name: string): boolean {
  expectWire(wire, WireType.Varint, name)
  return reader.bool()
}

/** Reads the pieces of a file into arrays, which are as long as its bytes allow. */
class PieceReader {
  private readonly file: Uint8Array
  private readonly reader: BinaryReader
  /** The UTF-8 of all texts, and how many bytes and UTF-16 units they have so far. */
  private readonly utf8: Uint8Array
  private bytes = 0
  private units = 0
  private size = 0
  private readonly starts: Int32Array
  private readonly scores: Float32Array
  private readonly types: Uint8Array
  /** The piece that is read: where in the file its text is, its score and its type. */
  private from = 0
  private to = 0
  private score = 0
  private type = 0

  constructor(file: Uint8Array, reader: BinaryReader) {
    this.file = file
    this.reader = reader
    this.utf8 = new Uint8Array(file.length)
    // The shortest piece takes 5 bytes: a tag, its length, and the tag, the length and the byte of its text.
    const most = Math.floor(file.length / 5) + 1
    this.starts = new Int32Array(most + 1)
    this.scores = new Float32Array(most)
    this.types = new Uint8Array(most)
  }

  /** Reads the piece at the reader's position. */
  read(): void {
    const id = this.size
    this.from = this.to = this.score = 0
    this.type = PieceType.normal
    readFields('a piece', this.reader, endOf(this.reader, `piece ${id}`), this.readField)
    if (this.from === this.to) throw new TokenizerError(`model: piece ${id} is empty; every piece needs text`)
    if (!Number.isFinite(this.score))
      throw new TokenizerError(`model: piece ${id} has score ${this.score}; a finite one is needed`)
    if (this.type < PieceType.normal || this.type > PieceType.byte)
      throw new TokenizerError(`model: piece ${id} has type ${this.type}; 1 to 6 are known`)
    const { file, utf8 } = this
    // Texts are decoded together, so none may begin inside a character.
    if ((file[this.from] & 0xc0) === 0x80) throw notUtf8(id)
    for (let i = this.from; i < this.to; i++) {
      const byte = file[i]
      utf8[this.bytes++] = byte
      this.units += unitsOf(byte)
    }
    this.scores[id] = this.score
    this.types[id] = this.type
    this.starts[++this.size] = this.units
  }

  private readonly readField: OnField = (field, wire, reader) => {
    switch (field) {
      case Field.piece.piece:
        expectWire(wire, WireType.LengthDelimited, 'the text of a piece')
        this.to = endOf(reader, 'the text of a piece')
        this.from = reader.pos
        reader.pos = this.to
        return true
      case Field.piece.score:
        expectWire(wire, WireType.Bit32, 'score')
        this.score = reader.float()
        return true
      case Field.piece.type:
        expectWire(wire, WireType.Varint, 'type')
        this.type = reader.int32()
        return true
      default:
        return false
    }
  }

  finish(): PieceList {
    const { size } = this
    if (size === 0) throw new TokenizerError('model: the file has no pieces; a SentencePiece .model file is needed')
    const starts = this.starts.slice(0, size + 1)
    return new PieceList({ joined: this.decode(starts), starts }, this.scores.slice(0, size), this.types.slice(0, size))
  }

  private decode(starts: Int32Array): string {
    const utf8 = this.utf8.subarray(0, this.bytes)
    try {
      return strictUtf8.decode(utf8)
    } catch {
      let units = 0
      let at = 0
      for (let decoded = 0; (decoded = decodeCharacter(utf8, at, utf8.length)) >= 0; at += decoded & 7)
        units += unitsOf(utf8[at])
      throw notUtf8(starts.findLastIndex((start) => start <= units))
    }
  }
}

/** UTF-16 units of the character whose UTF-8 begins with the byte; 0 for a byte that continues one. */
function unitsOf(byte: number): number {
  return (byte & 0xc0) === 0x80 ? 0 : byte < 0xf0 ? 1 : 2
}

function notUtf8(id: number): TokenizerError {
  return new TokenizerError(`model: the text of piece ${id} is not UTF-8`)
}

/** Reads a length. @returns the end of what is that long @throws RangeError where the bytes end before */
function endOf(reader: BinaryReader, name: string): number {
  const length = reader.uint32()
  if (reader.pos + length > reader.len) throw new RangeError(`${name} claims ${length} bytes`)
  return reader.pos + length
}

function readTrainerSpec(spec: TrainerSpec, bytes: Uint8Array): void {
  const f = Field.trainer
  readMessage('trainer_spec', bytes, (field, wire, reader) => {
    switch (field) {
      case f.modelType: {
        expectWire(wire, WireType.Varint, 'model_type')
        const value = reader.int32()
        if (value < 1 || value > MODEL_TYPES.length) {
          throw new TokenizerError(
            `model: model_type is ${value}; 1 (unigram), 2 (bpe), 3 (word) and 4 (char) are known`,
          )
        }
        spec.modelType = MODEL_TYPES[value - 1]
        return true
      }
      case f.byteFallback:
        spec.byteFallback = flag(reader, wire, 'byte_fallback')
        return true
      case f.treatWhitespaceAsSuffix:
        spec.treatWhitespaceAsSuffix = flag(reader, wire, 'treat_whitespace_as_suffix')
        return true
      case f.unkSurface:
        spec.unkSurface = text(reader, wire, 'unk_surface')
        return true
      case f.unkPiece:
        spec.unkPiece = text(reader, wire, 'unk_piece')
        return true
      case f.bosPiece:
        spec.bosPiece = text(reader, wire, 'bos_piece')
        return true
      case f.eosPiece:
        spec.eosPiece = text(reader, wire, 'eos_piece')
        return true
      case f.padPiece:
        spec.padPiece = text(reader, wire, 'pad_piece')
        return true
      default:
        return false
    }
  })
}

function readNormalizerSpec(name: string, spec: NormalizerSpec, bytes: Uint8Array): void {
  const f = Field.normalizer
  readMessage(name, bytes, (field, wire, reader) => {
    switch (field) {
      case f.name:
        spec.name = text(reader, wire, `${name}.name`)
        return true
      case f.precompiledCharsmap:
        spec.precompiledCharsmap = view(reader, wire, `${name}.precompiled_charsmap`)
        return true
      case f.addDummyPrefix:
        spec.addDummyPrefix = flag(reader, wire, `${name}.add_dummy_prefix`)
        return true
      case f.removeExtraWhitespaces:
        spec.removeExtraWhitespaces = flag(reader, wire, `${name}.remove_extra_whitespaces`)
        return true
      case f.escapeWhitespaces:
        spec.escapeWhitespaces = flag(reader, wire, `${name}.escape_whitespaces`)
        return true
      default:
        return false
    }
  })
}
