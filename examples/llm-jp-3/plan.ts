/** How much of a model this machine can hold: decided before any memory is taken. */
import { countParameters, type ModelArchitecture } from '@kumiki/models/configs'

export type Mode = 'train' | 'forward' | 'shapes'

export interface Workload {
  readonly mode: Mode
  readonly parameters: number
  /** Bytes the chosen mode needs for weights, gradients and optimizer state, activations aside. */
  readonly bytes: number
  readonly limit: number
}

/** float32 master weights, gradients and two moments, and a bfloat16 copy. */
export const bytesToTrain = 4 * 4 + 2
/** bfloat16 weights. */
export const bytesToRun = 2

/**
 * Training if it fits into three quarters of the limit (the rest is for activations), else a forward pass on bfloat16 weights,
 * else shapes alone.
 * @param limit bytes one backend may take
 */
export function planWorkload(architecture: ModelArchitecture, limit: number): Workload {
  const parameters = countParameters(architecture).total
  for (const [mode, each] of [
    ['train', bytesToTrain],
    ['forward', bytesToRun],
  ] as const) {
    if (parameters * each <= limit * 0.75) return { mode, parameters, bytes: parameters * each, limit }
  }
  return { mode: 'shapes', parameters, bytes: 0, limit }
}
