/** A run: what is trained, on what, how and for how long; and observers, who see every step of it. */
import type { HeldOutLoss, HeldOutText } from '../evaluation.ts'
import type { StepMetrics } from '../step-metrics.ts'
import { Trainer, type TrainerOptions } from '../trainer.ts'

/** When a run stands still: a step is over, the next one has not begun. */
export interface RunCadence {
  /** Steps between checkpoints. Default: none but the last. */
  readonly checkpointSteps?: number
  /** Minutes after which there is one in any case. Default: never. */
  readonly checkpointMinutes?: number
  /** Steps between evaluations on held-out text. Default: none but the last. */
  readonly evaluationSteps?: number
}

export interface RunOptions extends TrainerOptions {
  /** Updates in all, those before a resume included. */
  readonly steps: number
  readonly cadence?: RunCadence
  /** What evaluations are made on; without it there are none. */
  readonly heldOut?: HeldOutText
}

export interface RunEvaluation extends HeldOutLoss {
  /** Updates made before it. */
  readonly step: number
}

/** How a run ended: all steps made, stopped on request, or with an error. */
export type RunEnd =
  | { readonly kind: 'finished' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: unknown }

/** Watches a run: a log, a progress bar, a report. Each call is awaited, in the order of the list. */
export interface RunObserver {
  /** Before the first step of this process. */
  onStart?(run: Run): void | Promise<void>
  /** After every step, in order. The next one may be under way. */
  onStep?(metrics: StepMetrics, run: Run): void | Promise<void>
  /** Where a checkpoint is due: no step is under way, `run.trainer.snapshot()` is the state. */
  onCheckpoint?(run: Run): void | Promise<void>
  onEvaluation?(evaluation: RunEvaluation, run: Run): void | Promise<void>
  /** At the end, whatever it is. What it throws becomes the run's error, and the end of those after it. */
  onEnd?(end: RunEnd, run: Run): void | Promise<void>
}

/** Asks a run to stop: after the current step, with a checkpoint. `StopSignals` of @kumiki/train/node is one. */
export interface RunStop {
  /** Truthy once it is asked for. */
  readonly requested: unknown
  /** Aborted with the request: ends an evaluation at once. */
  readonly signal: AbortSignal
  /** Lets a request come in, and says whether there is one. */
  listen(): Promise<unknown>
}

const never: RunStop = { requested: false, signal: new AbortController().signal, listen: async () => false }

/**
 * A run of a model. `create` it, `trainer.restore` a snapshot where it goes on with one, `train` it, `dispose` it.
 * @example
 * const run = Run.create({ device, model, data, optimizer, schedule, steps: 100 }, [{ onStep: ({ loss }) => console.log(loss) }])
 * await run.train()
 */
export class Run {
  readonly options: RunOptions
  readonly trainer: Trainer
  /** Steps that were evaluated before; they are not evaluated again. Observers that know of some add them in `onStart`. */
  readonly evaluated = new Set<number>()
  private readonly observers: readonly RunObserver[]

  private constructor(options: RunOptions, observers: readonly RunObserver[]) {
    this.options = options
    this.observers = observers
    this.trainer = Trainer.create(options)
  }

  /** @throws RangeError for what does not fit together */
  static create(options: RunOptions, observers: readonly RunObserver[] = []): Run {
    const { steps, cadence = {} } = options
    const { checkpointSteps, evaluationSteps, checkpointMinutes } = cadence
    for (const [name, value] of Object.entries({ steps, checkpointSteps, evaluationSteps }))
      if (value !== undefined && (!Number.isInteger(value) || value < 1))
        throw new RangeError(`Run: ${name} must be an integer of at least 1, got ${value}`)
    if (checkpointMinutes !== undefined && !(checkpointMinutes > 0))
      throw new RangeError(`Run: checkpointMinutes must be above 0, got ${checkpointMinutes}`)
    return new Run(options, observers)
  }

  /** Updates in all. */
  get steps(): number {
    return this.options.steps
  }

  /**
   * Makes the steps that are left.
   * @param stop asks for an early end
   * @returns how it ended
   * @throws whatever the trainer or an observer throws, after `onEnd` of all observers
   */
  async train(stop: RunStop = never): Promise<RunEnd> {
    let end: RunEnd
    try {
      await this.tell((observer) => observer.onStart?.(this))
      await this.makeSteps(stop)
      end = { kind: this.trainer.step < this.steps ? 'stopped' : 'finished' }
    } catch (error) {
      end = { kind: 'failed', error }
    }
    for (const observer of this.observers) {
      try {
        await observer.onEnd?.(end, this)
      } catch (error) {
        end = { kind: 'failed', error }
      }
    }
    if (end.kind === 'failed') throw end.error
    return end
  }

  dispose(): void {
    this.trainer.dispose()
  }

  private async tell(call: (observer: RunObserver) => void | Promise<void> | undefined): Promise<void> {
    for (const observer of this.observers) await call(observer)
  }

  private async makeSteps(stop: RunStop): Promise<void> {
    const { trainer, steps } = this
    const {
      checkpointSteps = steps,
      evaluationSteps = steps,
      checkpointMinutes = Number.POSITIVE_INFINITY,
    } = this.options.cadence ?? {}
    let lastSaved = performance.now()
    let savedStep = trainer.step
    const late = () => performance.now() - lastSaved >= checkpointMinutes * 60_000
    const step = (metrics: StepMetrics) => this.tell((observer) => observer.onStep?.(metrics, this))
    const save = () => this.tell((observer) => observer.onCheckpoint?.(this))
    // In pieces, so that no step is under way when a checkpoint or an evaluation looks at the state.
    while (trainer.step < steps && !(await stop.listen())) {
      const next = Math.min(
        steps,
        nextMultiple(trainer.step, checkpointSteps),
        nextMultiple(trainer.step, evaluationSteps),
      )
      for await (const metrics of trainer.run(next)) {
        await step(metrics)
        if ((await stop.listen()) || late()) break
      }
      // The step that was under way.
      for await (const metrics of trainer.run(trainer.step)) await step(metrics)
      const last = trainer.step === steps
      if (trainer.step % checkpointSteps === 0 || last || late() || stop.requested) {
        await save()
        lastSaved = performance.now()
        savedStep = trainer.step
      }
      if ((trainer.step % evaluationSteps === 0 || last) && !stop.requested) await this.evaluate(stop)
    }
    // A request may have come during an evaluation.
    if (trainer.step !== savedStep) await save()
  }

  private async evaluate(stop: RunStop): Promise<void> {
    const { heldOut } = this.options
    const { step } = this.trainer
    if (!heldOut || this.evaluated.has(step)) return
    try {
      const loss = await this.trainer.evaluate(heldOut, { signal: stop.signal })
      this.evaluated.add(step)
      await this.tell((observer) => observer.onEvaluation?.({ step, ...loss }, this))
    } catch (error) {
      if (!stop.requested) throw error
    }
  }
}

function nextMultiple(step: number, every: number): number {
  return (Math.floor(step / every) + 1) * every
}
