/**
 * The decoder of Llama and related models (`ModelArchitecture` has their differences), with tied or untied embeddings.
 */
import {
  attention,
  broadcastTo,
  cast,
  type Device,
  full,
  groupedMatmul,
  iota,
  rotary,
  sliceAxis,
  type Tensor,
  take,
} from '@kumiki/tensor'
import { architectureFields, type ModelArchitecture, validateArchitecture } from '../architecture.ts'
import { type LanguageModel, linear, type Parameters } from '../language-model.ts'
import { outputLayer } from '../output-layer.ts'
import {
  countParameters,
  flopsPerToken,
  type ParameterCount,
  type ParameterShape,
  parameterShapes,
} from '../parameters.ts'
import { type BlockContext, blockGroupedLayers, blockLinearLayers, namedLayers, transformerBlock } from './block.ts'
import { auxiliaryOf, type RouterLosses, type Routing } from './experts.ts'
import { type InitializeOptions, initializeDecoder } from './initialize.ts'
import { type KeyValueCache, openCache } from './kv-cache.ts'
import { type DecoderParts, linearLayersWithParts, parametersWithParts } from './parts.ts'
import { dynamicRotation, type Rotation, ropeFrequencies, rotationTables } from './rope.ts'

export interface DecoderOptions extends RouterLosses {
  /** Custom parts that replace the attention, the feed-forward or the block of every layer. */
  readonly parts?: DecoderParts
}

export interface DecoderModel extends LanguageModel {
  readonly architecture: ModelArchitecture
  initialize(device: Device, options?: InitializeOptions): Parameters
  countParameters(): ParameterCount
  /** Frees the rotary tables on every device. The model stays usable: it makes them again when needed. */
  dispose(): void
}

/** @throws RangeError naming a field that the decoder does not support */
function rejectUnsupportedFields(architecture: ModelArchitecture): void {
  for (const [field, value] of Object.entries(architecture)) {
    if (architectureFields.includes(field) || value === undefined || value === null || value === false) continue
    throw new RangeError(
      `decoderModel: ${field} is not supported by the decoder, got ${JSON.stringify(value)}; remove it (supported fields: ${architectureFields.join(', ')})`,
    )
  }
}

/**
 * The decoder of an architecture.
 * @param options coefficients of the router losses of a mixture of experts, and custom parts
 * @throws RangeError for a field outside its bounds, and for one that the decoder does not support
 * @example
 * const model = decoderModel(nano)
 * const parameters = model.initialize(device, { seed: 1 })
 * model.forward(parameters, tokens).logits().shape // [1, 4, 2048]
 */
export function decoderModel(architecture: ModelArchitecture, options: DecoderOptions = {}): DecoderModel {
  validateArchitecture(architecture, 'decoderModel')
  rejectUnsupportedFields(architecture)
  const { auxiliaryLoss = 0.01, routerZLoss = 1e-3, parts = {} } = options
  for (const [name, value] of Object.entries({ auxiliaryLoss, routerZLoss }))
    if (!(value >= 0 && value < 1e6))
      throw new RangeError(`decoderModel: ${name} must be a number of at least 0, got ${value}`)
  return new Decoder(architecture, { auxiliaryLoss, routerZLoss }, parts)
}

class Decoder implements DecoderModel {
  readonly name = 'decoder'
  readonly architecture: ModelArchitecture
  readonly contextLength: number
  readonly vocabSize: number
  readonly parameters: LanguageModel['parameters']
  readonly linearLayers: LanguageModel['linearLayers']
  readonly groupedLayers: NonNullable<LanguageModel['groupedLayers']>
  readonly supportsPadding = true
  private readonly losses: Required<RouterLosses>
  private readonly parts: DecoderParts
  /** Parameters that custom parts have more than those they replace: all of them, and those of matrices. */
  private readonly more: { readonly all: number; readonly matrices: number }
  private readonly tables = new Map<Device, { readonly all: Rotation; readonly local: Rotation }>()

  constructor(architecture: ModelArchitecture, losses: Required<RouterLosses>, parts: DecoderParts) {
    this.architecture = architecture
    this.losses = losses
    this.parts = parts
    const { maxPositionEmbeddings: positions, ropeScaling } = architecture
    this.contextLength = ropeScaling?.type === 'dynamic' ? Math.floor(positions * ropeScaling.factor) : positions
    this.vocabSize = architecture.vocabSize
    const own = parameterShapes(architecture, { experts: 'stacked' })
    const layers = Array.from({ length: architecture.numHiddenLayers }, (_, i) => blockLinearLayers(i, architecture))
    const changed = Object.keys(parts).length > 0
    this.parameters = changed ? parametersWithParts(own, architecture, parts) : own
    this.linearLayers = changed ? linearLayersWithParts(layers.flat(), this.parameters) : layers.flat()
    // A custom feed-forward or block replaces the experts.
    this.groupedLayers = layers.flatMap((_, i) =>
      parts.feedForward || parts.block ? [] : blockGroupedLayers(i, architecture),
    )
    const weights = (list: readonly ParameterShape[], least: number) =>
      list.reduce((sum, { shape }) => sum + (shape.length < least ? 0 : shape.reduce((a, b) => a * b, 1)), 0)
    const more = (least: number) => weights(this.parameters, least) - weights(own, least)
    this.more = { all: more(0), matrices: more(2) }
  }

  initialize(device: Device, options?: InitializeOptions): Parameters {
    return initializeDecoder(device, this.architecture, options, this.parameters)
  }

