/** The training loop: takes batches, yields metrics, and has a state that can be saved and resumed bit for bit. */
import type { LanguageModel, Parameters } from '@kumiki/models'
import { type Device, type ProgramMemory, type Tensor, tensorsOf } from '@kumiki/tensor'
import { type BatchSource, checkBatch, type TrainingBatch } from './batch-source.ts'
import { Evaluation, type HeldOutLoss, type HeldOutText } from './evaluation.ts'
import { firstSaturation } from './fp8/first-saturation.ts'
import type { Fp8Recipe, ScalingState } from './fp8/recipe.ts'
import { type FrozenHashes, hashFrozen } from './frozen.ts'
import { checkParameters } from './model-parameters.ts'
import { firstNonFinite, gradientFault, type NonFiniteParameter } from './non-finite.ts'
import { checkPrecision, f32, type PrecisionPolicy } from './precision.ts'
import { checkFrozen, copyArrays, restoreParameters, restoreState, type TrainerSnapshot } from './snapshot.ts'
import { requireAddressable } from './state-memory.ts'
import type { StepMetrics } from './step-metrics.ts'
import {
  castParameter,
  fp8RecipeOf,
  initialState,
  makeTrainStep,
  roundingStep,
  type TrainState,
  type TrainStep,
} from './train-step.ts'
import { splitParameters, trainableNames } from './trainable.ts'
import { checkOptions, type TrainerOptions } from './trainer-options.ts'
import { TrainingError } from './training-error.ts'

/** An optimizer's metric: a scalar tensor, or a number if it is constant. */
const numberOf = (value: Tensor | number): number | Promise<number> =>
  typeof value === 'number' ? value : value.item()

/** Trains one model. `create` it, `run` it, `dispose` it. */
export class Trainer {
  readonly device: Device
  readonly model: LanguageModel
  readonly precision: PrecisionPolicy
  private readonly options: TrainerOptions
  private readonly data: BatchSource
  private readonly trainStep: TrainStep
  private readonly evaluation: Evaluation
  private readonly trained: ReadonlySet<string>
  private state: TrainState
  /** Frozen parameters in their storage format. */
  private frozen: Parameters
  /** Computed on first use; frozen parameters do not change. */
  private frozenHashes: Promise<FrozenHashes | undefined> | undefined
  private readonly fp8: Fp8Recipe | undefined
  /** The tensor that first exceeded its format's range, for the error when training fails. */
  private firstClipped: string | undefined
  private steps = 0
  private tokenCount = 0
  /** Metrics of the last step, until they are read. */
  private unread: Promise<StepMetrics> | undefined
  /** Start time in milliseconds; see StepMetrics.seconds. */
  private began: number | undefined
  private lastUpdate = 0

  private constructor(options: TrainerOptions) {
    const { device, model, data, optimizer, precision = f32, accumulation = 1, zLoss = 0, seed = 0 } = options
    const { batchSize, sequenceLength } = data
    checkOptions(options)
    checkPrecision(precision)
    this.fp8 = fp8RecipeOf(model, precision)
    this.fp8?.check((batchSize / accumulation) * sequenceLength)
    this.trained = trainableNames(model, options.trainable)
    this.options = options
    this.device = device
    this.model = model
    this.precision = precision
    this.data = data
    this.trainStep = makeTrainStep({ model, optimizer, precision, zLoss, accumulation })
    this.evaluation = new Evaluation({ device, model, precision, batchSize })
    requireAddressable(device, model, { trained: this.trained, optimizer, policy: precision })
    const parameters = options.parameters ?? model.initialize(device, { seed })
    checkParameters(model, parameters, new Set(this.trained))
    const { state, frozen } = this.begin(parameters)
    this.state = state
    this.frozen = frozen
  }

  /** @throws RangeError for inconsistent options */
  static create(options: TrainerOptions): Trainer {
    return new Trainer(options)
  }

