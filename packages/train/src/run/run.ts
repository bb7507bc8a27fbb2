/** A run: what is trained, on what, how and for how long; and observers, who see every step of it. */
import type { HeldOutLoss, HeldOutText } from '../evaluation.ts'
import type { TrainerSnapshot } from '../snapshot.ts'
import type { StepMetrics } from '../step-metrics.ts'
import { Trainer } from '../trainer.ts'
import type { TrainerOptions } from '../trainer-options.ts'
import { TrainingError } from '../training-error.ts'
import { EarlyStop, type EarlyStopOptions } from './early-stop.ts'

/** When a run stands still: a step is over, the next one has not begun. */
export interface RunCadence {
  /** Steps between checkpoints. Default: none but the last. */
  readonly checkpointSteps?: number
  /** Minutes after which there is one in any case. Default: never; half a minute with `keepState`. */
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
  /** Ends the run where evaluations no longer become better. Default: never. */
  readonly earlyStop?: EarlyStopOptions
  /**
   * Ends the run after the first step beyond these, as if that step were its last; one that has used them up already makes none. Minutes count
   * from `train()` on, over those that were spent before (default 0).
   */
  readonly budget?: { readonly minutes?: number; readonly tokens?: number; readonly spentMinutes?: number }
  /** Figures of one's own that are added to each step's metrics before observers see them. */
  readonly figures?: (metrics: StepMetrics, run: Run) => Readonly<Record<string, number>>
  /**
   * What a loss or gradient that is no number does: `stop` ends the run (default); `rewind` goes back to the last checkpoint, kept in memory, and
   * leaves the batches since then out. After three rewinds that did not get past the step, the run ends.
   */
  readonly onNonFinite?: 'stop' | 'rewind'
  /**
   * Whether the state of each checkpoint stays in the host's memory, as `kept`: for a run without a folder, which `trainThroughDeviceLoss` goes on
   * with on another device. It takes the bytes of a checkpoint. Default false.
   */
  readonly keepState?: boolean
}

export interface RunEvaluation extends HeldOutLoss {
  /** Updates made before it. */
  readonly step: number
}

/** How a run ended: all steps made (or `because` of a budget or an early stop before that), stopped on request, or with an error. */
export type RunEnd =
  | { readonly kind: 'finished'; readonly because?: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: unknown }

/** A run that went back since a loss or gradient was no number. */
export interface RunRewind {
  /** The step that failed. */
  readonly fromStep: number
  /** The one it went back to. */
  readonly toStep: number
  readonly reason: string
}

/** Watches a run: a log, a progress bar, a report. Each call is awaited, in the order of the list. */
export interface RunObserver {
  /** Before the first step of this process. */
  onStart?(run: Run): void | Promise<void>
  /** After every step, in order. The next one may be under way. */
  onStep?(metrics: StepMetrics, run: Run): void | Promise<void>
  /** Where a checkpoint is due: no step is under way, `run.trainer.snapshot()` is the state. */
  onCheckpoint?(run: Run): void | Promise<void>
  onEvaluation?(evaluation: RunEvaluation, run: Run): void | Promise<void>
  /** After the run went back: steps after `toStep` are made again. */
  onRewind?(rewind: RunRewind, run: Run): void | Promise<void>
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
  /** Held-out losses by step, those of earlier processes included. */
  private readonly evaluations = new Map<number, number>()
  private readonly observers: readonly RunObserver[]
  /** See `kept`. */
  private keptState: TrainerSnapshot | undefined
  /** Rewinds from about one step, and the furthest that one came from. */
  private rewinds = { count: 0, furthest: 0 }
  /** Why the run ends before its last step, where it does. */
  private because: string | undefined
  private began = 0

  private constructor(options: RunOptions, observers: readonly RunObserver[]) {
    this.options = options
    this.observers = observers
    if (options.earlyStop) new EarlyStop(options.earlyStop) // refuses what cannot be
    this.trainer = Trainer.create(options)
  }

