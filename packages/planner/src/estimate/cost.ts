/** Costs of a training run beyond its steps: failures, checkpoints, energy, price. */
import { type Fields, fields, flag, integer, positive } from '../check.ts'
import type { ResolvedCluster } from '../cluster/cluster.ts'
import { type ResolvedModel, totalParameters } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'

/** The length of a run, and the reliability and power of the cluster. All fields except `tokens` have defaults. */
export interface RunRequest {
  /** Tokens to train on. */
  readonly tokens: number
  /**
   * Failures that stop the job, per GPU and day; default 4.7e-4 (419 in 54 days on 16,384 GPUs: arXiv:2407.21783,
   * section 3.3.4).
   */
  readonly failuresPerGpuDay?: number
  /**
   * Seconds from a failure to the next step: the NCCL timeout of a hang (10 to 15 minutes), a new node, loading;
   * default 3600.
   */
  readonly restartSeconds?: number
  /** Steps between checkpoints; default: the interval with the least lost time (Young 1974), at most 1000. */
  readonly checkpointSteps?: number
  /** Checkpoint write bandwidth of all nodes together, bytes/s; default 2e9 per node. */
  readonly checkpointBandwidth?: number
  /**
   * Checkpoints are written asynchronously (`--async-save`): training waits for only a tenth of the writing time.
   * Default false.
   */
  readonly asyncCheckpoint?: boolean
  /** Power of a server relative to that of its GPUs (processors, memory, network, fans); default 1.5. */
  readonly serverPowerFactor?: number
  /** Power of the data center relative to that of its servers (PUE); default 1.2. */
  readonly powerUsageEffectiveness?: number
}

/** A validated request. */
export type ResolvedRun = Required<Omit<RunRequest, 'checkpointSteps' | 'checkpointBandwidth'>> &
  Pick<RunRequest, 'checkpointSteps' | 'checkpointBandwidth'>

/** Time lost to failures and checkpoints. */
export interface LostTime {
  /** Failures expected over the whole run. */
  readonly failures: number
  /** Days between failures. */
  readonly daysBetweenFailures: number
  readonly checkpointBytes: number
  /** Seconds that training waits for one checkpoint. */
  readonly checkpointSeconds: number
  readonly checkpointSteps: number
  /** Fractions of total time: repeating lost steps and restarting, and waiting for checkpoints. */
  readonly failureFraction: number
  readonly checkpointFraction: number
  /** Fraction of total time spent on useful training steps. */
  readonly goodput: number
}

/** Duration, energy and price of a run. */
export interface RunCost {
  readonly tokens: number
  readonly steps: number
  /** Including lost time. */
  readonly days: number
  readonly gpuDays: number
  /** The same without any failure or checkpoint. */
  readonly gpuDaysWithoutLoss: number
  readonly energyKilowattHours: number
  /** In the currency of the cluster's pricePerGpuHour; null without one. */
  readonly price: number | null
  readonly lost: LostTime
}

const runFields: Fields<RunRequest> = {
  tokens: 1,
  failuresPerGpuDay: 1,
  restartSeconds: 1,
  checkpointSteps: 1,
  checkpointBandwidth: 1,
  asyncCheckpoint: 1,
  serverPowerFactor: 1,
  powerUsageEffectiveness: 1,
}

/** @throws RangeError or TypeError naming the field */
export function validateRun(run: RunRequest): ResolvedRun {
  fields('run', run, runFields)
  const steps = run.checkpointSteps
  const bandwidth = run.checkpointBandwidth
  return {
    tokens: positive('run.tokens', run.tokens, 1e18),
    failuresPerGpuDay:
      run.failuresPerGpuDay === 0 ? 0 : positive('run.failuresPerGpuDay', run.failuresPerGpuDay ?? 4.7e-4, 1e3),
    restartSeconds: positive('run.restartSeconds', run.restartSeconds ?? 3600, 1e7),
    asyncCheckpoint: flag('run.asyncCheckpoint', run.asyncCheckpoint, false),
    serverPowerFactor: positive('run.serverPowerFactor', run.serverPowerFactor ?? 1.5, 10),
    powerUsageEffectiveness: positive('run.powerUsageEffectiveness', run.powerUsageEffectiveness ?? 1.2, 10),
    ...(steps !== undefined && { checkpointSteps: integer('run.checkpointSteps', steps, 1, 1e9) }),
    ...(bandwidth !== undefined && { checkpointBandwidth: positive('run.checkpointBandwidth', bandwidth, 1e15) }),
  }
}

/** The defaults, for comparing plans without a given run. */
export const defaultRun: ResolvedRun = validateRun({ tokens: 1 })

/**
 * Expected loss to failures and checkpoints, for steps of `stepSeconds`. A failure loses half an interval on average,
 * and the restart.
 * @param parameters the model's parameter count, given to avoid counting again for every plan
 * @see Young 1974, doi:10.1145/361147.361115, for the interval
 */
export function lostTime(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  stepSeconds: number,
  run: ResolvedRun,
  parameters: number = totalParameters(model),
): Omit<LostTime, 'failures'> {
  // bf16 weights, fp32 master weights and two moments.
  const checkpointBytes = 14 * parameters
  const writing = checkpointBytes / (run.checkpointBandwidth ?? 2e9 * cluster.nodes)
  const checkpointSeconds = run.asyncCheckpoint ? 0.1 * writing : writing
  const perSecond = (run.failuresPerGpuDay * cluster.gpuCount) / 86_400
  const best = perSecond === 0 ? Number.POSITIVE_INFINITY : Math.sqrt((2 * checkpointSeconds) / perSecond)
  const checkpointSteps = run.checkpointSteps ?? Math.max(1, Math.min(1000, Math.round(best / stepSeconds)))
  const interval = checkpointSteps * stepSeconds
  const perTraining = checkpointSeconds / interval
  const failing = Math.min(0.99, perSecond * (interval / 2 + run.restartSeconds))
  // Each second of training also waits for checkpoints, and the fraction lost to failures is repeated.
  const goodput = (1 - failing) / (1 + perTraining)
  return {
    daysBetweenFailures: perSecond === 0 ? Number.POSITIVE_INFINITY : 1 / (perSecond * 86_400),
    checkpointBytes,
    checkpointSeconds,
    checkpointSteps,
    failureFraction: failing,
    checkpointFraction: 1 - failing - goodput,
    goodput,
  }
}

/** Days, energy and price of a run at a given step time. */
export function runCost(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  stepSeconds: number,
  run: ResolvedRun,
): RunCost {
  const steps = Math.ceil(run.tokens / (plan.globalBatchSize * plan.sequenceLength))
  const lost = lostTime(model, cluster, stepSeconds, run)
  const seconds = (steps * stepSeconds) / lost.goodput
  const gpuHours = (seconds / 3600) * cluster.gpuCount
  const kilowatts = (cluster.gpu.watts * run.serverPowerFactor * run.powerUsageEffectiveness) / 1000
  return {
    tokens: run.tokens,
    steps,
    days: seconds / 86_400,
    gpuDays: gpuHours / 24,
    gpuDaysWithoutLoss: (steps * stepSeconds * cluster.gpuCount) / 86_400,
    energyKilowattHours: gpuHours * kilowatts,
    price: cluster.pricePerGpuHour === undefined ? null : gpuHours * cluster.pricePerGpuHour,
    lost: { failures: seconds / 86_400 / lost.daysBetweenFailures, ...lost },
  }
}
