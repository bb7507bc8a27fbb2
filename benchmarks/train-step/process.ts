/** Holds an implementation in a process of its own, so that none disturbs another's memory, workers or compiled code. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ContestantSpec, MemoryReport, ReadyReport, Reply, Request, StepsReport } from './contestant.ts'

export interface ContestantProcess {
  readonly spec: ContestantSpec
  readonly ready: ReadyReport
  steps(count: number): Promise<StepsReport>
  memory(): Promise<MemoryReport>
  stop(): void
}

/** @throws Error if the process ends before it is ready */
export async function startContestant(spec: ContestantSpec): Promise<ContestantProcess> {
  const script = fileURLToPath(new URL('child.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(spec)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const ask = async (request: Request) => {
    const answer = nextReply(child, spec)
    child.send(request)
    return answer
  }
  return {
    spec,
    ready: (await nextReply(child, spec)) as Reply & { kind: 'ready' },
    steps: async (count) => (await ask({ kind: 'steps', count })) as Reply & { kind: 'steps' },
    memory: async () => (await ask({ kind: 'memory' })) as Reply & { kind: 'memory' },
    stop: () => void child.kill(),
  }
}

function nextReply(child: ChildProcess, spec: ContestantSpec): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => {
      child.off('message', onMessage)
      reject(new Error(`${spec.implementation} on ${spec.backend} ended with exit code ${code}`))
    }
    const onMessage = (reply: Reply) => {
      child.off('exit', onExit)
      resolve(reply)
    }
    child.once('exit', onExit)
    child.once('message', onMessage)
  })
}
