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
  type Piece,
  PieceType,
  type TrainerSpec,
} from './model-file.ts'

/**
 * Reads a SentencePiece model file. Unknown fields are skipped; absent ones have the proto2 defaults.
 * No memory is allocated by a size that the file claims: fields are views into `bytes`.
 * @throws TokenizerError where the bytes are not a model file (truncated, a wrong wire type, a length past the end,
 *   a piece that is empty or not UTF-8, a score that is not finite)
 */
export function readModelFile(bytes: Uint8Array): ModelFile {
  if (!(bytes instanceof Uint8Array)) throw new TokenizerError(`model: a Uint8Array is needed, got ${typeof bytes}`)
  if (bytes.length === 0) throw new TokenizerError('model: the file is empty; a SentencePiece .model file is needed')
  const file: ModelFile = {
    pieces: [],
    trainer: defaultTrainerSpec(),
    normalizer: defaultNormalizerSpec(),
    denormalizer: undefined,
  }
  const whole = new BinaryReader(bytes)
  readFields('model', whole, whole.len, (field, wire, reader) => {
    switch (field) {
      case Field.model.pieces: {
        // Pieces are most of a file, so they are read in place, without a view and a reader for each.
        expectWire(wire, WireType.LengthDelimited, 'pieces')
        const length = reader.uint32()
        const end = reader.pos + length
        if (end > reader.len) throw new RangeError(`piece ${file.pieces.length} claims ${length} bytes`)
        file.pieces.push(readPiece(file.pieces.length, reader, end))
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
  if (file.pieces.length === 0) {
    throw new TokenizerError('model: the file has no pieces; a SentencePiece .model file is needed')
  }
  return file
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
  return strictText(view(reader, wire, name), name)
}

function flag(reader: BinaryReader, wire: WireType, name: string): boolean {
  expectWire(wire, WireType.Varint, name)
  return reader.bool()
}

/** Decodes UTF-8 and rejects malformed bytes. A call of TextDecoder costs more than decoding a short piece. */
function strictText(bytes: Uint8Array, name: string): string {
  let result = ''
  for (let i = 0; i < bytes.length; ) {
    const decoded = decodeCharacter(bytes, i, bytes.length)
    if (decoded < 0) throw new TokenizerError(`model: ${name} is not UTF-8 at its byte ${i}`)
    const codePoint = decoded >> 3
    result += codePoint < 0x10000 ? String.fromCharCode(codePoint) : String.fromCodePoint(codePoint)
    i += decoded & 7
  }
  return result
}

function readPiece(id: number, reader: BinaryReader, end: number): Piece {
  const piece: Piece = { piece: '', score: 0, type: PieceType.normal }
  readFields('a piece', reader, end, (field, wire) => {
    switch (field) {
      case Field.piece.piece:
        piece.piece = text(reader, wire, 'the text of a piece')
        return true
      case Field.piece.score:
        expectWire(wire, WireType.Bit32, 'score')
        piece.score = reader.float()
        return true
      case Field.piece.type:
        expectWire(wire, WireType.Varint, 'type')
        piece.type = reader.int32()
        return true
      default:
        return false
    }
  })
  if (piece.piece === '') throw new TokenizerError(`model: piece ${id} is empty; every piece needs text`)
  if (!Number.isFinite(piece.score)) {
    throw new TokenizerError(
      `model: piece ${id} (${JSON.stringify(piece.piece)}) has score ${piece.score}; a finite one is needed`,
    )
  }
  if (piece.type < PieceType.normal || piece.type > PieceType.byte) {
    throw new TokenizerError(
      `model: piece ${id} (${JSON.stringify(piece.piece)}) has type ${piece.type}; 1 to 6 are known`,
    )
  }
  return piece
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
