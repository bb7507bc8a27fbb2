/**
 * Runs an implementation in a process of its own, so that implementations do not share memory, workers or compiled
 * code.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A child process that answers requests, one at a time: the reply to a request is the process's next message. */
export interface AskedProcess<Ready> {
  /** The process's first message. */
  readonly ready: Ready
  ask<Reply>(request: object): Promise<Reply>
  stop(): void
}

/**
 * @param spec passed to the script as JSON, its only argument
 * @param name of the process in error messages
 * @throws Error if the process ends before it is ready
 */
export async function startProcess<Ready>(script: URL, spec: object, name: string): Promise<AskedProcess<Ready>> {
  const child = fork(fileURLToPath(script), [JSON.stringify(spec)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced', // structured clone: typed arrays stay typed arrays
  })
  return {
    ready: (await nextReply(child, name)) as Ready,
    async ask<Reply>(request: object) {
      const answer = nextReply(child, name)
      child.send(request)
      return (await answer) as Reply
    },
    stop: () => void child.kill(),
  }
}

function nextReply(child: ChildProcess, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) => {
      child.off('message', onMessage)
      reject(new Error(`${name} ended with ${signal ?? `exit code ${code}`}`))
    }
    const onMessage = (reply: unknown) => {
      child.off('exit', onExit)
      resolve(reply)
    }
    child.once('exit', onExit)
    child.once('message', onMessage)
  })
}
