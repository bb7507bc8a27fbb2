/** Held-out loss of a model in training. */
import { packEvaluation, type TokenDocument } from '@kumiki/data'
import type { Decoder, Parameters } from '@kumiki/models'
import { type Compiled, compile, type Device, type Tensor } from '@kumiki/tensor'
import type { ScalingState } from './fp8/recipe.ts'
import type { PrecisionPolicy } from './precision.ts'
import { linearUnder, type TrainState } from './train-step.ts'

export interface HeldOutLoss {
  readonly nats: number
  /** Predicted tokens: every token and every document's end. */
  readonly tokens: number
  readonly natsPerToken: number
}

export interface EvaluationOptions {
  readonly device: Device
  readonly decoder: Decoder
  readonly precision: PrecisionPolicy
  /** Windows in a batch, and tokens in each. */
  readonly batchSize: number
  readonly sequenceLength: number
  readonly eosId: number
}

type EvaluationStep = Compiled<[Parameters, ScalingState, Tensor, Tensor], { nats: Tensor }>

/** Negative log-likelihood of documents, windows as in training. What it compiles it keeps until `dispose`. */
export class Evaluation {
  private readonly options: EvaluationOptions
  private readonly stored: EvaluationStep
  /** The same on the policy's 8-bit operands; made when asked for. */
  private fp8: EvaluationStep | undefined

  constructor(options: EvaluationOptions) {
    this.options = options
    const { decoder } = options
    this.stored = compile((params, _, inputs, targets) => ({ nats: decoder.losses(params, inputs, targets).sum() }))
  }

  /**
   * @param fp8 whether the policy's 8-bit layers run on 8 bits
   * @throws RangeError where 8 bits are asked for and the policy has none
   */
  async run(
    { params, scaling }: TrainState,
    documents: readonly TokenDocument[],
    { fp8, signal }: { readonly fp8: boolean; readonly signal?: AbortSignal },
  ): Promise<HeldOutLoss> {
    const { device, sequenceLength, batchSize, eosId } = this.options
    const step = fp8 ? this.fp8Step() : this.stored
    const set = packEvaluation(documents, sequenceLength, {
      eosId,
      vocabSize: this.options.decoder.architecture.vocabSize,
    })
    let nats = 0
    const window = batchSize * sequenceLength
    for (let at = 0; at < set.inputs.length; at += window) {
      if (signal) {
        // Who asks to stop must get a word in.
        await new Promise((resolve) => setTimeout(resolve))
        signal.throwIfAborted()
      }
      // The last batch is filled up with targets that do not count.
      const inputs = new Int32Array(window).fill(eosId)
      const targets = new Int32Array(window).fill(-1)
      inputs.set(set.inputs.subarray(at, at + window))
      targets.set(set.targets.subarray(at, at + window))
      const tensor = (ids: Int32Array) => device.tensor(ids, [batchSize, sequenceLength])
      const result = await step(params, scaling, tensor(inputs), tensor(targets))
      nats += await result.nats.item()
      result.nats.dispose()
    }
    return { nats, tokens: set.tokens, natsPerToken: nats / set.tokens }
  }

  private fp8Step(): EvaluationStep {
    const { decoder, precision } = this.options
    if (!precision.fp8)
      throw new RangeError(`Trainer.evaluate: fp8 is asked for, but the policy ${precision.name} has no fp8 part`)
    this.fp8 ??= compile((params, scaling, inputs, targets) => ({
      nats: decoder.losses(params, inputs, targets, { linear: linearUnder(decoder, precision, scaling) }).sum(),
    }))
    return this.fp8
  }

  dispose(): void {
    this.stored.dispose()
    this.fp8?.dispose()
  }
}
