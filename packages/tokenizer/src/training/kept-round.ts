/** Checkpoints of unigram training: the pieces after a round, on disk. */
import { TokenizerError } from '../tokenizer-error.ts'
import { type PieceTable, pieceTable } from './piece-table.ts'
import { newName, type Workspace } from './workspace.ts'

/** Saves the pieces and removes those of the previous round. */
export function keepRound(workspace: Workspace, table: PieceTable, scale: number): void {
  const { state, spill } = workspace
  const old = state.round?.name
  const name = newName(workspace, 'round')
  const writer = spill.write(name)
  for (const array of arraysOf(table)) writer.append(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
  writer.close()
  state.round = { name, pieces: table.score.length, codes: table.codes.length, scale }
  workspace.save()
  if (old !== undefined) spill.remove(old)
}

/** Loads the pieces of the last saved round; undefined where there is none. */
export function keptRound({ state, spill }: Workspace): { table: PieceTable; scale: number } | undefined {
  if (!state.round) return undefined
  const { name, pieces, codes, scale } = state.round
  const table = pieceTable(pieces, new Int32Array(codes))
  const reader = spill.read(name)
  for (const array of arraysOf(table)) {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (let at = 0; at < bytes.length; ) {
      const count = reader.read(bytes.subarray(at))
      if (count === 0) throw new TokenizerError(`train: ${name} is truncated; start over`)
      at += count
    }
  }
  reader.close()
  return { table, scale }
}

function arraysOf({ codes, start, length, score }: PieceTable) {
  return [score, codes, start, length]
}
