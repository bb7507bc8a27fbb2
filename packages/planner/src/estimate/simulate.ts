/** Simulates one step of a plan's pipeline. */

import { type Fields, fields } from '../check.ts'
import { type ResolvedCluster, validateCluster } from '../cluster/cluster.ts'
import { type ResolvedModel, validateModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { validatePlan } from '../plan/plan-rules.ts'
import type { PlanRequest } from './estimate.ts'
import { type PipelineTimeline, type Schedule, simulatePipeline } from './pipeline.ts'
import { hopSeconds, stageCosts, waiting } from './stage-costs.ts'
import { estimateTime } from './time.ts'

export interface SimulateRequest extends PlanRequest {
  /** Default: interleaved if the plan has several chunks per stage, otherwise 1f1b. */
  readonly schedule?: Schedule
}

export interface Simulation extends PipelineTimeline {
  readonly plan: ResolvedPlan
  /** Seconds after the pipeline: exposed gradient exchange, and the optimizer. */
  readonly dataParallelSeconds: number
  readonly optimizerSeconds: number
  /** The pipeline and the times above. */
  readonly stepSeconds: number
  /** The estimate by `estimate`'s closed formulas for the same step (1F1B or interleaved). */
  readonly estimatedStepSeconds: number
  /** Bubble over work by closed formula, for equal stages and zero-latency hops. */
  readonly closedFormBubble: number
}

/**
 * Bubble over work by closed formula: (p - 1) / m for GPipe and 1F1B, (p - 1) / (v m) interleaved, and for ZB-H1
 * (p - 1) (F + B - W) / (m (F + B + W)) with B the backward pass of activations only.
 * @see Narayanan et al. 2021, arXiv:2104.04473, section 2.2; Qi et al. 2023, arXiv:2401.10241, table 2
 */
export function closedFormBubble(
  schedule: Schedule,
  stages: number,
  microBatches: number,
  chunks = 1,
  weightShare = 1 / 3,
): number {
  const bubble = (stages - 1) / microBatches
  if (schedule === 'interleaved') return bubble / chunks
  // F + B - W of F + B + W = 1, where W is the share.
  return schedule === 'zero-bubble' ? bubble * (1 - 2 * weightShare) : bubble
}

const requestFields: Fields<SimulateRequest> = { model: 1, cluster: 1, plan: 1, run: 1, schedule: 1 }

/**
 * Simulates one step of a plan: unequal stages (embedding, loss, layers that do not divide evenly), tensor-, context-
 * and expert-parallel communication within passes, hops between stages.
 * @throws PlanError for an illegal plan; RangeError or TypeError naming an invalid or unknown field, or for too many
 * passes
 * @example simulate({ model, cluster, plan: own, schedule: 'zero-bubble' }).bubbleOverWork // 0.0262
 */
export function simulate(request: SimulateRequest): Simulation {
  fields('request', request, requestFields)
  const model = validateModel(request.model)
  const cluster = validateCluster(request.cluster)
  const plan = validatePlan(model, cluster, request.plan)
  return simulateKnown(model, cluster, plan, request.schedule)
}

function simulateKnown(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  given?: Schedule,
): Simulation {
  const schedule = given ?? (plan.virtualPipeline > 1 ? 'interleaved' : '1f1b')
  const chunks = schedule === 'interleaved' ? Math.max(2, plan.virtualPipeline) : 1
  // All GPUs wait for the slowest, in computation but not in communication.
  const wait = 1 + waiting(cluster)
  const stages = stageCosts(model, cluster, plan).map(({ forward, backward, weightGradient, communication }) => ({
    forward: (forward - communication / 2) * wait + communication / 2,
    backward: (backward - communication / 2) * wait + communication / 2,
    weightGradient: weightGradient * wait,
  }))
  const timeline = simulatePipeline({
    stages,
    microBatches: plan.microBatches,
    schedule,
    chunks,
    hopSeconds: hopSeconds(model, cluster, plan),
  })
  const time = estimateTime(model, cluster, plan)
  const total = stages.reduce((sum, { forward, backward }) => sum + forward + backward, 0)
  const weights = stages.reduce((sum, { weightGradient }) => sum + weightGradient, 0)
  return {
    ...timeline,
    plan,
    dataParallelSeconds: time.dataParallel,
    optimizerSeconds: time.optimizer,
    stepSeconds: timeline.seconds + time.dataParallel + time.optimizer,
    estimatedStepSeconds: time.step,
    closedFormBubble: closedFormBubble(schedule, plan.pipelineParallel, plan.microBatches, chunks, weights / total),
  }
}
