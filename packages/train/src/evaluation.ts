/** Held-out loss of a model in training. */
import type { LanguageModel, Parameters } from '@kumiki/models'
import { type Compiled, compile, type Device, type Tensor } from '@kumiki/tensor'
import { checkIds } from './batch-source.ts'
import type { ScalingState } from './fp8/recipe.ts'
import type { PrecisionPolicy } from './precision.ts'
import { forwardOptions } from './train-step.ts'

/** Windows over a held-out text; `packEvaluation` of @kumiki/data makes them from documents. */
export interface HeldOutText {
  /** Row-major [sequences, sequenceLength] ids. */
  readonly inputs: Int32Array
  /** The token after each input; negative targets are ignored. */
  readonly targets: Int32Array
  readonly sequenceLength: number
  /** Number of targets that are not ignored. */
  readonly tokens: number
  /**
   * Document number of each position; attention is limited to positions of the same document. Default: no limit.
   */
  readonly documents?: Int32Array
}

export interface HeldOutLoss {
  readonly nats: number
  /** Predicted tokens, including the end of each document. */
  readonly tokens: number
  readonly natsPerToken: number
}

export interface EvaluationOptions {
  readonly device: Device
  readonly model: LanguageModel
  readonly precision: PrecisionPolicy
  /** Windows per batch. */
  readonly batchSize: number
}

interface EvaluationBatch {
  readonly inputs: Tensor
  readonly targets: Tensor
  readonly documents?: Tensor
}
type EvaluationStep = Compiled<[Parameters, ScalingState, EvaluationBatch], { nats: Tensor }>

/** The sum of each window's losses: [batch]. */
const byWindow = (losses: Tensor, inputs: Tensor): Tensor => losses.reshape(inputs.shape).sum(1)

/** Computes the negative log-likelihood of texts. Compiled programs are kept until `dispose`. */
export class Evaluation {
  private readonly options: EvaluationOptions
  private readonly stored: EvaluationStep
  /** The program with the policy's 8-bit operands, compiled on first use. */
  private fp8: EvaluationStep | undefined

  constructor(options: EvaluationOptions) {
    this.options = options
    const { model, precision } = options
    const { activations } = precision
    this.stored = compile((params, _, { inputs, targets, documents }) => ({
      nats: byWindow(model.forward(params, inputs, { activations, documents }).losses(targets), inputs),
    }))
  }

  /**
   * @param fp8 whether the policy's 8-bit layers run on 8 bits
   * @throws RangeError if `fp8` is set and the policy has no 8-bit layers
   */
  async run(
    params: Parameters,
    scaling: ScalingState,
    text: HeldOutText,
    { fp8, signal }: { readonly fp8: boolean; readonly signal?: AbortSignal },
  ): Promise<HeldOutLoss> {
    const { device, batchSize, model } = this.options
    const { sequenceLength } = text
    const step = fp8 ? this.fp8Step() : this.stored
    if (sequenceLength > model.contextLength)
      throw new RangeError(
        `Trainer.evaluate: sequenceLength ${sequenceLength} is above the model's contextLength ${model.contextLength}`,
      )
    checkIds('Trainer.evaluate', text.inputs, text.targets, model.vocabSize)
    let nats = 0
    const window = batchSize * sequenceLength
    for (let at = 0; at < text.inputs.length; at += window) {
      if (signal) {
        // Lets a pending stop request be handled.
        await new Promise((resolve) => setTimeout(resolve))
        signal.throwIfAborted()
      }
      // The last batch is padded with ignored targets; the padding id is the text's first one, which is a valid id.
      const inputs = new Int32Array(window).fill(text.inputs[0])
      const targets = new Int32Array(window).fill(-1)
      inputs.set(text.inputs.subarray(at, at + window))
      targets.set(text.targets.subarray(at, at + window))
      const tensor = (ids: Int32Array) => device.tensor(ids, [batchSize, sequenceLength])
      const documents = text.documents && new Int32Array(window)
      documents?.set(text.documents!.subarray(at, at + window))
      const result = await step(params, scaling, {
        inputs: tensor(inputs),
        targets: tensor(targets),
        ...(documents && { documents: tensor(documents) }),
      })
      // Summed window by window, so that the result does not depend on the batch size.
      for (const window of (await result.nats.data()) as Float32Array) nats += window
      result.nats.dispose()
    }
    return { nats, tokens: text.tokens, natsPerToken: nats / text.tokens }
  }

  private fp8Step(): EvaluationStep {
    const { model, precision } = this.options
    if (!precision.fp8)
      throw new RangeError(
        `Trainer.evaluate: fp8 is set, but the policy ${precision.name} has no fp8 layers; use an fp8 policy, or leave it out`,
      )
    this.fp8 ??= compile((params, scaling, { inputs, targets, documents }) => ({
      nats: byWindow(
        model.forward(params, inputs, { ...forwardOptions(model, precision, scaling), documents }).losses(targets),
        inputs,
      ),
    }))
    return this.fp8
  }

  dispose(): void {
    this.stored.dispose()
    this.fp8?.dispose()
  }
}