  forward: LanguageModel['forward'] = (p, tokens, options = {}) => {
    const { architecture, contextLength } = this
    const { activations = 'float32', documents, lengths } = options
    const seq = this.checkedLength(tokens)
    if (documents && options.cache && options.cache !== 'begin')
      throw new RangeError(
        'decoder: documents cannot be given for a pass that continues from a cache; give them where the cache begins',
      )
    const cache =
      options.cache &&
      openCache(options.cache, tokens.shape, contextLength, { ...options.cacheOptions, documents, lengths })
    const embedding = p['model.embed_tokens.weight']
    const routings: Routing[] = []
    const rotations = this.rotations(embedding, seq, cache || undefined, lengths)
    const context: BlockContext = {
      architecture,
      parts: this.parts,
      routings,
      ...namedLayers(p, architecture, options.linear ?? ((x, weight) => linear(x, weight, activations))),
      store: (x) => cast(x, activations),
      grouped: options.grouped ?? ((x, weight, sizes) => groupedMatmul(x, weight, sizes, { transposeB: true })),
      ...rotations,
      attend: (layer, q, k, v, how) =>
        cache ? cache.attend(layer, q, k, v, how) : attention(q, k, v, { documents, ...how }),
      rotate: (heads, { cos, sin } = rotations.rotation) => {
        if (cos.shape[0] === seq) return rotary(heads, cos, sin)
        // Rows of a batch that continue at different positions have one rotary row per token, and are rotated as one
        // long row.
        return rotary(heads.reshape([1, -1, ...heads.shape.slice(2)]), cos, sin).reshape(heads.shape)
      },
    }
    let x = cast(take(embedding, tokens), 'float32') // [B, T, C]
    if (architecture.scaleEmbeddings) x = x.mul(Math.sqrt(architecture.hiddenSize))
    for (let i = 0; i < architecture.numHiddenLayers; i++) x = transformerBlock(context, i, x)
    const hidden = context.norm(x, 'model.norm')
    const table = architecture.tieWordEmbeddings ? embedding : p['lm_head.weight']
    const output = outputLayer(hidden, table, activations, { softcap: architecture.logitSoftcap, lengths })
    const auxiliary = auxiliaryOf(routings, this.losses)
    return { ...output, ...(auxiliary && { auxiliary }), ...(cache && { cache: cache.kept() }) }
  }

  countParameters(): ParameterCount {
    const count = countParameters(this.architecture)
    const { all } = this.more
    if (all === 0) return count
    const { total, nonEmbedding, activated } = count
    return { ...count, total: total + all, nonEmbedding: nonEmbedding + all, activated: activated + all }
  }

  flopsPerToken(sequenceLength?: number): number {
    return flopsPerToken(this.architecture, { sequenceLength }) + 6 * this.more.matrices
  }

  dispose(): void {
    const made = [...this.tables.values()].flatMap(({ all, local }) => [all, local])
    for (const { cos, sin } of new Set(made))
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

  /**
   * The rotary table's rows at the positions of the pass. With dynamic scaling beyond the original context they are
   * computed for the pass's length.
   */
  private rotations(
    embedding: Tensor,
    seq: number,
    cache: KeyValueCache | undefined,
    lengths: Tensor | undefined,
  ): Pick<BlockContext, 'rotation' | 'localRotation'> {
    const { architecture } = this
    const { ropeScaling: scaling, maxPositionEmbeddings } = architecture
    const { all, local } = this.tablesOn(embedding)
    const continuation = cache?.continuation
    const rows = ({ cos, sin }: Rotation): Rotation => {
      const of = (table: Tensor) =>
        continuation ? take(table, cast(continuation.positions.reshape([-1]), 'int32')) : sliceAxis(table, 0, 0, seq)
      return { cos: of(cos), sin: of(sin) }
    }
    const raised = scaling?.type === 'dynamic' && (continuation || seq > maxPositionEmbeddings)
    const rotation = raised
      ? dynamicRotation(architecture, scaling.factor, continuation ?? fromTheStart(seq, lengths))
      : rows(all)
    return { rotation, localRotation: local === all ? rotation : rows(local) }
  }

  /** The rotary tables of a device, made once. */
  private tablesOn({ device }: Tensor): { readonly all: Rotation; readonly local: Rotation } {
    if (!device)
      throw new TypeError(
        'decoder: the parameters must be tensors of a device, as `initialize` or `loadModel` gives them',
      )
    const known = this.tables.get(device)
    if (known) return known
    for (const other of this.tables.keys()) if (other.isDisposed) this.tables.delete(other)
    const { architecture, contextLength } = this
    const { headDim, ropeTheta, localRopeTheta, ropeScaling, maxPositionEmbeddings } = architecture
    const tables = (theta: number, scaling: typeof ropeScaling, positions: number): Rotation => {
      const { cos, sin, shape } = rotationTables(ropeFrequencies(headDim, theta, scaling), positions)
      return { cos: device.tensor(cos, shape), sin: device.tensor(sin, shape) }
    }
    const all = tables(ropeTheta, ropeScaling, ropeScaling?.type === 'dynamic' ? maxPositionEmbeddings : contextLength)
    const local = localRopeTheta === undefined ? all : tables(localRopeTheta, undefined, contextLength)
    this.tables.set(device, { all, local })
    return { all, local }
  }
}

/** Positions of a pass that begins at the first token, and the number of tokens of each row after it. */
function fromTheStart(
  seq: number,
  lengths: Tensor | undefined,
): { readonly positions: Tensor; readonly length: Tensor } {
  if (!lengths) return { positions: cast(iota([seq, 1], 0), 'float32'), length: full([], seq) }
  const [batch] = lengths.shape
  const rows = batch * seq
  const length = broadcastTo(cast(lengths.reshape([batch, 1]), 'float32'), [batch, seq]).reshape([rows, 1])
  return { positions: cast(iota([batch, seq], 1), 'float32').reshape([rows, 1]), length }
}
