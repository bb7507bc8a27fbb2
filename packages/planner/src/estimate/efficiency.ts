/**
 * What separates arithmetic from a running machine: the few numbers that were fitted to published runs. Everything else in the
 * estimates is counted. benchmarks/planner.ts fits them on a random half of the runs and scores them on the other.
 */
import { object, positive } from '../check.ts'

export type Architecture = 'ampere' | 'hopper' | 'blackwell'

export interface Efficiency {
  /** Part of the bf16 peak that large matrix products sustain at the power limit, by architecture. */
  readonly matmul: Readonly<Record<Architecture, number>>
  /** Part of the bf16 peak that fused attention sustains with heads of 128, the mask's half not counted. */
  readonly attention: Readonly<Record<Architecture, number>>
  /** fp8 products: part of what `matmul` would give on the fp8 peak (casts, scales). */
  readonly fp8: number
  /** Part of the memory bandwidth that elementwise kernels sustain. */
  readonly memory: number
  /** Part of that rate that FlashAttention 2 reaches on Hopper and after (on Ampere all of it). */
  readonly flash2: number
  /** Part of the rate that elementwise kernels keep in frameworks that do not fuse them. */
  readonly unfused: number
  /** Seconds of launches and small kernels of a layer, each way. */
  readonly layerLatency: number
  /** The same for a mixture layer: routing, permuting, dispatching. */
  readonly expertLatency: number
  /** Part of tensor-parallel communication that stays visible where it is overlapped with products. */
  readonly exposedTensorParallel: number
  /** Part of the communication of sharded weights that computation beside it pays for (streaming multiprocessors, memory). */
  readonly interference: number
  /** Spread of speed among GPUs (standard deviation over mean): all wait for the slowest. */
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

/** Fixed cost of one matrix product's launch and of one collective, in seconds. */
export const productLatency = 6e-6
export const collectiveLatency = 15e-6
/** Part of a backward pass that can hide the reduction of gradients. */
export const hiding = 0.95

/** Fitted values with a caller's own in their place. @throws RangeError or TypeError naming the field */
export function completeEfficiency(given: Partial<Efficiency> | undefined): Efficiency {
  if (given === undefined) return fittedEfficiency
  object('cluster.efficiency', given)
  for (const [field, value] of Object.entries(given)) {
    if (!Object.hasOwn(fittedEfficiency, field)) {
      throw new RangeError(`cluster.efficiency has no ${field}; there are ${Object.keys(fittedEfficiency).join(', ')}`)
    }
    const name = `cluster.efficiency.${field}`
    if (typeof value !== 'object') positive(name, value, 10)
    else for (const part of ['ampere', 'hopper', 'blackwell']) positive(`${name}.${part}`, object(name, value)[part], 1)
  }
  return { ...fittedEfficiency, ...given }
}
