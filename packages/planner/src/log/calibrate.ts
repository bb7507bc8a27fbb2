/** Calibrates a cluster's sustained rates from the logs of its runs. */
import { validateCluster } from '../cluster/cluster.ts'
import { type Efficiency, fittedEfficiency } from '../estimate/efficiency.ts'
import { estimate, type PlanRequest } from '../estimate/estimate.ts'

/** A run and its measured step time. */
export interface MeasuredRun {
  readonly request: PlanRequest
  /** Median step time in seconds. */
  readonly seconds: number
}

export interface Calibration {
  /** For `cluster.efficiency`. */
  readonly efficiency: Partial<Efficiency>
  /** The factor applied to all compute rates. */
  readonly factor: number
  /** Fraction of the peak that matrix products sustain, before and after calibration. */
  readonly before: number
  readonly after: number
  /** Whether rates within bounds explain the times; if not, the cause is not compute. */
  readonly reached: boolean
  /** Estimated over measured step time of each run, after calibration. */
  readonly ratios: readonly number[]
}

/** Lower bound of the factor; the upper bound is where a rate reaches the peak. */
const minFactor = 0.1

/**
 * One factor for the rates of compute (matrix products, attention, memory), so that estimates match logs: exactly for
 * one run, in the geometric mean for several. Network rates are not changed, because a step time does not separate
 * them.
 * @throws RangeError without a run, for an invalid time, or for runs on GPUs of different architectures
 * @example
 * const predicted = estimate({ model, cluster, plan: own }).stepSeconds
 * calibrate([{ request: { model, cluster, plan: own }, seconds: 1.1 * predicted }]).factor // 0.894
 */
export function calibrate(runs: readonly MeasuredRun[]): Calibration {
  if (runs.length === 0) throw new RangeError('calibrate: at least one run is needed')
  for (const { seconds } of runs)
    if (!(seconds > 0 && Number.isFinite(seconds)))
      throw new RangeError(`calibrate: seconds must be above 0, got ${seconds}`)
  const architectures = new Set(runs.map(({ request }) => validateCluster(request.cluster).gpu.architecture))
  if (architectures.size > 1)
    throw new RangeError(
      `calibrate: the runs are on ${[...architectures].join(' and ')} GPUs; calibrate each architecture separately`,
    )
  const [architecture] = architectures
  const scaled = (factor: number): Partial<Efficiency> => {
    const rate = (value: number) => Math.min(0.99, value * factor)
    const { matmul, attention, memory } = fittedEfficiency
    return {
      matmul: { ...matmul, [architecture]: rate(matmul[architecture]) },
      attention: { ...attention, [architecture]: rate(attention[architecture]) },
      memory: rate(memory),
    }
  }
  const ratiosAt = (factor: number) =>
    runs.map(({ request, seconds }) => {
      const efficiency = { ...request.cluster.efficiency, ...scaled(factor) }
      return estimate({ ...request, cluster: { ...request.cluster, efficiency } }).stepSeconds / seconds
    })
  const error = (factor: number) => ratiosAt(factor).reduce((sum, ratio) => sum + Math.log(ratio), 0)
  let [low, high] = [minFactor, 0.99 / Math.min(fittedEfficiency.matmul[architecture], fittedEfficiency.memory)]
  const reached = error(low) >= 0 && error(high) <= 0
  for (let i = 0; i < 50 && reached; i++) {
    const middle = Math.sqrt(low * high)
    if (error(middle) > 0) low = middle
    else high = middle
  }
  const factor = reached ? Math.sqrt(low * high) : error(low) < 0 ? low : high
  const efficiency = scaled(factor)
  return {
    efficiency,
    factor,
    before: fittedEfficiency.matmul[architecture],
    after: efficiency.matmul![architecture],
    reached,
    ratios: ratiosAt(factor),
  }
}
