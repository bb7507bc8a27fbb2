/** Figures of a step beside what the trainer gives: use of the hardware, memory, spikes. Node only. */
import { spikeDetector } from '@kumiki/optim'
import { type Device, matmul, slice } from '@kumiki/tensor'
import type { Run } from '../run/run.ts'
import type { StepMetrics } from '../step-metrics.ts'

export interface FigureOptions {
  /** Of the model's forward and backward pass: `flopsPerToken(architecture, { sequenceLength })` of @kumiki/models. */
  readonly flopsPerToken: number
  /** FLOP/s that the device reaches at best: `measureMatmul(device)`. Without it there is no `mfu`. */
  readonly ceiling?: number
}

/** Milliseconds between two looks at the process's memory, which cost the time of some kernels each. */
const memoryEvery = 1000

/**
 * `mfu` (the model's FLOP/s, of the ceiling), `programBytes` (what the compiled step holds on the device), `processBytes` (the process's resident
 * memory, looked at once a second at most) and `spike` (1 where the loss spiked), for `RunOptions.figures`.
 */
export function standardFigures({
  flopsPerToken,
  ceiling,
}: FigureOptions): (metrics: StepMetrics, run: Run) => Record<string, number> {
  const detector = spikeDetector()
  let programBytes: number | undefined
  let processBytes = 0
  let looked = Number.NEGATIVE_INFINITY
  return ({ loss, tokensPerSecond }, { trainer }) => {
    programBytes ??= trainer.memory().peakBytes
    const now = performance.now()
    if (now - looked >= memoryEvery) {
      looked = now
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

/** Milliseconds that a product has to take for its time to be taken. */
const enough = 15

/**
 * FLOP/s of the fastest square product of two float32 matrices, from 256 on and twice as large until one takes long enough. It costs a tenth of a
 * second or so.
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
