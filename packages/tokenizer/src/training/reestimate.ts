/** Re-estimates the scores of a trained unigram vocabulary. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { checkLines, checkOptions } from '../check-options.ts'
import { Field, type ModelFile, PieceType } from '../sentencepiece/model-file.ts'
import { readModelFile } from '../sentencepiece/model-reader.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import type { Blocks } from './blocks.ts'
import { type EstimatedPieces, estimatedPieces, UNKNOWN_PENALTY } from './estimated-pieces.ts'
import { EstimatedText } from './estimated-text.ts'
import { ExpectationStep } from './expectation.ts'
import type { TrainProgress } from './options.ts'
import type { Workspace } from './workspace.ts'

/** Lower bound of a piece's expected count. */
const LEAST_COUNT = 0.5

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
  const estimation = new Reestimation(model, options, undefined, Array.isArray(lines) ? lines.length : 0)
  for (const line of lines) estimation.add(line)
  return estimation.finish()
}

/** The estimation of `reestimateScores`, line by line; with a workspace, counts that exceed its budget go to disk. */
export class Reestimation {
  private readonly model: Uint8Array
  private readonly file: ModelFile
  private readonly pieces: EstimatedPieces
  private readonly text: EstimatedText
  private readonly options: ReestimateOptions
  private readonly iterations: number

  /**
   * @param total number of lines for progress; 0: unknown
   * @throws TokenizerError as `reestimateScores`
   */
  constructor(model: Uint8Array, options: ReestimateOptions, workspace?: Workspace, total = 0) {
    checkOptions('reestimateScores', options, ['iterations', 'countVocabulary', 'fixedScore', 'onProgress'])
    const { iterations = 4, onProgress = () => {} } = options
    if (!(Number.isInteger(iterations) && iterations >= 1 && iterations <= 1000)) {
      throw new TokenizerError(`reestimateScores: iterations is ${iterations}; an integer from 1 to 1000 is needed`, {
        option: 'iterations',
      })
    }
    const file = readModelFile(model)
    if (file.trainer.modelType !== 'unigram') {
      throw new TokenizerError(`reestimateScores: the model is ${file.trainer.modelType}; a unigram model is needed`)
    }
    this.model = model
    this.file = file
    this.options = options
    this.iterations = iterations
    this.pieces = estimatedPieces(file)
    if (this.pieces.ids.length === 0) {
      throw new TokenizerError('reestimateScores: the model has no pieces of type normal')
    }
    this.text = new EstimatedText(file, this.pieces, onProgress, workspace, total)
  }

  /** Whether a resumed workspace already has the counts of all lines. */
  get isComplete(): boolean {
    return this.text.isComplete
  }

  add(line: string): void {
    this.text.add(line)
  }

  /** @returns the model file with new scores */
  finish(): Uint8Array {
    const { countVocabulary = false, fixedScore, onProgress = () => {} } = this.options
    const { pieces } = this.file
    const vocabulary = countVocabulary ? this.pieces.ids.map((id) => pieces.text(id)) : []
    const blocks = this.text.finish(vocabulary.filter((piece) => [...piece].length > 1))
    if (blocks.codes === 0) throw new TokenizerError('reestimateScores: the lines have no text')
    const scores = estimate(blocks, this.pieces, this.iterations, onProgress)
    return withScores(this.model, (id) => {
      const piece = pieces.text(id)
      const fixed = fixedScore?.(piece)
      if (fixed !== undefined && !Number.isFinite(fixed)) {
        throw new TokenizerError(`reestimateScores: fixedScore gives ${fixed} for ${JSON.stringify(piece)}`)
      }
      return fixed ?? (pieces.types[id] === PieceType.normal ? scores.get(id)! : pieces.scores[id])
    })
  }
}

/**
 * The `fixedScore` of LLM-jp's tokenizer version 3: a run of n spaces has the score -7.5 n - 7.5.
 * @see https://github.com/llm-jp/llm-jp-tokenizer, scripts of version 3
 */
export function llmJpFixedScore(piece: string): number | undefined {
  return /^\u2581+$/.test(piece) ? -7.5 * piece.length - 7.5 : undefined
}

function estimate(
  blocks: Blocks,
  { table, trie, idOf }: EstimatedPieces,
  iterations: number,
  onProgress: (progress: TrainProgress) => void,
): Map<number, number> {
  const step = new ExpectationStep(blocks)
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
