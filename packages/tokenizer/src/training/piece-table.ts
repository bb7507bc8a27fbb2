/** The pieces of a unigram model during training. */
import { buildDoubleArray, type DoubleArray } from '../sentencepiece/double-array.ts'

/**
 * Pieces during training: piece k is the text `codes[start[k] .. start[k] + length[k])`.
 * The characters of the alphabet come first (the character of code c is piece c - 1), then the fixed pieces; these are
 * never removed, so every text can be segmented.
 */
export type PieceTable = {
  codes: Int32Array
  start: Int32Array
  length: Int32Array
  /** Log probability (nats). */
  score: Float64Array
}

export function pieceTable(size: number, codes: Int32Array): PieceTable {
  return { codes, start: new Int32Array(size), length: new Int32Array(size), score: new Float64Array(size) }
}

/** A table of the pieces `ids`, in that order. */
export function selectPieces(table: PieceTable, ids: ArrayLike<number>): PieceTable {
  const result = pieceTable(ids.length, table.codes)
  for (let k = 0; k < ids.length; k++) {
    result.start[k] = table.start[ids[k]]
    result.length[k] = table.length[ids[k]]
    result.score[k] = table.score[ids[k]]
  }
  return result
}

/** A trie over the codes; its values are the indices of the pieces. */
export function trieOf(table: PieceTable, alphabetSize: number): DoubleArray {
  const starts = new Int32Array(table.start.length + 1)
  for (let k = 0; k < table.start.length; k++) starts[k + 1] = starts[k] + table.length[k]
  const codes = new Int32Array(starts[table.start.length])
  for (let k = 0; k < table.start.length; k++) {
    codes.set(table.codes.subarray(table.start[k], table.start[k] + table.length[k]), starts[k])
  }
  return buildDoubleArray(codes, starts, alphabetSize)
}

export function pieceText(table: PieceTable, alphabet: readonly number[], id: number): string {
  let text = ''
  for (let i = 0; i < table.length[id]; i++) {
    text += String.fromCodePoint(alphabet[table.codes[table.start[id] + i] - 1])
  }
  return text
}