  /** @throws RangeError for what does not fit together */
  static create(options: RunOptions, observers: readonly RunObserver[] = []): Run {
    const { steps, cadence = {}, budget = {}, onNonFinite = 'stop' } = options
    const { checkpointSteps, evaluationSteps, checkpointMinutes } = cadence
    for (const [name, value] of Object.entries({ steps, checkpointSteps, evaluationSteps }))
      if (value !== undefined && (!Number.isInteger(value) || value < 1))
        throw new RangeError(`Run: ${name} must be an integer of at least 1, got ${value}`)
    if (checkpointMinutes !== undefined && !(checkpointMinutes > 0))
      throw new RangeError(`Run: checkpointMinutes must be above 0, got ${checkpointMinutes}`)
    for (const [name, value] of Object.entries({ minutes: budget.minutes, tokens: budget.tokens }))
      if (value !== undefined && !(value > 0)) throw new RangeError(`Run: budget.${name} must be above 0, got ${value}`)
    if (onNonFinite !== 'stop' && onNonFinite !== 'rewind')
      throw new RangeError(`Run: onNonFinite must be stop or rewind, got ${JSON.stringify(onNonFinite)}`)
    return new Run(options, observers)
  }

  /** Updates in all. */
  get steps(): number {
    return this.options.steps
  }

