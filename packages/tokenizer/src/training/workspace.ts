/** State of training under a memory limit: the budget, the files for what exceeds it, and the progress so far. */
import type { SavedBlocks } from './blocks.ts'
import type { Spill } from './spill.ts'

/** The state saved to disk, from which an interrupted training resumes. */
export type TrainingState = {
  /** Number of files created so far, which numbers the next one. */
  files: number
  /** Number of lines whose fragments are all in `runs`. */
  lines: number
  /** Number of fragments in those lines. */
  seen: number
  runs: string[]
  corpus?: {
    alphabet: number[]
    characterCounts: number[]
    fragments: SavedBlocks
    followed?: SavedBlocks
  }
  /** Unigram: the file with the pieces of the last completed round. */
  round?: { name: string; pieces: number; codes: number; scale: number }
  /** BPE: the file with the merges so far. */
  merges?: { name: string; count: number }
}

export type Workspace = {
  /** Bytes for arrays whose overflow can go to disk. */
  budget: number
  /** Bytes for what must be in memory as a whole: the trie of the candidates. */
  ceiling: number
  spill: Spill
  state: TrainingState
  /** Saves the state. */
  save(): void
}

export function newState(): TrainingState {
  return { files: 0, lines: 0, seen: 0, runs: [] }
}

/** Maximum number of codes of a block on disk. */
const BLOCK_CODES = 1 << 20

/** Records the corpus, and removes the runs that it was made of. */
export function saveCorpus({ state, spill, save }: Workspace, corpus: NonNullable<TrainingState['corpus']>): void {
  const { runs } = state
  state.corpus = corpus
  state.runs = []
  save()
  for (const run of runs) spill.remove(run)
  spill.collect()
}

/** How many codes a block on disk may hold under the budget. */
export function blockLimit({ budget }: Workspace): number {
  return Math.max(64, Math.min(BLOCK_CODES, Math.floor(budget / 64)))
}

/** An unused file name. */
export function newName(workspace: Workspace, kind: string): string {
  return `${kind}-${workspace.state.files++}`
}

/** The files that the state refers to; any others are leftovers of interrupted work. */
export function filesOf({ runs, corpus, round, merges }: TrainingState): string[] {
  const files = [...runs, corpus?.fragments.name, corpus?.followed?.name, round?.name, merges?.name]
  return files.filter((name) => name !== undefined)
}
