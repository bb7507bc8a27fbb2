/** Re-estimates the scores of a trained unigram vocabulary. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { checkLines, checkOptions } from '../check-options.ts'
import { buildDoubleArray, type DoubleArray } from '../sentencepiece/double-array.ts'
import { Field, type ModelFile, PieceType } from '../sentencepiece/model-file.ts'
import { readModelFile } from '../sentencepiece/model-reader.ts'
import { longestPrefix } from '../sentencepiece/piece-trie.ts'
import { textOf } from '../sentencepiece/word-segmenter.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { codePointAt } from '../utf8.ts'
import { BlockWriter } from './blocks.ts'
import { ExpectationStep } from './expectation.ts'
import type { TrainProgress } from './options.ts'
import { type PieceTable, pieceTable } from './piece-table.ts'
import { withUserSymbols } from './user-symbols.ts'

/** Lower bound of a piece's expected count. */
const LEAST_COUNT = 0.5
/** Score of a character without a piece below the lowest piece score (nats), as in encoding. */
const UNKNOWN_PENALTY = 10

export type ReestimateOptions = {
  /** EM iterations. Default 4. */
  iterations?: number
  /**
   * Adds each piece of several characters once to the text, so that each occurs (LLM-jp's "vocabulary corpus"). Default
   * false.
   */
  countVocabulary?: boolean
  /**
   * Score (nats) that overrides that of a piece of any type; undefined: estimated (normal pieces) or unchanged
   * (others).
   */
  fixedScore?: (piece: string) => number | undefined
  onProgress?: (progress: TrainProgress) => void
}

/**
 * Re-estimates the scores of a unigram model's pieces from a text by expectation maximisation (maximum likelihood); the
 * pieces, their ids and everything else are unchanged. LLM-jp merges separately trained vocabularies in this way.
 * @param model a SentencePiece `.model` file of type unigram
 * @returns the file with new scores: log probabilities (nats) of the pieces of type normal
 * @throws TokenizerError where the model is broken or not unigram, an option is out of range, or the lines have no text
 * @example
 * const scored = loadTokenizer(reestimateScores(model, lines))
 * scored.vocabSize === loadTokenizer(model).vocabSize // true
 */
export function reestimateScores(
  model: Uint8Array,
  lines: Iterable<string>,
  options: ReestimateOptions = {},
): Uint8Array {
  checkLines('reestimateScores', lines)
  checkOptions('reestimateScores', options, ['iterations', 'countVocabulary', 'fixedScore', 'onProgress'])
  const { iterations = 4, countVocabulary = false, fixedScore, onProgress = () => {} } = options
  if (!(Number.isInteger(iterations) && iterations >= 1 && iterations <= 1000)) {
    throw new TokenizerError(`reestimateScores: iterations is ${iterations}; an integer from 1 to 1000 is needed`)
  }
  const file = readModelFile(model)
  if (file.trainer.modelType !== 'unigram') {
    throw new TokenizerError(`reestimateScores: the model is ${file.trainer.modelType}; a unigram model is needed`)
  }
  const pieces = estimatedPieces(file)
  if (pieces.ids.length === 0) throw new TokenizerError('reestimateScores: the model has no pieces of type normal')
  const fragments = readFragments(lines, file, pieces, onProgress)
  if (countVocabulary) {
    for (const id of pieces.ids) {
      const text = file.pieces[id].piece
      if ([...text].length > 1) fragments.set(text, (fragments.get(text) ?? 0) + 1)
    }
  }
  if (fragments.size === 0) throw new TokenizerError('reestimateScores: the lines have no text')
  const scores = estimate(fragments, pieces, iterations, onProgress)
  return withScores(model, (id) => {
    const { piece, score, type } = file.pieces[id]
    const fixed = fixedScore?.(piece)
    if (fixed !== undefined && !Number.isFinite(fixed)) {
      throw new TokenizerError(`reestimateScores: fixedScore gives ${fixed} for ${JSON.stringify(piece)}`)
    }
    return fixed ?? (type === PieceType.normal ? scores.get(id)! : score)
  })
}

/**
 * The `fixedScore` of LLM-jp's tokenizer version 3: a run of n spaces has the score -7.5 n - 7.5.
 * @see https://github.com/llm-jp/llm-jp-tokenizer, scripts of version 3
 */
export function llmJpFixedScore(piece: string): number | undefined {
  return /^\u2581+$/.test(piece) ? -7.5 * piece.length - 7.5 : undefined
}

/** The pieces whose scores are estimated, as codes of their characters. */
type EstimatedPieces = {
  ids: number[]
  /** The character of code k + 1. */
  characters: string[]
  codeOf: Map<number, number>
  /** Pairs of adjacent codes within any piece, as `left * 0x200000 + right`: between other codes text may be cut. */
  inside: Set<number>
  /** First the characters, then the pieces of several characters. */
  table: PieceTable
  trie: DoubleArray
  /** Id of each piece of the table; -1: a character without a piece. */
  idOf: Int32Array
}

