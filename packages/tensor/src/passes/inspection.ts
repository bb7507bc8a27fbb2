// Hooks for tests to inspect the results of passes.

import type { Graph } from '../graph/graph.ts'
import type { Plan } from './plan.ts'
import type { FusionGroup } from './schedule.ts'

/** Hooks called between passes: none, unless `verifyPasses` sets them. */
export const inspection: {
  graph?(graph: Graph, stage: string): void
  groups?(groups: readonly FusionGroup[], graph: Graph, stage: string): void
  plan?(plan: Plan, stage: string): void
} = {}
