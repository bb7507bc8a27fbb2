/** Why plans cannot be: counted by kind, so that a search makes nothing for each of tens of thousands. */

/** Reasons that differ in more than their numbers: how often one came up, and it in full. */
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

  /** `plans` plans break the same rules. */
  rules(reasons: readonly string[], plans: number): void {
    this.plans += plans
    for (const reason of reasons) {
      // Most reasons come up many times word by word.
      let counted = this.known.get(reason)
      if (!counted) {
        counted = this.kind(reason)
        this.known.set(reason, counted)
      }
      counted.count += plans
    }
  }

  /** A plan needs more memory than there is. @param reason only the first is asked for: the others differ in their numbers */
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