  /** The state before the first step. @param parameters float32, all of the model's */
  private begin(parameters: Parameters): { state: TrainState; frozen: Parameters } {
    const { chosen, others } = splitParameters(parameters, this.trained)
    const state = initialState(chosen, this.options.optimizer, this.precision, this.fp8)
    const frozen = Object.entries(others).map(([name, t]) => [name, castParameter(this.precision, t)] as const)
    return { state, frozen: Object.fromEntries(frozen) }
  }

  /** Optimizer steps made so far. */
  get step(): number {
    return this.steps
  }

  get tokens(): number {
    return this.tokenCount
  }

  /** Position of the next batch; also part of a snapshot. */
  get dataPosition(): object {
    return this.data.state()
  }

  /** The parameters that the forward pass reads. */
  get parameters(): Parameters {
    return this.inOrder(this.state.params, this.frozen)
  }

  private inOrder(...trees: readonly Parameters[]): Parameters {
    const all: Parameters = Object.assign({}, ...trees)
    return Object.fromEntries(this.model.parameters.map(({ name }) => [name, all[name]]))
  }

  /**
   * Trains to a total of `steps` optimizer steps. Metrics arrive one step late, so that reading them does not stall the
   * device: after a break out of the loop, one more step has been made. The next `run` begins with its metrics
   * (`run(trainer.step)` yields only them).
   * @throws TrainingError if the loss or the gradient norm is NaN or infinite and the optimizer has not skipped the
   * step; saved checkpoints are unaffected; RangeError if the data ends early, or
   * for a token id outside the vocabulary
   */
  async *run(steps: number): AsyncGenerator<StepMetrics> {
    this.began ??= performance.now()
    this.lastUpdate = performance.now()
    while (this.steps < steps) {
      const earlier = this.unread
      this.unread = (await this.update()).reading
      if (earlier) yield await this.checked(earlier)
    }
    const last = this.unread
    this.unread = undefined
    if (last) yield await this.checked(last)
  }

  /** Awaits metrics; after a failure, those of the next step are dropped. */
  private async checked(reading: Promise<StepMetrics>): Promise<StepMetrics> {
    try {
      return await reading
    } catch (error) {
      this.unread = undefined
      if (!(error instanceof TrainingError)) throw error
      const found = await this.nonFiniteParameter()
      if (!found) throw error
      throw new TrainingError(
        `${error.message}. The first parameter with non-finite values is now ${found.name}, with ${found.count} of ${found.of}`,
        { cause: error, problem: error.problem },
      )
    }
  }

