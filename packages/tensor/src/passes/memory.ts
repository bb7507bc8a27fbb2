// The memory of a program.

import type { Plan } from './plan.ts'

/** Bytes that a program takes on its device, known before it runs. */
export interface ProgramMemory {
  /** Arguments and captured tensors. */
  readonly inputBytes: number
  /** Results, except those that reuse the memory of a donated argument. */
  readonly outputBytes: number
  /** Intermediate values, and scratch memory of kernels. */
  readonly temporaryBytes: number
  /** The sum of these: what is allocated while the program runs. */
  readonly peakBytes: number
}

/**
 * The memory of a plan.
 * @param scratch bytes of the kernels' scratch buffers
 * @param allocated gives the bytes that the backend allocates for a buffer of the given size in bytes
 */
export function programMemory(
  plan: Plan,
  scratch: readonly number[],
  allocated: (bytes: number) => number,
): ProgramMemory {
  const sum = (list: readonly number[]) => list.reduce((total, bytes) => total + allocated(bytes), 0)
  const inputBytes = sum(plan.inputSlots.map((s) => plan.slots[s].bytes))
  const outputBytes = sum(plan.outputSlots.filter((_, i) => plan.aliases[i] < 0).map((s) => plan.slots[s].bytes))
  const temporaryBytes = sum([...plan.temporaries, ...scratch])
  return { inputBytes, outputBytes, temporaryBytes, peakBytes: inputBytes + outputBytes + temporaryBytes }
}
