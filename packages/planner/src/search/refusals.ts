/** Counts reasons of refused plans by kind, so that a search allocates nothing for each of tens of thousands. */

/** A kind of reasons, which differ only in numbers: its count, and one example. */
export interface RefusalKind {
  readonly count: number
  readonly example: string
}

interface Counted {
  count: number
  example: string
}

export class RefusalTally {
  /** Refused plans. */
  plans = 0
  private readonly kinds = new Map<string, Counted>()
  private readonly known = new Map<string, Counted>()
  private shortage: Counted | undefined

  /** Counts `plans` plans that violate the same rules. */
  rules(reasons: readonly string[], plans: number): void {
    this.plans += plans
    for (const reason of reasons) {
      // Most reasons recur with identical text.
      let counted = this.known.get(reason)
      if (!counted) {
        counted = this.kind(reason)
        this.known.set(reason, counted)
      }
      counted.count += plans
    }
  }

  /**
   * Counts a plan that does not fit into memory.
   * @param reason called only for the first one; others differ only in numbers
   */
  memory(reason: () => string): void {
    this.plans++
    this.shortage ??= this.kind(reason())
    this.shortage.count++
  }

  /** Most frequent first. */
  summary(): RefusalKind[] {
    return [...this.kinds.values()].sort((a, b) => b.count - a.count)
  }

  private kind(reason: string): Counted {
    const kind = reason.replace(/\d+(\.\d+)?/g, '#')
    let counted = this.kinds.get(kind)
    if (!counted) {
      counted = { count: 0, example: reason }
      this.kinds.set(kind, counted)
    }
    return counted
  }
}