  /** Submits one step; its metrics are awaited separately. */
  private async update(): Promise<{ reading: Promise<StepMetrics> }> {
    const { optimizer, schedule } = this.options
    const { batchSize, sequenceLength } = this.data
    const batch = await this.nextBatch()
    const tensor = (ids: Int32Array) => this.device.tensor(ids, [batchSize, sequenceLength])
    const learningRate = schedule(this.steps)
    const { state, loss, gradNorm, gradSquares, amaxes, overflow, clipped, metrics } = await this.trainStep(
      this.state,
      {
        inputs: tensor(batch.inputs),
        targets: tensor(batch.targets),
        ...(batch.documents && { documents: tensor(batch.documents) }),
      },
      {
        ...optimizer.scalars(this.steps + 1, learningRate),
        ...(this.precision.master === false || this.precision.fp8?.stochasticGradients
          ? { [roundingStep]: this.steps + 1 }
          : {}),
      },
      this.frozen,
    )
    this.state = state
    this.steps++
    this.tokenCount += batchSize * sequenceLength
    // The time between submits is the step time, because the metrics of the previous step are awaited in between.
    const now = performance.now()
    const stepSeconds = Math.max(now - this.lastUpdate, 1e-6) / 1000
    const seconds = (now - this.began!) / 1000
    this.lastUpdate = now
    const step = this.steps
    const tokens = this.tokenCount
    const reading = (async (): Promise<StepMetrics> => {
      const names = Object.keys(metrics)
      const [lossValue, normValue, clippedTensors, ...values] = await Promise.all([
        loss.item(),
        gradNorm.item(),
        clipped ? clipped.item() : 0,
        ...names.map((name) => numberOf(metrics[name])),
      ])
      const reported: Record<string, number> = Object.fromEntries(names.map((name, i) => [name, values[i]]))
      if (clipped) reported.clippedTensors = clippedTensors
      // In the first step scales are 1 because the history is empty; clipping then is expected.
      if (clippedTensors > 0 && step > 1)
        this.firstClipped ??= await firstSaturation(step, this.fp8!, amaxes!, overflow)
      const failed = reported.skipped !== 1 && !(Number.isFinite(lossValue) && Number.isFinite(normValue))
      const gradients = failed ? gradientFault(Object.keys(state.params), await gradSquares.data()) : ''
      for (const t of tensorsOf([loss, gradNorm, gradSquares, amaxes, overflow, clipped, metrics])) t.dispose()
      if (failed) {
        const problem = `step ${step}: the ${Number.isFinite(lossValue) ? `gradient norm is ${normValue}` : `loss is ${lossValue}`}`
        throw new TrainingError(
          `${problem}; training stopped. Resume from the last checkpoint with a smaller learning rate (it was ${learningRate}) or more warmup${gradients}${this.firstClipped ? `. ${this.firstClipped}` : ''}`,
          { problem },
        )
      }
      return {
        ...reported,
        step,
        tokens,
        loss: lossValue,
        gradNorm: normValue,
        learningRate,
        tokensPerSecond: (batchSize * sequenceLength) / stepSeconds,
        seconds,
      }
    })()
    reading.catch(() => {}) // run() awaits it, possibly a step later
    return { reading }
  }

  /** The tensor that first exceeded the range of its 8-bit format, and the step; undefined if none has. */
  get firstSaturation(): string | undefined {
    return this.firstClipped
  }

  private async nextBatch(): Promise<TrainingBatch> {
    const { done, value } = await this.data.next()
    if (done)
      throw new RangeError(
        `Trainer: the data ended after step ${this.steps}; train at most that many steps, or give more data (more epochs)`,
      )
    checkBatch(value, this.data, this.model.vocabSize)
    return value
  }

  /**
   * Skips batches of the data; step and token counts do not change.
   * @throws RangeError if count is not an integer of at least 0
   */
  async skipBatches(count: number): Promise<void> {
    if (!Number.isInteger(count) || count < 0)
      throw new RangeError(`Trainer.skipBatches: count must be an integer of at least 0, got ${count}`)
    for (let i = 0; i < count; i++) await this.data.next()
  }

