/** The pieces whose scores are estimated, and the text as codes of their characters. */
import { buildDoubleArray, type DoubleArray } from '../sentencepiece/double-array.ts'
import { type ModelFile, PieceType } from '../sentencepiece/model-file.ts'
import { type PieceTable, pieceTable } from './piece-table.ts'

/** Score of a character without a piece below the lowest piece score (nats), as in encoding. */
export const UNKNOWN_PENALTY = 10

/** The pieces whose scores are estimated, as codes of their characters. */
export type EstimatedPieces = {
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

export function estimatedPieces(file: ModelFile): EstimatedPieces {
  const ids: number[] = []
  const codeOf = new Map<number, number>()
  const characters: string[] = []
  const { pieces } = file
  for (let id = 0; id < pieces.size; id++) {
    if (pieces.types[id] !== PieceType.normal) continue
    ids.push(id)
    for (const character of pieces.text(id)) {
      const codePoint = character.codePointAt(0)!
      if (codeOf.has(codePoint)) continue
      characters.push(character)
      codeOf.set(codePoint, characters.length)
    }
  }
  const texts = characters.map((_, k) => [k + 1])
  const idOf = characters.map(() => -1)
  const inside = new Set<number>()
  for (const id of ids) {
    const codes = Array.from(pieces.text(id), (character) => codeOf.get(character.codePointAt(0)!)!)
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
  for (const id of ids) worst = Math.min(worst, pieces.scores[id])
  texts.forEach((codes, k) => {
    table.start[k] = starts[k]
    table.length[k] = codes.length
    table.score[k] = idOf[k] < 0 ? worst - UNKNOWN_PENALTY : pieces.scores[idOf[k]]
  })
  const trie = buildDoubleArray(codes, starts, characters.length)
  return { ids, characters, codeOf, inside, table, trie, idOf: Int32Array.from(idOf) }
}
