/** Checks whether a budget of GPU-days suffices for a training run. */
import { type Fields, fields, positive } from '../check.ts'
import { findGpu, type Gpu } from '../cluster/gpus.ts'
import { modelFlopsPerToken, type PlannerModel, validateModel } from '../model/model.ts'

export interface BudgetRequest {
  readonly model: PlannerModel
  /** Tokens to train on. */
  readonly tokens: number
  readonly gpu: Gpu | string
  /** GPUs times days. */
  readonly gpuDays: number
  /** Tokens in a sequence; default 4096. */
  readonly sequenceLength?: number
  /** Precision of the run; default bf16. */
  readonly precision?: 'bf16' | 'fp8'
}

export interface BudgetAssessment {
  /** Model FLOPs of the run, with causal attention counted as half. */
  readonly totalFlops: number
  /** GPU-days at the full peak, a lower bound. */
  readonly gpuDaysAtPeak: number
  /** Utilisation that the budget requires; above 1 is impossible. */
  readonly requiredMfu: number
  readonly possible: boolean
  /** GPU-days at typical utilisations of large runs. */
  readonly gpuDaysAt: Readonly<Record<'0.35' | '0.40' | '0.45' | '0.50', number>>
  readonly verdict: string
}

const requestFields: Fields<BudgetRequest> = {
  model: 1,
  tokens: 1,
  gpu: 1,
  gpuDays: 1,
  sequenceLength: 1,
  precision: 1,
}

/**
 * Compares a budget with the FLOPs of training.
 * @throws RangeError or TypeError naming an invalid or unknown field
 * @example assessBudget({ model, tokens: 10e12, gpu: 'H200', gpuDays: 12_000 }).possible // true
 */
export function assessBudget(request: BudgetRequest): BudgetAssessment {
  fields('request', request, requestFields)
  const model = validateModel(request.model)
  const gpu = typeof request.gpu === 'string' ? findGpu(request.gpu) : request.gpu
  const tokens = positive('tokens', request.tokens, 1e18)
  const gpuDays = positive('gpuDays', request.gpuDays, 1e12)
  const sequenceLength = positive('sequenceLength', request.sequenceLength ?? 4096, 2 ** 28)
  const precision = request.precision ?? 'bf16'
  const peak = precision === 'fp8' ? gpu.peakFp8 : gpu.peakBf16
  if (peak === null) throw new RangeError(`precision: ${gpu.name} has no fp8`)
  const totalFlops = tokens * modelFlopsPerToken(model, sequenceLength, true)
  const gpuDaysAtPeak = totalFlops / (peak * 86_400)
  const requiredMfu = gpuDaysAtPeak / gpuDays
  const percent = `${(100 * requiredMfu).toFixed(0)} %`
  const verdict =
    requiredMfu > 1
      ? `impossible: it requires ${percent} of the ${precision} peak of ${gpu.name}; even at the peak, ${Math.ceil(gpuDaysAtPeak)} GPU-days are needed`
      : requiredMfu > 0.6
        ? `not reached by any published run: it requires ${percent} of the ${precision} peak of ${gpu.name}`
        : `feasible: it requires ${percent} of the ${precision} peak of ${gpu.name}`
  const at = (mfu: number) => gpuDaysAtPeak / mfu
  return {
    totalFlops,
    gpuDaysAtPeak,
    requiredMfu,
    possible: requiredMfu <= 1,
    gpuDaysAt: { '0.35': at(0.35), '0.40': at(0.4), '0.45': at(0.45), '0.50': at(0.5) },
    verdict,
  }
}
