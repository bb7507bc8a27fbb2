/** Plans in full, and their two orders. */
import { type Estimate, estimateKnown, flopsPerToken } from '../estimate/estimate.ts'
import { risksOf } from '../estimate/risks.ts'
import { totalParameters } from '../model/model.ts'
import type { Enumeration, Sized } from './enumerate.ts'

/** A plan that is legal and fits. */
export interface Candidate {
  readonly estimate: Estimate
  /** What could stop a long run; empty is the aim. */
  readonly risks: readonly string[]
  /** Bytes left of the GPU's memory above the estimate. */
  readonly headroomBytes: number
}

/** Orders by speed alone, and by risks first. */
export const faster = (a: Sized, b: Sized) => a.stepSeconds - b.stepSeconds
export const moreStable = (a: Sized, b: Sized) => a.risks - b.risks || b.pace - a.pace

/** From the short form to the full one, each plan once. */
export function candidatesOf({ model, cluster, run }: Enumeration): (sized: Sized) => Candidate {
  const made = new Map<Sized, Candidate>()
  const parameters = totalParameters(model)
  let flops: { causal: number; full: number } | undefined
  return (sized) => {
    let candidate = made.get(sized)
    if (!candidate) {
      flops ??= flopsPerToken(model, sized.plan)
      const estimate = estimateKnown(model, cluster, sized.plan, { run, flops, parameters })
      const headroomBytes = cluster.gpu.memoryBytes - estimate.memoryBytes
      candidate = { estimate, risks: risksOf(model, cluster, estimate, run), headroomBytes }
      made.set(sized, candidate)
    }
    return candidate
  }
}
