/**
 * Uses a schedule and an optimizer of `@kumiki/optim` in the training loop of another library. Its parameters are plain
 * Float32Arrays; no other package is needed.
 */
import {
  adamw,
  chain,
  clipGlobalNorm,
  type Optimizer,
  type Schedule,
  scheduleFromJSON,
  scheduleToJSON,
  stateFromJSON,
  stateToJSON,
  wsd,
} from '@kumiki/optim'

/** The other library's model: y = x w + b, squared error. */
interface Line {
  readonly w: Float32Array
  readonly b: Float32Array
}
const data = Array.from({ length: 64 }, (_, i) => ({ x: i / 32 - 1, y: 2 * (i / 32 - 1) - 0.5 }))

function gradients({ w, b }: Line): Line {
  const grads = { w: new Float32Array(1), b: new Float32Array(1) }
  for (const { x, y } of data) {
    const error = (2 * (w[0] * x + b[0] - y)) / data.length
    grads.w[0] += error * x
    grads.b[0] += error
  }
  return grads
}

/** The other library's training loop. */
function fit(schedule: Schedule, optimizer: Optimizer, from: number, to: number, params: Line, state: unknown) {
  let current = { params, state: state as ReturnType<Optimizer['init']> }
  for (let step = from; step < to; step++)
    current = optimizer.update(
      gradients(current.params),
      current.state as never,
      current.params,
      optimizer.scalars(step + 1, schedule(step)),
      { inPlace: true },
    )
  return current
}

/**
 * Fits for half the steps, saves everything as JSON, and resumes from it.
 * @returns w near 2, b near -0.5
 */
export function fitAndResume(): { w: number; b: number } {
  const schedule = wsd({ peak: 0.1, warmupSteps: 10, steps: 300, decaySteps: 100 })
  const optimizer = chain(clipGlobalNorm(1), adamw({ weightDecay: 0 }))
  const start = (): Line => ({ w: new Float32Array(1), b: new Float32Array(1) })
  const half = fit(schedule, optimizer, 0, 150, start(), optimizer.init(start()))
  const text = JSON.stringify({
    schedule: scheduleToJSON(schedule),
    params: stateToJSON(half.params),
    state: stateToJSON(half.state),
  })
  const saved = JSON.parse(text)
  const params = stateFromJSON(saved.params, start())
  const end = fit(
    scheduleFromJSON(saved.schedule),
    optimizer,
    150,
    300,
    params,
    stateFromJSON(saved.state, optimizer.init(start())),
  )
  return { w: end.params.w[0], b: end.params.b[0] }
}
