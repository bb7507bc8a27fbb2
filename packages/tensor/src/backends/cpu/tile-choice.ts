// Which tile products run in, where there are two: the first large products time both.

/** Where a tile's sums are all the time, and the clock is fine enough. */
const smallestProduct = 1e7 // FLOP
/** Runs of a product before its times count: engines compile kernels in tiers. */
const warmups = 6
/** Timed runs of one product, half of them by each tile. */
const timed = 12

/** Times of one product of a program, by tile. */
export interface TileTrial {
  runs: number
  readonly best: [narrow: number, wide: number]
}

/**
 * Tiles of 6 x 8 keep a fused multiply-add busier than those of 4 x 8, unless an engine runs out of registers. They sum in the same
 * order, so the choice changes no bit, and may be made while programs run: by the first product that was timed often enough with
 * both.
 */
export class TileChoice {
  /** What a kernel is told: 1 for tiles of 6 x 8 where rows suffice. */
  current: 0 | 1
  private open: boolean

  /** @param fused whether the kernels multiply and add in one rounding; others have tiles of 4 x 8 alone */
  constructor(fused: boolean, pinned?: string) {
    this.current = fused && pinned !== '4x8' ? 1 : 0
    this.open = fused && pinned !== '4x8' && pinned !== '6x8'
  }

  /** A trial for a product of so many FLOP, where there is something to choose. */
  trial(flops: number): TileTrial | undefined {
    return this.open && flops >= smallestProduct ? { runs: 0, best: [Infinity, Infinity] } : undefined
  }

  /** Runs a product, and times it until the choice is made. */
  run(trial: TileTrial, product: () => void): void {
    if (!this.open) {
      product()
      return
    }
    this.current = trial.runs % 2 === 0 ? 1 : 0
    const started = performance.now()
    product()
    const taken = performance.now() - started
    if (++trial.runs > warmups) trial.best[this.current] = Math.min(trial.best[this.current], taken)
    this.current = 1
    if (trial.runs < warmups + timed) return
    this.open = false
    // Within the noise, the one that is faster on processors known so far.
    this.current = trial.best[0] < 0.97 * trial.best[1] ? 0 : 1
  }
}
