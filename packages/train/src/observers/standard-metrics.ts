/** Additional metrics of a step: hardware utilization, memory, loss spikes. Node only. */
import { spikeDetector } from '@kumiki/optim'
import { type Device, matmul, slice } from '@kumiki/tensor'
import type { Run } from '../run/run.ts'
import type { StepMetrics } from '../step-metrics.ts'

export interface StandardMetricsOptions {
  /**
   * FLOP per token of the model's forward and backward pass: `flopsPerToken(architecture, { sequenceLength })` of
   * @kumiki/models.
   */
  readonly flopsPerToken: number
  /** Peak FLOP/s of the device: `measureMatmul(device)`. Without it there is no `mfu`. */
  readonly ceiling?: number
}

/** Milliseconds between readings of the process's memory; each costs as much time as a few kernels. */
const memoryEvery = 1000

/**
 * Metrics for `RunOptions.extraMetrics`: `mfu` (the model's FLOP/s relative to the ceiling), `programBytes` (device
 * memory of the compiled step), `processBytes` (resident memory of the process, read at most once per second) and
 * `spike` (1 if the loss spiked).
 */
export function standardMetrics({
  flopsPerToken,
  ceiling,
}: StandardMetricsOptions): (metrics: StepMetrics, run: Run) => Record<string, number> {
  const detector = spikeDetector()
  let programBytes: number | undefined
  let processBytes = 0
  let readAt = Number.NEGATIVE_INFINITY
  return ({ loss, tokensPerSecond }, { trainer }) => {
    programBytes ??= trainer.memory().peakBytes
    const now = performance.now()
    if (now - readAt >= memoryEvery) {
      readAt = now
      processBytes = process.memoryUsage.rss()
    }
    return {
      ...(ceiling !== undefined && { mfu: round((tokensPerSecond * flopsPerToken) / ceiling) }),
      programBytes,
      processBytes,
      spike: detector.push(loss).spike ? 1 : 0,
    }
  }
}

const round = (share: number) => Number(share.toPrecision(4))

/** Minimum duration in milliseconds for a reliable measurement. */
const enough = 15

/**
 * Measures the device's peak FLOP/s with square float32 matrix products, from size 256 and doubling until one takes
 * long enough. Takes about a tenth of a second.
 */
export async function measureMatmul(device: Device): Promise<number> {
  let best = 0
  for (let size = 256; size <= 8192; size *= 2) {
    const ones = device.tensor(new Float32Array(size * size).fill(1), [size, size])
    let fastest = Number.POSITIVE_INFINITY
    for (let round = 0; round < 3; round++) {
      const began = performance.now()
      const product = matmul(ones, ones)
      const corner = slice(product, [0, 0], [1, 1])
      await corner.data()
      fastest = Math.min(fastest, performance.now() - began)
      corner.dispose()
      product.dispose()
    }
    ones.dispose()
    best = Math.max(best, (2 * size ** 3) / (fastest / 1000))
    if (fastest >= enough) break
  }
  return best
}
