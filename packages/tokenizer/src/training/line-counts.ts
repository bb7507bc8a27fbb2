/** Counts of the fragments of lines, in memory or, under a limit, partly on disk. */
import { TokenizerError } from '../tokenizer-error.ts'
import { type CountedText, FragmentCounts } from './fragment-counts.ts'
import { type FragmentGroup, GroupOrder, grouped } from './fragment-groups.ts'
import { mergeRuns, writeRun } from './fragment-runs.ts'
import type { TrainProgress } from './options.ts'
import { newName, type Workspace } from './workspace.ts'

export interface LineCountsOptions {
  /** The function that messages name. */
  readonly caller: string
  /** Number of lines for progress; 0: unknown. */
  readonly total: number
  readonly onProgress: (progress: TrainProgress) => void
  readonly workspace: Workspace | undefined
}

/**
 * Counts fragments line by line. With a workspace, counts that exceed its budget go to disk, and a resumed run passes
 * over the lines whose counts are there.
 */
export class LineCounts {
  /** Lines begun so far. */
  private lines = 0
  private readonly options: LineCountsOptions
  private readonly workspace: Workspace | undefined
  private counts: FragmentCounts | undefined
  private seen: number
  /** Runs written in the middle of a line, so not yet recorded in the workspace's state. */
  private unfinished: string[] = []

  constructor(options: LineCountsOptions) {
    const { workspace } = options
    this.options = options
    this.workspace = workspace
    this.seen = workspace?.state.seen ?? 0
    this.counts = new FragmentCounts(workspace && workspace.budget / 2)
  }

  /**
   * Counts a line, unless a resumed workspace has it.
   * @param count calls `reserve`, then `add` for every fragment
   * @throws TokenizerError if the line is not a string
   */
  line(line: string, count: (line: string) => void): void {
    const { caller, total } = this.options
    if (typeof line !== 'string') {
      throw new TokenizerError(`${caller}: line ${this.lines} is ${typeof line}; lines are strings`)
    }
    if (this.lines++ >= (this.workspace?.state.lines ?? 0)) {
      count(line)
      // The line is complete, so that its runs are.
      if (this.unfinished.length > 0) this.spillLines(this.lines)
    }
    if (this.lines % 10_000 === 0) this.tell(Math.max(this.lines, total))
  }

  /** Reports that all lines have been counted. */
  end(): void {
    this.tell(this.lines)
  }

  private tell(total: number): void {
    this.options.onProgress({ phase: 'read', done: this.lines, total })
  }

  /** Writes what was counted before the line to disk where fragments of so many units in all may not fit. */
  reserve(units: number): void {
    if (!this.counts!.hasRoomFor(units) && this.counts!.size > 0) this.spillLines(this.lines - 1)
  }

  /** Counts `units[from..to)`, followed by `follower`, once. */
  add(units: Uint16Array, from: number, to: number, follower: number): void {
    const first = this.seen++
    if (this.counts!.add(units, from, to, follower, first)) return
    this.unfinished.push(this.spill(this.workspace!))
    this.counts!.add(units, from, to, follower, first)
  }

  /** Writes the counts and records how many lines are on disk. */
  private spillLines(lines: number): void {
    const workspace = this.workspace!
    const { state } = workspace
    if (this.counts!.size > 0) this.unfinished.push(this.spill(workspace))
    state.runs.push(...this.unfinished)
    this.unfinished = []
    state.lines = lines
    state.seen = this.seen
    workspace.save()
  }

  private spill(workspace: Workspace): string {
    const name = newName(workspace, 'counts')
    writeRun(this.counts!.sorted(), workspace.spill, name, workspace.budget)
    this.counts!.clear()
    return name
  }

  /**
   * The fragments in the order of the text. Nothing can be added any more.
   * @param each called with every fragment, in any order, before the first is given
   */
  groups(each: (group: FragmentGroup) => void = () => {}): Iterable<FragmentGroup> {
    const workspace = this.workspace
    let texts: Iterable<CountedText>
    if (workspace && workspace.state.runs.length > 0) {
      this.spillLines(this.lines)
      this.counts = undefined
      workspace.spill.collect()
      texts = mergedRuns(workspace)
    } else texts = this.counts!.sorted()
    const order = new GroupOrder((workspace?.budget ?? 0) * 0.3, workspace?.spill, () => newName(workspace!, 'order'))
    for (const group of grouped(texts)) {
      each(group)
      order.add(group)
    }
    this.counts = undefined
    workspace?.spill.collect()
    return order.inOrder()
  }
}

function mergedRuns(workspace: Workspace): Iterable<CountedText> {
  const { state, spill, budget } = workspace
  return mergeRuns(
    state.runs,
    spill,
    budget,
    () => newName(workspace, 'counts'),
    (old, name) => {
      state.runs = [...state.runs.filter((run) => !old.includes(run)), name]
      workspace.save()
      for (const run of old) spill.remove(run)
    },
  )
}