function estimatedPieces(file: ModelFile): EstimatedPieces {
  const ids: number[] = []
  const codeOf = new Map<number, number>()
  const characters: string[] = []
  file.pieces.forEach(({ piece, type }, id) => {
    if (type !== PieceType.normal) return
    ids.push(id)
    for (const character of piece) {
      const codePoint = character.codePointAt(0)!
      if (codeOf.has(codePoint)) continue
      characters.push(character)
      codeOf.set(codePoint, characters.length)
    }
  })
  const texts = characters.map((_, k) => [k + 1])
  const idOf = characters.map(() => -1)
  const inside = new Set<number>()
  for (const id of ids) {
    const codes = Array.from(file.pieces[id].piece, (character) => codeOf.get(character.codePointAt(0)!)!)
    if (codes.length === 1) {
      idOf[codes[0] - 1] = id
      continue
    }
    texts.push(codes)
    idOf.push(id)
    for (let i = 1; i < codes.length; i++) inside.add(codes[i - 1] * 0x200000 + codes[i])
  }
  const starts = new Int32Array(texts.length + 1)
  texts.forEach((codes, k) => {
    starts[k + 1] = starts[k] + codes.length
  })
  const codes = Int32Array.from(texts.flat())
  const table = pieceTable(texts.length, codes)
  let worst = 0
  for (const id of ids) worst = Math.min(worst, file.pieces[id].score)
  texts.forEach((codes, k) => {
    table.start[k] = starts[k]
    table.length[k] = codes.length
    table.score[k] = idOf[k] < 0 ? worst - UNKNOWN_PENALTY : file.pieces[idOf[k]].score
  })
  const trie = buildDoubleArray(codes, starts, characters.length)
  return { ids, characters, codeOf, inside, table, trie, idOf: Int32Array.from(idOf) }
}

/** Counts of the distinct fragments of the text between which no piece crosses; characters of no piece are dropped. */
function readFragments(
  lines: Iterable<string>,
  file: ModelFile,
  { codeOf, inside }: EstimatedPieces,
  onProgress: (progress: TrainProgress) => void,
): Map<string, number> {
  const symbols = file.pieces.filter(({ type }) => type === PieceType.userDefined).map(({ piece }) => piece)
  const { trie, normalizer } = withUserSymbols(symbols, file.normalizer, file.trainer.treatWhitespaceAsSuffix)
  const fragments = new Map<string, number>()
  const total = Array.isArray(lines) ? lines.length : 0
  let done = 0
  for (const line of lines) {
    if (typeof line !== 'string') {
      throw new TokenizerError(`reestimateScores: line ${done} is ${typeof line}; lines are strings`)
    }
    const { units, length } = normalizer.normalize(line, false)
    let start = 0
    let before = 0
    const cut = (at: number) => {
      if (at > start) {
        const text = textOf(units, start, at)
        fragments.set(text, (fragments.get(text) ?? 0) + 1)
      }
      start = at
    }
    for (let at = 0; at < length; ) {
      const symbol = trie ? longestPrefix(trie, (index) => units[index], at, length) : 0
      const codePoint = codePointAt(units, at, length)
      const code = symbol > 0 ? undefined : codeOf.get(codePoint)
      const next = at + (symbol || (codePoint > 0xffff ? 2 : 1))
      if (code === undefined) {
        cut(at)
        start = next
      } else if (before > 0 && !inside.has(before * 0x200000 + code)) cut(at)
      before = code ?? 0
      at = next
    }
    cut(length)
    if (++done % 10_000 === 0) onProgress({ phase: 'read', done, total: Math.max(done, total) })
  }
  onProgress({ phase: 'read', done, total: done })
  return fragments
}

function estimate(
  fragments: Map<string, number>,
  { table, trie, characters, codeOf, idOf }: EstimatedPieces,
  iterations: number,
  onProgress: (progress: TrainProgress) => void,
): Map<number, number> {
  const writer = new BlockWriter(characters.length)
  for (const [text, count] of fragments) {
    for (const character of text) writer.push(codeOf.get(character.codePointAt(0)!)!)
    writer.end(count)
  }
  const step = new ExpectationStep(writer.finish())
  for (let round = 0; round < iterations; round++) {
    onProgress({ phase: 'rescore', done: round, total: iterations })
    const expected = step.run(table, trie).counts
    let sum = 0
    for (let k = 0; k < expected.length; k++) if (idOf[k] >= 0) sum += Math.max(expected[k], LEAST_COUNT)
    let worst = 0
    for (let k = 0; k < expected.length; k++) {
      if (idOf[k] < 0) continue
      table.score[k] = Math.log(Math.max(expected[k], LEAST_COUNT) / sum)
      worst = Math.min(worst, table.score[k])
    }
    for (let k = 0; k < expected.length; k++) if (idOf[k] < 0) table.score[k] = worst - UNKNOWN_PENALTY
  }
  onProgress({ phase: 'rescore', done: iterations, total: iterations })
  const scores = new Map<number, number>()
  idOf.forEach((id, k) => {
    if (id >= 0) scores.set(id, table.score[k])
  })
  return scores
}

/** The file with new scores; all other fields are copied byte for byte. */
function withScores(model: Uint8Array, scoreOf: (id: number) => number): Uint8Array {
  const reader = new BinaryReader(model)
  const writer = new BinaryWriter()
  let id = 0
  while (reader.pos < reader.len) {
    const from = reader.pos
    const [field, wire] = reader.tag()
    if (field !== Field.model.pieces) {
      reader.skip(wire, field)
      writer.raw(model.subarray(from, reader.pos))
      continue
    }
    const bytes = reader.bytes()
    const piece = new BinaryReader(bytes)
    writer.tag(field, WireType.LengthDelimited).fork()
    let written = false
    const put = () => {
      writer.tag(Field.piece.score, WireType.Bit32).float(Math.fround(scoreOf(id)))
      written = true
    }
    while (piece.pos < piece.len) {
      const start = piece.pos
      const [inner, innerWire] = piece.tag()
      piece.skip(innerWire, inner)
      // A missing score is written before the first field with a higher number.
      if (inner > Field.piece.score && !written) put()
      if (inner === Field.piece.score) put()
      else writer.raw(bytes.subarray(start, piece.pos))
    }
    if (!written) put()
    writer.join()
    id++
  }
  return writer.finish()
}