  /**
   * Negative log-likelihood of a held-out text, without z-loss.
   * @param text `packEvaluation(documents, sequenceLength, { eosId, vocabSize })` of @kumiki/data, windows as in
   * training
   * @param options.fp8 whether 8-bit layers use 8-bit operands, as in training. Default false: weights and activations
   * in their storage formats, so that policies are compared by their resulting weights
   * @param options.averaged whether to evaluate the moving average of the weights that the optimizer keeps
   * (`averageWeights`)
   * @param options.signal aborts between two batches with the signal's reason
   * @returns total nats, and nats per target that is not ignored
   * @throws RangeError if `fp8` is set and the policy has no 8-bit layers, and for a token id outside the vocabulary
   */
  async evaluate(
    text: HeldOutText,
    options: { readonly fp8?: boolean; readonly averaged?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<HeldOutLoss> {
    const { fp8 = false, averaged = false, signal } = options
    if (!averaged) return this.evaluation.run(this.parameters, this.state.scaling, text, { fp8, signal })
    const average = this.averagedParameters()
    try {
      return await this.evaluation.run(average, this.state.scaling, text, { fp8, signal })
    } finally {
      this.disposeAverage(average)
    }
  }

  /** Whether the optimizer keeps a moving average of the weights (`averageWeights` of @kumiki/optim). */
  get hasAverage(): boolean {
    return this.state.optimizer.average !== undefined
  }

  /**
   * The moving average of the weights that the optimizer keeps, in the policy's storage format, with frozen parameters
   * unchanged. The caller must pass it to `disposeAverage`.
   * @throws RangeError if there is none
   */
  averagedParameters(): Parameters {
    const average = this.state.optimizer.average as Parameters | undefined
    if (!average)
      throw new RangeError(
        'Trainer.averagedParameters: the optimizer keeps no average; wrap it with averageWeights(optimizer, { decay })',
      )
    const stored = Object.entries(average).map(([name, t]) => [name, castParameter(this.precision, t)] as const)
    return this.inOrder(Object.fromEntries(stored), this.frozen)
  }

  /** Disposes the tensors that `averagedParameters` created. */
  disposeAverage(average: Parameters): void {
    for (const [name, t] of Object.entries(average)) if (!this.holds(name, t)) t.dispose()
  }

  private holds(name: string, t: Tensor): boolean {
    return this.frozen[name] === t || (this.state.optimizer.average as Parameters | undefined)?.[name] === t
  }

  /**
   * The first parameter, in the model's order, with NaN or infinite values, and their number; undefined if all are
   * finite.
   */
  async nonFiniteParameter(): Promise<NonFiniteParameter | undefined> {
    return firstNonFinite(this.masterParameters())
  }

  /** Scales and histories of delayed fp8 scaling; empty for other policies. */
  get scaling(): ScalingState {
    return this.state.scaling
  }

  /** Memory of the compiled step in bytes. Available after the first step. */
  memory(): ProgramMemory {
    return this.trainStep.memory()
  }

  /** The most precise weights: float32 master weights if there are any, else the stored parameters. */
  masterParameters(): Parameters {
    return this.inOrder(this.state.params, this.state.master, this.frozen)
  }

  /** Copies the trained state to the host. */
  async snapshot(): Promise<TrainerSnapshot> {
    const frozen = await this.hashFrozenOnce()
    const arrays = await copyArrays(this.masterParameters(), this.state, frozen)
    const { steps: step, tokenCount: tokens } = this
    return { step, tokens, batches: this.data.state(), arrays, ...(frozen && { frozen }) }
  }

  /** Hashes of the frozen parameters; undefined if nothing is frozen. */
  private hashFrozenOnce(): Promise<FrozenHashes | undefined> {
    if (Object.keys(this.frozen).length === 0) return Promise.resolve(undefined)
    this.frozenHashes ??= hashFrozen(this.frozen)
    return this.frozenHashes
  }

  /**
   * Restores a snapshot: further steps are bitwise those of an uninterrupted run.
   * @throws RangeError if an array is missing or has another shape, a frozen parameter differs, or the data is not the
   * same
   */
  async restore(snapshot: TrainerSnapshot): Promise<void> {
    if (Object.keys(snapshot.frozen ?? {}).length > 0) checkFrozen(snapshot, this.trained, await this.hashFrozenOnce())
    const { device, trained } = this
    const before = this.masterParameters()
    const { state: fresh, frozen } = this.begin(restoreParameters(snapshot, device, before, trained))
    const state = restoreState(snapshot, device, fresh)
    await this.data.restore(snapshot.batches)
    const kept = new Set(tensorsOf(frozen))
    for (const t of tensorsOf([this.state, this.frozen])) if (!kept.has(t)) t.dispose()
    if (tensorsOf(this.frozen).some((t) => !kept.has(t))) this.frozenHashes = undefined
    this.frozen = frozen
    this.state = state
    this.steps = snapshot.step
    this.tokenCount = snapshot.tokens
    this.unread = undefined
  }

  /** The plan of the compiled step as text, one line per kernel. Available after the first step. */
  explain(): string {
    return this.trainStep.explain()
  }

  dispose(): void {
    this.trainStep.dispose()
    this.evaluation.dispose()
    for (const t of tensorsOf([this.state, this.frozen])) t.dispose()
  }
}