  /** The state of the last checkpoint, with `keepState` or where a number that is none goes back to it; undefined before there is one. */
  get kept(): TrainerSnapshot | undefined {
    return this.keptState
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
      this.began = performance.now()
      await this.tell((observer) => observer.onStart?.(this))
      this.because = this.earlyEnd() ?? this.budgetUsed(this.trainer.tokens)
      await this.makeSteps(stop)
      const { because } = this
      end = this.ended ? { kind: 'finished', ...(because !== undefined && { because }) } : { kind: 'stopped' }
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

  /** An evaluation that was made before: it is not made again, and an early stop counts it. For observers that know of some, in `onStart`. */
  recall(step: number, natsPerToken: number): void {
    this.evaluations.set(step, natsPerToken)
  }

  dispose(): void {
    this.trainer.dispose()
  }

  private async tell(call: (observer: RunObserver) => void | Promise<void> | undefined): Promise<void> {
    for (const observer of this.observers) await call(observer)
  }

  /** Whether no further step is to be made. */
  private get ended(): boolean {
    return this.trainer.step >= this.steps || this.because !== undefined
  }

  private async makeSteps(stop: RunStop): Promise<void> {
    const { trainer, steps } = this
    const {
      checkpointSteps = steps,
      evaluationSteps = steps,
      checkpointMinutes = this.options.keepState ? 0.5 : Number.POSITIVE_INFINITY,
    } = this.options.cadence ?? {}
    const rewinding = this.options.onNonFinite === 'rewind'
    let lastSaved = performance.now()
    let savedStep = trainer.step
    /** Milliseconds that the last one held the steps up. */
    let held = 0
    // Not so often that saving takes more than a tenth of the time.
    const late = () => performance.now() - lastSaved >= Math.max(checkpointMinutes * 60_000, 10 * held)
    const save = async () => {
      const began = performance.now()
      await this.refuseNonFinite()
      if (rewinding || this.options.keepState) this.keptState = await trainer.snapshot()
      await this.tell((observer) => observer.onCheckpoint?.(this))
      lastSaved = performance.now()
      held = lastSaved - began
      savedStep = trainer.step
    }
    if (rewinding) this.keptState = await trainer.snapshot()
    const due = (every: number) => trainer.step % every === 0 || this.ended
    // In pieces, so that no step is under way when a checkpoint or an evaluation looks at the state.
    while (!this.ended && !(await stop.listen())) {
      const next = Math.min(
        steps,
        nextMultiple(trainer.step, checkpointSteps),
        nextMultiple(trainer.step, evaluationSteps),
      )
      try {
        for await (const metrics of trainer.run(next)) {
          await this.stepMade(metrics)
          if (this.because !== undefined || (await stop.listen()) || late()) break
        }
        // The step that was under way.
        for await (const metrics of trainer.run(trainer.step)) await this.stepMade(metrics)
        if (due(checkpointSteps) || late() || stop.requested) await save()
      } catch (error) {
        if (!(error instanceof TrainingError) || !rewinding || !this.kept) throw error
        await this.rewind(error, this.kept)
        continue
      }
      if (due(evaluationSteps) && !stop.requested) await this.evaluate(stop)
    }
    // A request, or an early stop, may have come with an evaluation.
    if (trainer.step !== savedStep) await save()
  }

  /** What is not finite must not be saved over what is: a rewind, or a resume, would begin with it. */
  private async refuseNonFinite(): Promise<void> {
    const found = await this.trainer.nonFiniteParameter()
    if (!found) return
    const { step } = this.trainer
    throw new TrainingError(
      `step ${step}: the update left ${found.count} of ${found.of} values of ${found.name} NaN or infinite; training stopped, and no checkpoint was made of it. Go on from the last one with a smaller learning rate (it was ${this.options.schedule(step - 1)})`,
    )
  }

  private async stepMade(metrics: StepMetrics): Promise<void> {
    const { figures } = this.options
    const more = figures?.(metrics, this)
    const whole = more ? { ...metrics, ...more, ...metrics } : metrics
    await this.tell((observer) => observer.onStep?.(whole, this))
    this.because ??= this.budgetUsed(metrics.tokens)
  }

  /** Which budget is used up, if one is. */
  private budgetUsed(trained: number): string | undefined {
    const { minutes, tokens, spentMinutes = 0 } = this.options.budget ?? {}
    if (tokens !== undefined && trained >= tokens)
      return `the budget of ${tokens.toLocaleString('en')} tokens is used up`
    if (minutes !== undefined && spentMinutes + (performance.now() - this.began) / 60_000 >= minutes)
      return `the budget of ${minutes} minutes is used up`
    return undefined
  }

  /** Why held-out losses end the run here, if they do. */
  private earlyEnd(): string | undefined {
    if (!this.options.earlyStop) return undefined
    const stop = new EarlyStop(this.options.earlyStop)
    const inOrder = [...this.evaluations].sort(([a], [b]) => a - b)
    return inOrder.map(([step, loss]) => stop.push(step, loss)).at(-1)
  }

  /** @throws the error where going back has not helped before */
  private async rewind(error: TrainingError, kept: TrainerSnapshot): Promise<void> {
    const { trainer, rewinds } = this
    const fromStep = trainer.step
    if (fromStep > rewinds.furthest) this.rewinds = { count: 1, furthest: fromStep }
    else rewinds.count++
    if (this.rewinds.count > 3)
      throw new TrainingError(
        `${error.message} (after three rewinds that did not get past step ${this.rewinds.furthest})`,
        {
          cause: error,
        },
      )
    // The data goes on where it stands: what was read since the snapshot stays out.
    await trainer.restore({ ...kept, batches: trainer.dataPosition })
    for (const step of this.evaluations.keys()) if (step > kept.step) this.evaluations.delete(step)
    const rewind = { fromStep, toStep: kept.step, reason: error.message }
    await this.tell((observer) => observer.onRewind?.(rewind, this))
  }

  private async evaluate(stop: RunStop): Promise<void> {
    const { heldOut } = this.options
    const { step } = this.trainer
    if (!heldOut || this.evaluations.has(step)) return
    try {
      const averaged = this.trainer.hasAverage
      const loss = await this.trainer.evaluate(heldOut, { signal: stop.signal, averaged })
      this.evaluations.set(step, loss.natsPerToken)
      await this.tell((observer) => observer.onEvaluation?.({ step, ...loss }, this))
      this.because ??= this.earlyEnd()
    } catch (error) {
      if (!stop.requested) throw error
    }
  }
}

function nextMultiple(step: number, every: number): number {
  return (Math.floor(step / every) + 1) * every
}
