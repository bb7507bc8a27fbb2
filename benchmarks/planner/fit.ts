/**
 * Fits the planner's efficiencies to measured step times: weighted, robust to outliers, with a penalty towards a prior.
 */
import { type Efficiency, estimateRun } from '@kumiki/planner'
import { type PublishedRow, sourceOf, timeError, weights } from './score.ts'

type Tree = Record<string, number | Record<string, number>>

type Path = readonly [name: string, part?: string]

/** Paths of the numbers in an efficiency table. */
function paths(tree: Tree): Path[] {
  return Object.entries(tree).flatMap(([name, value]): Path[] =>
    typeof value === 'number' ? [[name]] : Object.keys(value).map((part): Path => [name, part]),
  )
}

/** The starting point: round numbers of the magnitude that kernel benchmarks show for each GPU generation. */
export const prior: Efficiency = {
  matmul: { ampere: 0.85, hopper: 0.7, blackwell: 0.65 },
  attention: { ampere: 0.4, hopper: 0.5, blackwell: 0.5 },
  flash2: 0.5,
  fp8: 0.9,
  memory: 0.7,
  unfused: 0.5,
  layerLatency: 50e-6,
  expertLatency: 500e-6,
  exposedTensorParallel: 0.4,
  interference: 0.1,
  spread: 0.01,
  stepLatency: 0.04,
}

const keys = paths(prior as unknown as Tree)
/** Whether a parameter is a fraction of a peak, which must stay below 1. */
const bounded = (key: Path) => !key[0].endsWith('Latency')

function read(efficiency: Efficiency): number[] {
  const tree = efficiency as unknown as Tree
  return keys.map(([name, part]) =>
    Math.log(part ? (tree[name] as Record<string, number>)[part] : (tree[name] as number)),
  )
}

function write(logs: readonly number[]): Efficiency {
  const tree: Tree = {}
  keys.forEach(([name, part], i) => {
    const value = Math.exp(bounded(keys[i]) ? Math.min(logs[i], Math.log(0.99)) : logs[i])
    if (part) tree[name] = { ...(tree[name] as Record<string, number> | undefined), [part]: value }
    else tree[name] = value
  })
  return tree as unknown as Efficiency
}

export interface Fit {
  readonly efficiency: Efficiency
  /** Rows that had a step time or throughput. */
  readonly rows: number
  readonly lossBefore: number
  readonly loss: number
}

/**
 * Minimizes the weighted mean of |log(estimated / measured)|, smooth below 5 % and constant above 30 % (so far off, the
 * model misses something that no efficiency should make up for), by coordinate descent in the logarithms of the
 * parameters.
 * @param ridge factor of the penalty: the squared logarithm of parameter / prior
 */
export function fit(rows: readonly PublishedRow[], ridge = 0.01): Fit {
  const used = rows.filter((row) => !row.exclude_from_stats && timeError(row, estimateRun(row)) !== null)
  const weight = weights(used.map((row) => ({ id: row.id, source: sourceOf(row), error: 0 })))
  const start = read(prior)
  const loss = (logs: readonly number[]) => {
    const efficiency = write(logs)
    let sum = 0
    used.forEach((row, i) => {
      const error = Math.log(1 + (timeError(row, estimateRun(row, efficiency)) as number))
      sum += weight[i] * Math.sqrt(0.05 ** 2 + Math.min(Math.abs(error), 0.3) ** 2)
    })
    return sum + ridge * logs.reduce((total, value, i) => total + (value - start[i]) ** 2, 0)
  }
  let logs = start
  let best = loss(logs)
  const lossBefore = best
  for (let size = 0.2; size > 0.004; size /= 1.6) {
    for (let round = 0; round < 6; round++) {
      const before = best
      for (let i = 0; i < logs.length; i++) {
        for (const step of [size, -size]) {
          const tried = logs.with(i, logs[i] + step)
          const value = loss(tried)
          if (value < best) {
            best = value
            logs = tried
            break
          }
        }
      }
      if (before - best < 1e-5) break
    }
  }
  return { efficiency: write(logs), rows: used.length, lossBefore, loss: best }
}
