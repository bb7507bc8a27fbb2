/** A training run: model, data, configuration and length, with observers that are called at every step. */
import type { HeldOutLoss, HeldOutText } from '../evaluation.ts'
import type { TrainerSnapshot } from '../snapshot.ts'
import type { StepMetrics } from '../step-metrics.ts'
import { Trainer } from '../trainer.ts'
import type { TrainerOptions } from '../trainer-options.ts'
import { TrainingError } from '../training-error.ts'
import { EarlyStop, type EarlyStopOptions } from './early-stop.ts'

/** When a run pauses between two steps for a checkpoint or an evaluation. */
export interface RunCadence {
  /** Steps between checkpoints. Default: only one at the end. */
  readonly checkpointSteps?: number
  /** Maximum minutes between checkpoints. Default: no limit; half a minute with `keepState`. */
  readonly checkpointMinutes?: number
  /** Steps between evaluations on held-out text. Default: only one at the end. */
  readonly evaluationSteps?: number
}

export interface RunOptions extends TrainerOptions {
  /** Total optimizer steps, including those before a resume. */
  readonly steps: number
  readonly cadence?: RunCadence
  /** Text for evaluations; without it there are none. */
  readonly heldOut?: HeldOutText
  /** Ends the run when evaluations no longer improve. Default: never. */
  readonly earlyStop?: EarlyStopOptions
  /**
   * Ends the run after the first step beyond these limits, as if it were the last; if they are exceeded at the start,
   * no step is made. Minutes are counted from `train()`, plus `spentMinutes` (default 0).
   */
  readonly budget?: { readonly minutes?: number; readonly tokens?: number; readonly spentMinutes?: number }
  /** Additional metrics of each step, computed before observers are called. */
  readonly extraMetrics?: (metrics: StepMetrics, run: Run) => Readonly<Record<string, number>>
  /**
   * If a loss or gradient is NaN or infinite: `stop` ends the run (default); `rewind` goes back to the last checkpoint,
   * kept in memory, and skips the batches since then. After three rewinds without passing the step, the run ends.
   */
  readonly onNonFinite?: 'stop' | 'rewind'
  /**
   * Whether the state of the last checkpoint is kept in host memory, as `kept`, so that `trainWithDeviceRecovery` can
   * resume a run without a folder on another device. It takes the memory of a checkpoint. Default false.
   */
  readonly keepState?: boolean
}

export interface RunEvaluation extends HeldOutLoss {
  /** Optimizer steps made before it. */
  readonly step: number
}

/**
 * How a run ended: finished (after all steps, or earlier `because` of a budget or early stopping), stopped on request,
 * or failed with an error.
 */
export type RunEnd =
  | { readonly kind: 'finished'; readonly because?: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: unknown }

/** A rewind after a loss or gradient that was NaN or infinite. */
export interface RunRewind {
  /** The step that failed. */
  readonly fromStep: number
  /** The step of the restored state. */
  readonly toStep: number
  /** `problem` of the step's TrainingError. */
  readonly reason: string
}

/** Observes a run, such as a log, a progress bar or a report. Calls are awaited, in the order of the list. */
export interface RunObserver {
  /** Before the first step of this process. */
  onStart?(run: Run): void | Promise<void>
  /** After every step, in order. The next step may already be running. */
  onStep?(metrics: StepMetrics, run: Run): void | Promise<void>
  /** When a checkpoint is due: no step is running, and `run.trainer.snapshot()` gives the state. */
  onCheckpoint?(run: Run): void | Promise<void>
  onEvaluation?(evaluation: RunEvaluation, run: Run): void | Promise<void>
  /** After a rewind: steps after `toStep` are repeated. */
  onRewind?(rewind: RunRewind, run: Run): void | Promise<void>
  /** At the end in any case. An error thrown here becomes the run's error, and is passed to the observers after it. */
  onEnd?(end: RunEnd, run: Run): void | Promise<void>
}

/** A request to stop a run after the current step, with a checkpoint. `StopSignals` of @kumiki/train/node is one. */
export interface RunStop {
  /** Truthy once a stop is requested. */
  readonly requested: unknown
  /** Aborted at the request, which ends an evaluation at once. */
  readonly signal: AbortSignal
  /** Lets pending requests arrive, and returns whether there is one. */
  listen(): Promise<unknown>
}

const never: RunStop = { requested: false, signal: new AbortController().signal, listen: async () => false }

/**
 * A training run. `create` it, `trainer.restore` a snapshot to resume, `train`, `dispose`.
 * @example
 * const log = { onStep: ({ loss }) => console.log(loss) }
 * const run = Run.create({ device, model, data, optimizer, schedule, steps: 100 }, [log])
 * await run.train()
 */
export class Run {
  readonly options: RunOptions
  readonly trainer: Trainer
  /** Held-out losses by step, including those of earlier processes. */
  private readonly evaluations = new Map<number, number>()
  private readonly observers: readonly RunObserver[]
  /** See `kept`. */
  private keptState: TrainerSnapshot | undefined
  /** Number of rewinds that did not pass the furthest step, and that step. */
  private rewinds = { count: 0, furthest: 0 }
  /** Reason why the run ends before its last step, if it does. */
  private because: string | undefined
  private began = 0

  private constructor(options: RunOptions, observers: readonly RunObserver[]) {
    this.options = options
    this.observers = observers
    if (options.earlyStop) new EarlyStop(options.earlyStop) // throws for invalid options
    this.trainer = Trainer.create(options)
  }

  /** @throws RangeError for invalid or inconsistent options */
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

  /** Total optimizer steps. */
  get steps(): number {
    return this.options.steps
  }

  /**
   * The state of the last checkpoint, with `keepState` or `onNonFinite: 'rewind'`; undefined before the first one.
   */
  get kept(): TrainerSnapshot | undefined {
    return this.keptState
  }

