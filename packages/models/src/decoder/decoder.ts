/** The LLM-jp-3 decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases, untied or tied tables. */
import { cast, type Device, rmsNorm, rotaryTables, sliceAxis, type Tensor, take } from '@kumiki/tensor'
import { type ModelArchitecture, validateArchitecture } from '../architecture.ts'
import { type LanguageModel, linear, type Parameters } from '../language-model.ts'
import { outputLayer } from '../output-layer.ts'
import { countParameters, flopsPerToken, type ParameterCount, parameterShapes } from '../parameters.ts'
import { type BlockContext, blockLinearLayers, transformerBlock } from './block.ts'
import { type InitializeOptions, initializeDecoder } from './initialize.ts'
import { openCache } from './kv-cache.ts'

export interface DecoderModel extends LanguageModel {
  readonly architecture: ModelArchitecture
  initialize(device: Device, options?: InitializeOptions): Parameters
  countParameters(): ParameterCount
  /** Frees the rotary tables, on every device. The model can be used again. */
  dispose(): void
}

/** What the decoder computes. */
const computed: { readonly [field in keyof Required<ModelArchitecture>]?: true } = {
  hiddenSize: true,
  intermediateSize: true,
  numHiddenLayers: true,
  numAttentionHeads: true,
  numKeyValueHeads: true,
  headDim: true,
  vocabSize: true,
  paddedVocabSize: true,
  maxPositionEmbeddings: true,
  ropeTheta: true,
  rmsNormEps: true,
  initializerRange: true,
  tieWordEmbeddings: true,
}

/** @throws RangeError for what the architecture has and the decoder does not compute, by its name */
function refuseWhatIsNotComputed(architecture: ModelArchitecture): void {
  for (const [field, value] of Object.entries(architecture)) {
    if (Object.hasOwn(computed, field) || value === undefined || value === null || value === false) continue
    const given = field === 'experts' ? 'a mixture of experts' : JSON.stringify(value)
    throw new RangeError(
      `decoderModel: ${field} is not computed by the decoder, got ${given}; give an architecture without it (${Object.keys(computed).join(', ')} are computed)`,
    )
  }
}

/**
 * The decoder of an architecture.
 * @throws RangeError for a field outside its bounds, and for one that the decoder does not compute (experts, qkNorm)
 * @example
 * const model = decoderModel(nano)
 * const parameters = model.initialize(device, { seed: 1 })
 * const logits = model.forward(parameters, tokens).logits() // [batch, seq, vocabulary]
 */
export function decoderModel(architecture: ModelArchitecture): DecoderModel {
  validateArchitecture(architecture, 'decoderModel')
  refuseWhatIsNotComputed(architecture)
  return new Decoder(architecture)
}

class Decoder implements DecoderModel {
  readonly name = 'decoder'
  readonly architecture: ModelArchitecture
  readonly contextLength: number
  readonly vocabSize: number
  readonly parameters: LanguageModel['parameters']
  readonly linearLayers: LanguageModel['linearLayers']
  private readonly tables = new Map<Device, { readonly cos: Tensor; readonly sin: Tensor }>()

  constructor(architecture: ModelArchitecture) {
    this.architecture = architecture
    this.contextLength = architecture.maxPositionEmbeddings
    this.vocabSize = architecture.vocabSize
    this.parameters = parameterShapes(architecture)
    this.linearLayers = Array.from({ length: architecture.numHiddenLayers }, (_, i) => blockLinearLayers(i)).flat()
  }

  initialize(device: Device, options?: InitializeOptions): Parameters {
    return initializeDecoder(device, this.architecture, options)
  }

  forward: LanguageModel['forward'] = (p, tokens, options = {}) => {
    const { architecture, contextLength } = this
    const { activations = 'float32', documents } = options
    const seq = this.checkedLength(tokens)
    if (documents && options.cache && options.cache !== 'begin')
      throw new RangeError('decoder: documents cannot be given for a pass that goes on from a cache')
    const cache = options.cache && openCache(options.cache, seq, contextLength, documents)
    const tables = this.tablesOn(p['model.embed_tokens.weight'])
    const rows = (table: Tensor) => (cache ? cache.rows(table) : sliceAxis(table, 0, 0, seq))
    const context: BlockContext = {
      parameters: p,
      architecture,
      linear: options.linear ?? ((x, weight) => linear(x, weight, activations)),
      store: (x) => cast(x, activations),
      cos: rows(tables.cos),
      sin: rows(tables.sin),
      documents,
      cache,
    }
    let x = cast(take(p['model.embed_tokens.weight'], tokens), 'float32') // [B, T, C]
    for (let i = 0; i < architecture.numHiddenLayers; i++) x = transformerBlock(context, i, x)
    const hidden = rmsNorm(x, p['model.norm.weight'], architecture.rmsNormEps)
    const table = p[architecture.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight']
    return { ...outputLayer(hidden, table, activations), ...(cache && { cache: cache.kept() }) }
  }

  countParameters(): ParameterCount {
    return countParameters(this.architecture)
  }

  flopsPerToken(sequenceLength?: number): number {
    return flopsPerToken(this.architecture, { sequenceLength })
  }

  dispose(): void {
    for (const { cos, sin } of this.tables.values())
      for (const table of [cos, sin]) if (!table.device!.isDisposed) table.dispose()
    this.tables.clear()
  }

  private checkedLength(tokens: Tensor): number {
    const [, seq] = tokens.shape
    if (tokens.ndim !== 2 || seq > this.contextLength)
      throw new RangeError(
        `decoder: tokens must be [batch, seq] with seq at most ${this.contextLength} (maxPositionEmbeddings), got [${tokens.shape.join(', ')}]`,
      )
    return seq
  }

  /** Rotary tables are made once a device. */
  private tablesOn({ device }: Tensor): { readonly cos: Tensor; readonly sin: Tensor } {
    if (!device) throw new TypeError('decoder: the parameters must be tensors of a device')
    const known = this.tables.get(device)
    if (known) return known
    for (const other of this.tables.keys()) if (other.isDisposed) this.tables.delete(other)
    const { maxPositionEmbeddings, headDim, ropeTheta } = this.architecture
    const { cos, sin, shape } = rotaryTables(maxPositionEmbeddings, headDim, ropeTheta)
    const made = { cos: device.tensor(cos, shape), sin: device.tensor(sin, shape) }
    this.tables.set(device, made)
    return made
  }
}
