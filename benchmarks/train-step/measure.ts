/** Compares losses, then times the implementations alternately. */
import type { BackendName } from '../common/options.ts'
import type { ContestantSpec, MemoryReport, StepsReport } from './contestant.ts'
import { type ContestantProcess, startContestant } from './process.ts'
import { checkedSteps, lossTolerance, tokensPerStep } from './workload.ts'

export interface Measurement extends MemoryReport {
  readonly spec: ContestantSpec
  readonly adapter: string
  /** Losses of the checked steps. */
  readonly losses: readonly number[]
  /** Seconds of the first step, which traces and compiles. */
  readonly firstStepSeconds: number
  /** Tokens per second of each round. */
  readonly rounds: readonly number[]
}

export class LossesDiffer extends Error {}

export interface MeasureOptions {
  readonly backend: BackendName
  readonly threads: readonly number[]
  readonly rounds: number
  /** Steps of one implementation in one round. */
  readonly steps: number
  readonly log: (line: string) => void
}

/** @throws LossesDiffer, with a table of the losses, before anything is timed */
export async function measure({ backend, threads, rounds, steps, log }: MeasureOptions): Promise<Measurement[]> {
  const specs = threads.flatMap((t): ContestantSpec[] => [
    { implementation: 'kumiki', backend, threads: t },
    { implementation: 'jax-js', backend, threads: t },
  ])
  const contestants: ContestantProcess[] = []
  try {
    for (const spec of specs) contestants.push(await startContestant(spec))
    const first: StepsReport[] = []
    for (const contestant of contestants) {
      first.push(await contestant.steps(checkedSteps))
      log(`${nameOf(contestant.spec)}: ${checkedSteps} steps, first ${first.at(-1)!.seconds[0].toFixed(2)} s`)
    }
    const losses = first.map((f) => f.losses)
    const difference = largestDifference(losses)
    const table = lossTable(specs, losses)
    if (!(difference <= lossTolerance))
      throw new LossesDiffer(`losses differ by ${difference.toExponential(1)} (limit ${lossTolerance})\n${table}`)
    log(`losses agree to ${difference.toExponential(1)} (limit ${lossTolerance})\n${table}`)

    const speeds: number[][] = specs.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [i, contestant] of contestants.entries()) {
        const { seconds } = await contestant.steps(steps)
        speeds[i].push((steps * tokensPerStep) / seconds.reduce((a, b) => a + b))
      }
      log(
        `round ${round + 1}: ${specs.map((s, i) => `${nameOf(s)} ${speeds[i][round].toFixed(0)}`).join(', ')} tokens/s`,
      )
    }
    return await Promise.all(
      contestants.map(async ({ spec, ready, memory }, i) => ({
        spec,
        adapter: ready.adapter,
        losses: losses[i],
        firstStepSeconds: first[i].seconds[0],
        rounds: speeds[i],
        ...(await memory()),
      })),
    )
  } finally {
    for (const contestant of contestants) contestant.stop()
  }
}

export function nameOf({ implementation, backend, threads }: ContestantSpec): string {
  return backend === 'cpu' ? `${implementation} ${backend} x${threads}` : `${implementation} ${backend}`
}

/** The largest relative difference of any implementation from the first, over all steps; NaN counts. */
export function largestDifference(losses: readonly (readonly number[])[]): number {
  const differences = losses.flatMap((own) => own.map((loss, step) => Math.abs(loss / losses[0][step] - 1)))
  return differences.some(Number.isNaN) ? Number.NaN : Math.max(...differences)
}

function lossTable(specs: readonly ContestantSpec[], losses: readonly (readonly number[])[]): string {
  const rows = specs.map((spec, i) => `  ${nameOf(spec).padEnd(16)} ${losses[i].map((l) => l.toFixed(5)).join(' ')}`)
  return rows.join('\n')
}
