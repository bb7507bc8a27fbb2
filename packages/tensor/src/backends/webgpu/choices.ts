// The tuner's results by adapter, kept for the lifetime of the process.

import type { Tunable } from './rule.ts'

/** A step of a program that has alternative kernels, with the sizes of the buffers they bind. */
export interface TunableStep {
  readonly tunable: Tunable
  readonly inputBytes: readonly number[]
  readonly outputBytes: readonly number[]
}

/** The names of the fastest kernels by case, for each adapter: devices on one adapter share them. */
const choicesByAdapter = new Map<string, Map<string, string>>()

export function choicesFor(adapter: string): Map<string, string> {
  let choices = choicesByAdapter.get(adapter)
  if (!choices) choicesByAdapter.set(adapter, (choices = new Map()))
  return choices
}
