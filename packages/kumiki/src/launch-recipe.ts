/** A model's recipe and layout in the form that the planner writes launches from. */
import { type ParallelLayout, scheduleNumbers, type TrainingRecipe } from '@kumiki/models/configs'
import type { SizedRecipe } from '@kumiki/planner'

/** Megatron-LM's flags by name: the optimizer, the schedule and what else a launch says. */
export function launchRecipe(recipe: TrainingRecipe, layout: ParallelLayout): SizedRecipe {
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

type ScheduleFlags = Pick<SizedRecipe, 'schedule' | 'decaySteps' | 'wsdDecaySteps' | 'wsdDecayStyle'>

function scheduleFlags(schedule: TrainingRecipe['schedule']): ScheduleFlags {
  if (schedule.kind === 'wsd') {
    const { steps, decaySteps, shape } = schedule
    return { schedule: 'wsd', decaySteps: steps, wsdDecaySteps: decaySteps, wsdDecayStyle: shape }
  }
  // --lr-decay-iters has the warm-up in it.
  return { schedule: 'cosine', decaySteps: schedule.steps + schedule.schedule.steps }
}
