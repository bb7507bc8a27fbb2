// Chooses the micro-tile of matrix products where there are two: the first large products are timed with both.

/** From this size on the inner loop takes nearly all of the time, and the clock's resolution is sufficient. */
const smallestProduct = 1e7 // FLOP
/** Runs of a product before its times count, since engines compile WebAssembly in tiers. */
const warmups = 6
/** Timed runs of a product, half of them with each tile. */
const timed = 12

/** Best milliseconds of one product of a program, with tiles of 4 x 8 and 6 x 8. */
export interface TileTrial {
  runs: number
  readonly best: [narrow: number, wide: number]
}

/**
 * Tiles of 6 x 8 use fused multiply-add units better than those of 4 x 8, unless the engine runs out of registers. Both
 * sum in the same order, so the results have the same bits and the tile may change while programs run. The first
 * product that has been timed often enough with both decides.
 */
export class TileChoice {
  /** The kernels' argument: 1 for tiles of 6 x 8 (where there are enough rows), 0 for 4 x 8. */
  current: 0 | 1
  private open: boolean

  /**
   * @param fused whether the kernels use fused multiply-add; the others have tiles of 4 x 8 only
   * @param pinned '4x8' or '6x8': that tile without measuring
   */
  constructor(fused: boolean, pinned?: string) {
    this.current = fused && pinned !== '4x8' ? 1 : 0
    this.open = fused && pinned !== '4x8' && pinned !== '6x8'
  }

  /** A trial for a product of `flops` FLOP; undefined if it is too small or the tile is decided. */
  trial(flops: number): TileTrial | undefined {
    return this.open && flops >= smallestProduct ? { runs: 0, best: [Infinity, Infinity] } : undefined
  }

  /** Runs a product, and times it until the tile is decided. */
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
    // 4 x 8 must be 3 % faster: within the noise, 6 x 8, which is the faster one on the processors measured so far.
    this.current = trial.best[0] < 0.97 * trial.best[1] ? 0 : 1
  }
}
