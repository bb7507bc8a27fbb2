/** A model's recipe and layout in the form that a planner lays out and writes launches from: plain objects, as @kumiki/planner takes them. */
import { type ParallelLayout, scheduleNumbers, type TrainingRecipe } from './recipe.ts'

/** Optimizer, schedule and what else a launch says, in Megatron-LM's terms. */
export type LaunchNumbers = ReturnType<typeof launchRecipe>

/**
 * What `emitMegatron({ recipe })` of @kumiki/planner takes.
 * @example
 * const { recipe, layout } = findModel('llm-jp-3-13b')
 * launchRecipe(recipe, layout).schedule // 'cosine'
 */
export function launchRecipe(recipe: TrainingRecipe, layout: ParallelLayout) {
  const { optimizer, schedule, ...rest } = recipe
  const { beta1, beta2, epsilon, weightDecay } = optimizer
  const { memoryMappedData, permuteFusion, routerFusion, garbageCollectionSteps, lossFusion, timeoutMinutes } = layout
  return {
    ...rest,
    ...scheduleNumbers(schedule),
    ...scheduleFlags(schedule),
    ...{ beta1, beta2, epsilon, weightDecay },
    ...{ memoryMappedData, permuteFusion, routerFusion, garbageCollectionSteps, lossFusion, timeoutMinutes },
  }
}

interface ScheduleFlags {
  readonly schedule: 'cosine' | 'wsd'
  readonly decaySteps: number
  readonly wsdDecaySteps?: number
  readonly wsdDecayStyle?: 'linear' | 'minus_sqrt'
}

function scheduleFlags(schedule: TrainingRecipe['schedule']): ScheduleFlags {
  if (schedule.kind === 'wsd') {
    const { steps, decaySteps, shape } = schedule
    return { schedule: 'wsd', decaySteps: steps, wsdDecaySteps: decaySteps, wsdDecayStyle: shape }
  }
  // --lr-decay-iters has the warm-up in it.
  return { schedule: 'cosine', decaySteps: schedule.steps + schedule.schedule.steps }
}

/**
 * The parallel plan of a run, as `estimate({ plan })` and `emitMegatron({ plan })` of @kumiki/planner take it.
 * @example
 * const { recipe, layout } = findModel('llm-jp-3-13b')
 * launchPlan(recipe, layout).tensorParallel // 2
 */
export function launchPlan(
  { globalBatchSize, sequenceLength, precision, dropout }: TrainingRecipe,
  layout: ParallelLayout,
) {
  return {
    ...layout,
    ...{ globalBatchSize, sequenceLength, precision },
    virtualPipeline: layout.virtualPipeline ?? 1,
    sharding: 'optimizer' as const,
    dropout: dropout > 0,
  }
}
