/** Compares the results of every kernel, then times the implementations alternately. */
import { type AskedProcess, startProcess } from '../common/child-process.ts'
import { loadAverage } from '../common/load-average.ts'
import type { BackendName } from '../common/options.ts'
import { type KernelCase, largestDifference, tolerance } from './cases.ts'
import type { ContestantSpec, Peer, ReadyReport, Request } from './contestant.ts'
import { takeTurns } from './turns.ts'

/** One kernel in both implementations. */
export interface Measurement {
  readonly case: KernelCase
  readonly backend: BackendName
  /** Threads of the cpu backend. */
  readonly threads?: number
  readonly adapter: string
  /** Load average after the last round. */
  readonly loadAverage: number
  readonly largestDifference: number
  /** Seconds per call in each round. */
  readonly kumiki: readonly number[]
  readonly peer: Peer
  readonly theirs: readonly number[]
}

export class ResultsDiffer extends Error {}

export interface MeasureOptions {
  readonly backend: BackendName
  readonly peer: Peer
  readonly threads: readonly number[]
  readonly cases: readonly KernelCase[]
  readonly rounds: number
  readonly log: (line: string) => void
}

/** Yields each measurement when it is made. @throws ResultsDiffer if results differ, before the kernel is timed */
export async function* measure({
  backend,
  peer,
  threads,
  cases,
  rounds,
  log,
}: MeasureOptions): AsyncGenerator<Measurement> {
  const specs = threads.flatMap((t): ContestantSpec[] => [
    { implementation: 'kumiki', backend, threads: t },
    { implementation: peer, backend, threads: t },
  ])
  const processes: AskedProcess<ReadyReport>[] = []
  const ask = <Reply>(i: number, request: Request) => processes[i].ask<Reply>(request)
  try {
    for (const spec of specs)
      processes.push(
        await startProcess(new URL('child.ts', import.meta.url), spec, `${spec.implementation} on ${spec.backend}`),
      )
    for (const c of cases) {
      const results: Float32Array[][] = []
      for (const i of specs.keys()) results.push(await ask<Float32Array[]>(i, { kind: 'prepare', case: c }))
      const differences = threads.map((_, pair) => {
        const difference = largestDifference(results[2 * pair], results[2 * pair + 1])
        if (!(difference <= tolerance))
          throw new ResultsDiffer(`${c.name}: results differ by ${difference.toExponential(1)} (limit ${tolerance})`)
        return difference
      })
      const seconds = await takeTurns(
        processes.map((_, i) => (calls) => ask<number>(i, { kind: 'time', calls })),
        rounds,
      )
      for (const i of specs.keys()) await ask(i, { kind: 'dispose' })
      log(`${c.name} on ${backend}: results agree to ${Math.max(...differences).toExponential(1)}`)
      for (const [pair, count] of threads.entries())
        yield {
          case: c,
          backend,
          ...(backend === 'cpu' ? { threads: count } : {}),
          adapter: processes[2 * pair].ready.adapter,
          loadAverage: loadAverage(),
          largestDifference: differences[pair],
          kumiki: seconds[2 * pair],
          peer,
          theirs: seconds[2 * pair + 1],
        }
    }
  } finally {
    for (const p of processes) p.stop()
  }
}
