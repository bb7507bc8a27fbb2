/** Writes a trained model as a SentencePiece file. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { Field, MODEL_TYPES, type NormalizerSpec, PieceType } from '../sentencepiece/model-file.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { normalizerSpecOf } from './corpus.ts'
import type { ResolvedOptions } from './options.ts'

export type ScoredPiece = { piece: string; score: number }

/**
 * @throws TokenizerError where the alphabet, the fixed pieces and the reserved pieces together exceed the vocabulary
 */
export function requireRoom(characters: number, reserved: number, options: ResolvedOptions): void {
  if (characters + reserved <= options.vocabSize) return
  throw new TokenizerError(
    `train: vocabSize is ${options.vocabSize}, but ${characters} characters${options.fixedPieces.length > 0 ? ' and fixed pieces' : ''} and ${reserved} reserved pieces need ` +
      `${characters + reserved}; raise vocabSize or lower characterCoverage`,
    { option: 'vocabSize' },
  )
}

/**
 * @throws TokenizerError where there are fewer pieces than `vocabSize` with `hardVocabLimit`, or an id is out of range
 */
export function requireSize(learnt: number, meta: ReadonlyMap<number, unknown>, options: ResolvedOptions): void {
  const size = learnt + meta.size
  if (size < options.vocabSize && options.hardVocabLimit) {
    throw new TokenizerError(
      `train: vocabSize is ${options.vocabSize}, but the text gives only ${size} pieces; ` +
        `give more text, a vocabSize of at most ${size}, or hardVocabLimit: false`,
      { option: 'vocabSize' },
    )
  }
  let highest = 0
  for (const id of meta.keys()) highest = Math.max(highest, id)
  if (highest >= size) throw new TokenizerError(`train: id ${highest} is past the ${size} pieces that the text gives`)
}

/** Writes a SentencePiece model file: the learnt pieces take the ids that the reserved ones leave free, in order. */
export function writeTrainedModel(
  learnt: readonly ScoredPiece[],
  meta: ReadonlyMap<number, { piece: string; type: number }>,
  options: ResolvedOptions,
): Uint8Array {
  const writer = new BinaryWriter()
  const size = learnt.length + meta.size
  let next = 0
  for (let id = 0; id < size; id++) {
    const reserved = meta.get(id)
    writer.tag(Field.model.pieces, WireType.LengthDelimited).fork()
    const { piece, score } = reserved ? { piece: reserved.piece, score: 0 } : learnt[next++]
    writer.tag(Field.piece.piece, WireType.LengthDelimited).string(piece)
    writer.tag(Field.piece.score, WireType.Bit32).float(Math.fround(score))
    if (reserved && reserved.type !== PieceType.normal)
      writer.tag(Field.piece.type, WireType.Varint).int32(reserved.type)
    writer.join()
  }
  writer.tag(Field.model.trainerSpec, WireType.LengthDelimited).fork()
  writeTrainerSpec(writer, options, size)
  writer.join()
  writer.tag(Field.model.normalizerSpec, WireType.LengthDelimited).fork()
  writeNormalizerSpec(writer, normalizerSpecOf(options))
  writer.join()
  return writer.finish()
}

function writeTrainerSpec(writer: BinaryWriter, options: ResolvedOptions, vocabSize: number): void {
  const f = Field.trainer
  const int = (field: number, value: number) => writer.tag(field, WireType.Varint).int32(value)
  const float = (field: number, value: number) => writer.tag(field, WireType.Bit32).float(Math.fround(value))
  const bool = (field: number, value: boolean) => writer.tag(field, WireType.Varint).bool(value)
  const text = (field: number, value: string) => writer.tag(field, WireType.LengthDelimited).string(value)
  int(f.modelType, MODEL_TYPES.indexOf(options.modelType) + 1)
  int(f.vocabSize, vocabSize)
  float(f.characterCoverage, options.characterCoverage)
  int(f.seedSentencepieceSize, options.seedSize)
  float(f.shrinkingFactor, options.shrinkFactor)
  int(f.numThreads, 1)
  int(f.numSubIterations, options.subIterations)
  int(f.maxSentencepieceLength, options.maxPieceLength)
  bool(f.splitByUnicodeScript, options.splitByUnicodeScript)
  bool(f.splitByWhitespace, options.splitByWhitespace)
  bool(f.splitByNumber, options.splitByNumber)
  bool(f.treatWhitespaceAsSuffix, options.treatWhitespaceAsSuffix)
  bool(f.splitDigits, options.splitDigits)
  bool(f.allowWhitespaceOnlyPieces, options.allowWhitespaceOnlyPieces)
  for (const symbol of options.controlSymbols) text(f.controlSymbols, symbol)
  for (const symbol of options.userDefinedSymbols) text(f.userDefinedSymbols, symbol)
  bool(f.hardVocabLimit, options.hardVocabLimit)
  bool(f.byteFallback, options.byteFallback)
  int(f.unkId, options.unkId)
  int(f.bosId, options.bosId)
  int(f.eosId, options.eosId)
  int(f.padId, options.padId)
  text(f.unkSurface, ' \u2047 ')
  text(f.unkPiece, options.unkPiece)
  text(f.bosPiece, options.bosPiece)
  text(f.eosPiece, options.eosPiece)
  text(f.padPiece, options.padPiece)
}

function writeNormalizerSpec(writer: BinaryWriter, spec: NormalizerSpec): void {
  const f = Field.normalizer
  writer.tag(f.name, WireType.LengthDelimited).string(spec.name)
  writer.tag(f.precompiledCharsmap, WireType.LengthDelimited).bytes(spec.precompiledCharsmap)
  writer.tag(f.addDummyPrefix, WireType.Varint).bool(spec.addDummyPrefix)
  writer.tag(f.removeExtraWhitespaces, WireType.Varint).bool(spec.removeExtraWhitespaces)
  writer.tag(f.escapeWhitespaces, WireType.Varint).bool(spec.escapeWhitespaces)
}