  /**
   * Trains the remaining steps.
   * @param stop requests an early end
   * @returns how it ended
   * @throws errors of the trainer or an observer, after `onEnd` of all observers
   */
  async train(stop: RunStop = never): Promise<RunEnd> {
    let end: RunEnd
    try {
      this.began = performance.now()
      await this.notify((observer) => observer.onStart?.(this))
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

  /**
   * Adds an evaluation of an earlier process: it is not repeated, and counts for early stopping. For use by observers
   * in `onStart`.
   */
  recall(step: number, natsPerToken: number): void {
    this.evaluations.set(step, natsPerToken)
  }

  dispose(): void {
    this.trainer.dispose()
  }

  private async notify(call: (observer: RunObserver) => void | Promise<void> | undefined): Promise<void> {
    for (const observer of this.observers) await call(observer)
  }

  /** Whether all steps are done. */
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
    /** Duration of the last save in milliseconds. */
    let held = 0
    // Limits saving to a tenth of the training time.
    const late = () => performance.now() - lastSaved >= Math.max(checkpointMinutes * 60_000, 10 * held)
    const save = async () => {
      const began = performance.now()
      await this.refuseNonFinite()
      if (rewinding || this.options.keepState) this.keptState = await trainer.snapshot()
      await this.notify((observer) => observer.onCheckpoint?.(this))
      lastSaved = performance.now()
      held = lastSaved - began
      savedStep = trainer.step
    }
    if (rewinding) this.keptState = await trainer.snapshot()
    const due = (every: number) => trainer.step % every === 0 || this.ended
    // Runs in segments, so that no step is running when a checkpoint or an evaluation reads the state.
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
        // Reads the metrics of the step that was running.
        for await (const metrics of trainer.run(trainer.step)) await this.stepMade(metrics)
        if (due(checkpointSteps) || late() || stop.requested) await save()
      } catch (error) {
        if (!(error instanceof TrainingError) || !rewinding || !this.kept) throw error
        await this.rewind(error, this.kept)
        continue
      }
      if (due(evaluationSteps) && !stop.requested) await this.evaluate(stop)
    }
    // A stop request or early stopping may have ended the loop after an evaluation.
    if (trainer.step !== savedStep) await save()
  }

  /** Prevents a checkpoint of non-finite weights, from which a rewind or resume could not recover. */
  private async refuseNonFinite(): Promise<void> {
    const found = await this.trainer.nonFiniteParameter()
    if (!found) return
    const { step } = this.trainer
    const problem = `step ${step}: the update left ${found.count} of ${found.of} values of ${found.name} NaN or infinite`
    throw new TrainingError(
      `${problem}; training stopped without a checkpoint of this state. Resume from the last checkpoint with a smaller learning rate (it was ${this.options.schedule(step - 1)})`,
      { problem },
    )
  }

  private async stepMade(metrics: StepMetrics): Promise<void> {
    const { extraMetrics } = this.options
    const more = extraMetrics?.(metrics, this)
    const whole = more ? { ...metrics, ...more, ...metrics } : metrics
    await this.notify((observer) => observer.onStep?.(whole, this))
    this.because ??= this.budgetUsed(metrics.tokens)
  }

  /** A message about the exhausted budget, if one is. */
  private budgetUsed(trained: number): string | undefined {
    const { minutes, tokens, spentMinutes = 0 } = this.options.budget ?? {}
    if (tokens !== undefined && trained >= tokens)
      return `the budget of ${tokens.toLocaleString('en')} tokens is used up`
    if (minutes !== undefined && spentMinutes + (performance.now() - this.began) / 60_000 >= minutes)
      return `the budget of ${minutes} minutes is used up`
    return undefined
  }

  /** The reason of early stopping, if it applies. */
  private earlyEnd(): string | undefined {
    if (!this.options.earlyStop) return undefined
    const stop = new EarlyStop(this.options.earlyStop)
    const inOrder = [...this.evaluations].sort(([a], [b]) => a - b)
    return inOrder.map(([step, loss]) => stop.push(step, loss)).at(-1)
  }

  /** @throws the error if earlier rewinds did not help */
  private async rewind(error: TrainingError, kept: TrainerSnapshot): Promise<void> {
    const { trainer, rewinds } = this
    const fromStep = trainer.step
    if (fromStep > rewinds.furthest) this.rewinds = { count: 1, furthest: fromStep }
    else rewinds.count++
    if (this.rewinds.count > 3)
      throw new TrainingError(`${error.message} (after three rewinds without passing step ${this.rewinds.furthest})`, {
        cause: error,
        problem: error.problem,
      })
    // The data position is kept, so that batches since the snapshot are skipped.
    await trainer.restore({ ...kept, batches: trainer.dataPosition })
    for (const step of this.evaluations.keys()) if (step > kept.step) this.evaluations.delete(step)
    const rewind = { fromStep, toStep: kept.step, reason: error.problem }
    await this.notify((observer) => observer.onRewind?.(rewind, this))
  }

  private async evaluate(stop: RunStop): Promise<void> {
    const { heldOut } = this.options
    const { step } = this.trainer
    if (!heldOut || this.evaluations.has(step)) return
    try {
      const averaged = this.trainer.hasAverage
      const loss = await this.trainer.evaluate(heldOut, { signal: stop.signal, averaged })
      this.evaluations.set(step, loss.natsPerToken)
      await this.notify((observer) => observer.onEvaluation?.({ step, ...loss }, this))
      this.because ??= this.earlyEnd()
    } catch (error) {
      if (!stop.requested) throw error
    }
  }
}

function nextMultiple(step: number, every: number): number {
  return (Math.floor(step / every) + 1) * every
}
