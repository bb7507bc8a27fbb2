/** Complete estimates of plans, and the two rankings. */
import { type Estimate, estimateKnown, flopsPerToken } from '../estimate/estimate.ts'
import { risksOf } from '../estimate/risks.ts'
import { totalParameters } from '../model/model.ts'
import type { Enumeration, Sized } from './enumerate.ts'

/** A valid plan that fits into memory. */
export interface Candidate {
  readonly estimate: Estimate
  /** Risks for a long run; ideally empty. */
  readonly risks: readonly string[]
  /** GPU memory minus the estimate, in bytes. */
  readonly headroomBytes: number
}

/** Comparators: by step time, and by number of risks first. */
export const faster = (a: Sized, b: Sized) => a.stepSeconds - b.stepSeconds
export const moreStable = (a: Sized, b: Sized) => a.risks - b.risks || b.pace - a.pace

/** Completes sized plans to candidates, each plan once. */
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
