// What a program takes of memory.

import type { Plan } from './plan.ts'

/** Bytes a program takes on its device, known before it runs. */
export interface ProgramMemory {
  /** Arguments and captured tensors. */
  readonly inputBytes: number
  /** Results in memory of their own; those that take over a donated argument are not counted twice. */
  readonly outputBytes: number
  /** Buffers for everything in between, scratch of kernels included. */
  readonly temporaryBytes: number
  /** All of these together: what is allocated while the program runs. */
  readonly peakBytes: number
}

/** @param allocated what the backend takes from its memory for a buffer of so many bytes */
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
