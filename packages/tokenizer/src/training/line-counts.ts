/** Counts of the fragments of lines, in memory or, under a limit, partly on disk. */
import { type CountedText, FragmentCounts } from './fragment-counts.ts'
import { type FragmentGroup, GroupOrder, grouped } from './fragment-groups.ts'
import { mergeRuns, writeRun } from './fragment-runs.ts'
import { newName, type Workspace } from './workspace.ts'

/**
 * Counts fragments line by line. With a workspace, counts that exceed its budget go to disk, and a resumed run passes over the lines
 * whose counts are there.
 */
export class LineCounts {
  /** Lines begun so far. */
  lines = 0
  readonly #workspace: Workspace | undefined
  #counts: FragmentCounts | undefined
  #seen: number
  /** Runs written in the middle of a line, so not yet recorded in the workspace's state. */
  #unfinished: string[] = []

  constructor(workspace?: Workspace) {
    this.#workspace = workspace
    this.#seen = workspace?.state.seen ?? 0
    this.#counts = new FragmentCounts(workspace && workspace.budget / 2)
  }

  /** Begins a line. @returns whether its fragments are to be counted */
  begin(): boolean {
    return this.lines++ >= (this.#workspace?.state.lines ?? 0)
  }

  /** Writes what was counted before the line to disk where fragments of so many units in all may not fit. */
  reserve(units: number): void {
    if (!this.#counts!.hasRoomFor(units) && this.#counts!.size > 0) this.#spillLines(this.lines - 1)
  }

  /** Counts `units[from..to)`, followed by `follower`, once. */
  add(units: Uint16Array, from: number, to: number, follower: number): void {
    const first = this.#seen++
    if (this.#counts!.add(units, from, to, follower, first)) return
    this.#unfinished.push(this.#spill(this.#workspace!))
    this.#counts!.add(units, from, to, follower, first)
  }

  /** Ends the line. */
  end(): void {
    if (this.#unfinished.length > 0) this.#spillLines(this.lines)
  }

  /** Writes the counts and records how many lines are on disk. */
  #spillLines(lines: number): void {
    const workspace = this.#workspace!
    const { state } = workspace
    if (this.#counts!.size > 0) this.#unfinished.push(this.#spill(workspace))
    state.runs.push(...this.#unfinished)
    this.#unfinished = []
    state.lines = lines
    state.seen = this.#seen
    workspace.save()
  }

  #spill(workspace: Workspace): string {
    const name = newName(workspace, 'counts')
    writeRun(this.#counts!.sorted(), workspace.spill, name, workspace.budget)
    this.#counts!.clear()
    return name
  }

  /**
   * The fragments in the order of the text. Nothing can be added any more.
   * @param each called with every fragment, in any order, before the first is given
   */
  groups(each: (group: FragmentGroup) => void = () => {}): Iterable<FragmentGroup> {
    const workspace = this.#workspace
    let texts: Iterable<CountedText>
    if (workspace && workspace.state.runs.length > 0) {
      this.#spillLines(this.lines)
      this.#counts = undefined
      workspace.spill.collect()
      texts = mergedRuns(workspace)
    } else texts = this.#counts!.sorted()
    const order = new GroupOrder((workspace?.budget ?? 0) * 0.3, workspace?.spill, () => newName(workspace!, 'order'))
    for (const group of grouped(texts)) {
      each(group)
      order.add(group)
    }
    this.#counts = undefined
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
