/** The observer that serves a run's live page. Node only. */
import type { RunObserver } from '../run/run.ts'
import type { StepMetrics } from '../step-metrics.ts'
import { History } from './history.ts'
import { PauseGate } from './pause.ts'
import { LiveServer, type LiveStatus } from './server.ts'

export interface LivePageOptions {
  readonly name: string
  /** Default: any free port. */
  readonly port?: number
  readonly device?: string
  /** Metrics of earlier steps, of a resumed run. */
  readonly earlier?: readonly Partial<StepMetrics>[]
}

export interface LivePage extends RunObserver {
  /** Address of the page. */
  readonly url: string
  /** The token that pause and resume requests need. */
  readonly token: string
  /** For `withPause`. */
  readonly gate: PauseGate
  /** Ends the server; `onEnd` does it too. */
  close(): Promise<void>
}

/**
 * Serves a page of live charts, on 127.0.0.1 only. It is read-only except for pause and resume, which need a token.
 * @throws Error if the port is in use
 */
export async function livePageObserver(options: LivePageOptions): Promise<LivePage> {
  const { name, port = 0, device, earlier = [] } = options
  const history = new History()
  for (const metrics of earlier) if (metrics.step !== undefined) history.push(metrics.step, metrics)
  const gate = new PauseGate()
  const evaluations: [number, number][] = []
  let state: LiveStatus['state'] = 'training'
  let [first, step, steps, began] = [0, 0, 0, performance.now()]
  const secondsLeft = () =>
    step > first ? ((performance.now() - began) / 1000 / (step - first)) * (steps - step) : undefined
  const status = (): LiveStatus => ({
    name,
    state: state === 'training' && gate.paused ? 'paused' : state,
    step,
    steps,
    secondsLeft: secondsLeft() === undefined ? undefined : Math.round(secondsLeft()!),
    device,
    evaluations,
  })
  const server = await LiveServer.start({ port, history, status, gate })
  return {
    url: server.url,
    token: server.token,
    gate,
    close: () => server.close(),
    onStart(run) {
      first = run.trainer.step
      step = first
      steps = run.steps
      began = performance.now()
    },
    onStep(metrics) {
      step = metrics.step
      history.push(step, metrics)
    },
    onEvaluation({ step: at, natsPerToken }) {
      evaluations.push([at, natsPerToken])
      if (evaluations.length > 1000) evaluations.splice(1, 1)
    },
    onRewind({ toStep }) {
      history.rewind(toStep)
    },
    async onEnd({ kind }) {
      state = kind
      await server.close()
    },
  }
}
