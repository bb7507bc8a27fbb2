/**
 * Converts a model's recipe and layout to the plain objects that @kumiki/planner takes for plans and launches.
 */
import { type ParallelLayout, scheduleNumbers, type TrainingRecipe } from './recipe.ts'

/** Optimizer, schedule and other settings of a launch, in Megatron-LM's terms. */
export type LaunchNumbers = ReturnType<typeof launchRecipe>

/**
 * A model's recipe as `emitMegatron({ recipe })` of @kumiki/planner takes it.
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
  // --lr-decay-iters includes the warm-up.
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
