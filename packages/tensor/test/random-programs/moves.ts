/** The table of all moves. */
import { derivedAxisMoves } from './derived-axis-moves.ts'
import { derivedElementwiseMoves } from './derived-elementwise-moves.ts'
import { derivedLayerMoves } from './derived-layer-moves.ts'
import { elementwiseMoves } from './elementwise-moves.ts'
import { graphMoves } from './graph-moves.ts'
import { layerMoves } from './layer-moves.ts'
import type { Move } from './move-kinds.ts'
import { rowMoves } from './row-moves.ts'
import { shapeMoves } from './shape-moves.ts'

/**
 * Every move by its name. Programs are drawn from the list by its order: a change of it changes every seed's program.
 */
export const moveTable: ReadonlyMap<string, Move> = new Map([
  ...elementwiseMoves,
  ...shapeMoves,
  ...rowMoves,
  ...layerMoves,
  ...graphMoves,
  ...derivedElementwiseMoves,
  ...derivedAxisMoves,
  ...derivedLayerMoves,
])
