// What the tuner measured, kept for each adapter of this process.

import type { Tunable } from './rule.ts'

/** A case of a program, with the sizes of the buffers its kernels bind. */
export interface TunableStep {
  readonly tunable: Tunable
  readonly inputBytes: readonly number[]
  readonly outputBytes: readonly number[]
}

/** Choices made on this adapter in this process, so that a second device starts with them. */
const remembered = new Map<string, Map<string, string>>()

export function rememberedChoices(adapter: string): Map<string, string> {
  let choices = remembered.get(adapter)
  if (!choices) remembered.set(adapter, (choices = new Map()))
  return choices
}
