/**
 * Sustained efficiencies and latencies, fitted to published runs. Everything else in the estimates is derived from
 * counts. benchmarks/planner.ts fits them on a random half of the runs and scores them on the other.
 */
import { object, positive } from '../check.ts'

export type Architecture = 'ampere' | 'hopper' | 'blackwell'

export interface Efficiency {
  /** Fraction of the bf16 peak that large matrix products sustain at the power limit, by architecture. */
  readonly matmul: Readonly<Record<Architecture, number>>
  /**
   * Fraction of the bf16 peak that fused attention sustains with head dimension 128; the masked half is not counted as
   * work.
   */
  readonly attention: Readonly<Record<Architecture, number>>
  /** fp8 products: fraction of the rate `matmul` times the fp8 peak (overhead of casts and scales). */
  readonly fp8: number
  /** Fraction of the memory bandwidth that elementwise kernels sustain. */
  readonly memory: number
  /** Fraction of the fused attention rate that FlashAttention 2 reaches on Hopper and later (on Ampere 1). */
  readonly flash2: number
  /** Fraction of the elementwise rate without kernel fusion. */
  readonly unfused: number
  /** Seconds of launches and small kernels per layer, in each direction. */
  readonly layerLatency: number
  /** The same for a mixture layer: routing, permuting, dispatching. */
  readonly expertLatency: number
  /** Fraction of tensor-parallel communication that stays exposed when it overlaps matrix products. */
  readonly exposedTensorParallel: number
  /**
   * Slowdown of computation by overlapped communication of sharded weights (streaming multiprocessors, memory), as a
   * fraction of its time.
   */
  readonly interference: number
  /** Relative standard deviation of speed among GPUs; all wait for the slowest. */
  readonly spread: number
  /** Seconds of a step outside all layers: data, logging, host work. */
  readonly stepLatency: number
}

/** Fitted on the half of 126 published runs that seed 2 draws (`benchmarks/planner.ts --fit` prints these). */
export const fittedEfficiency: Efficiency = {
  matmul: { ampere: 0.88, hopper: 0.722, blackwell: 0.589 },
  attention: { ampere: 0.374, hopper: 0.474, blackwell: 0.483 },
  flash2: 0.476,
  fp8: 0.99,
  memory: 0.675,
  unfused: 0.397,
  layerLatency: 50.8e-6,
  expertLatency: 519e-6,
  exposedTensorParallel: 0.378,
  interference: 0.102,
  spread: 0.0103,
  stepLatency: 0.0412,
}

/** Latency of one matrix product's launch and of one collective, in seconds. */
export const productLatency = 6e-6
export const collectiveLatency = 15e-6
/** Fraction of a backward pass that can hide gradient reduction. */
export const hiding = 0.95

/** The fitted values, overridden by given ones. @throws RangeError or TypeError naming the field */
export function completeEfficiency(given: Partial<Efficiency> | undefined): Efficiency {
  if (given === undefined) return fittedEfficiency
  object('cluster.efficiency', given)
  for (const [field, value] of Object.entries(given)) {
    if (!Object.hasOwn(fittedEfficiency, field)) {
      throw new RangeError(
        `unknown field cluster.efficiency.${field}; known fields are ${Object.keys(fittedEfficiency).join(', ')}`,
      )
    }
    const name = `cluster.efficiency.${field}`
    if (typeof value !== 'object') positive(name, value, 10)
    else for (const part of ['ampere', 'hopper', 'blackwell']) positive(`${name}.${part}`, object(name, value)[part], 1)
  }
  return { ...fittedEfficiency, ...given }
}
