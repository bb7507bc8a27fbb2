/** The process of one implementation of the training step. */
import { startProcess } from '../common/child-process.ts'
import type { ContestantSpec, MemoryReport, ReadyReport, Request, StepsReport } from './contestant.ts'

export interface ContestantProcess {
  readonly spec: ContestantSpec
  readonly ready: ReadyReport
  steps(count: number): Promise<StepsReport>
  memory(): Promise<MemoryReport>
  stop(): void
}

/** @throws Error if the process ends before it is ready */
export async function startContestant(spec: ContestantSpec): Promise<ContestantProcess> {
  const script = new URL('child.ts', import.meta.url)
  const { ready, ask, stop } = await startProcess<ReadyReport>(
    script,
    spec,
    `${spec.implementation} on ${spec.backend}`,
  )
  return {
    spec,
    ready,
    steps: (count) => ask<StepsReport>({ kind: 'steps', count } satisfies Request),
    memory: () => ask<MemoryReport>({ kind: 'memory' } satisfies Request),
    stop,
  }
}
