// Where tests look at what passes give each other.

import type { Graph } from '../graph/graph.ts'
import type { Plan } from './plan.ts'
import type { FusionGroup } from './schedule.ts'

/** What looks at graphs and plans between passes: nobody, unless `verify.ts` is asked to. */
export const inspection: {
  graph?(graph: Graph, stage: string): void
  groups?(groups: readonly FusionGroup[], graph: Graph, stage: string): void
  plan?(plan: Plan, stage: string): void
} = {}
