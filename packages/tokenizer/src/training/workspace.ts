/** Training under a ceiling: how much may be held, where the rest goes, and what is done so far. */
import type { SavedBlocks } from './blocks.ts'
import type { Spill } from './spill.ts'

/** What is kept on disk, so that training goes on where it was ended. */
export type TrainingState = {
  /** Files that have been made so far: the number in the next one's name. */
  files: number
  /** Lines whose fragments are all in `runs`. */
  lines: number
  /** Fragments seen in those lines. */
  seen: number
  runs: string[]
  corpus?: {
    alphabet: number[]
    characterCounts: number[]
    fragments: SavedBlocks
    followed?: SavedBlocks
  }
  /** Unigram: the file of the pieces after the last round that was finished. */
  round?: { name: string; pieces: number; codes: number; scale: number }
  /** BPE: the file of the merges so far. */
  merges?: { name: string; count: number }
}

export type Workspace = {
  /** Bytes that arrays may take at a time where what does not fit goes to disk. */
  budget: number
  /** Bytes for what must be held whole: the trie of the candidates. */
  ceiling: number
  spill: Spill
  state: TrainingState
  /** Keeps the state. */
  save(): void
}

export function newState(): TrainingState {
  return { files: 0, lines: 0, seen: 0, runs: [] }
}

/** A name that no file has yet. */
export function newName(workspace: Workspace, kind: string): string {
  return `${kind}-${workspace.state.files++}`
}

/** The files that the state speaks of. Any others are left from work that was not finished. */
export function filesOf({ runs, corpus, round, merges }: TrainingState): string[] {
  const files = [...runs, corpus?.fragments.name, corpus?.followed?.name, round?.name, merges?.name]
  return files.filter((name) => name !== undefined)
}
