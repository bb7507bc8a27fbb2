/** The recurrent language model, plain or gated. @see Mikolov et al. (2010); Sundermeyer et al. (2012) for LSTM, Cho et al. (2014) for GRU */
import { add, cast, concatenate, equal, full, mul, scan, sliceAxis, type Tensor, take, transpose } from '@kumiki/tensor'
import { type LanguageModel, linear, type ModelCache } from '../language-model.ts'
import { outputLayer } from '../output-layer.ts'
import { fromShapes, requireKnown, requireSizes } from './plain-model.ts'
import { type CellState, type RecurrentCellName, recurrentCells } from './recurrent-cells.ts'

export interface RecurrentSizes {
  readonly vocabSize: number
  readonly embeddingSize: number
  readonly hiddenSize: number
  /** Default 1. */
  readonly numLayers?: number
  /** `elman` (h = tanh(W x + U h)), `gru` or `lstm` (default). */
  readonly cell?: RecurrentCellName
  /** The most tokens in a sequence, up to 1024: gradients go back through as many. Default 256. */
  readonly contextLength?: number
}

const known = ['vocabSize', 'embeddingSize', 'hiddenSize', 'numLayers', 'cell', 'contextLength']

/**
 * Names and shapes are those of PyTorch's nn.RNN, nn.GRU and nn.LSTM (`rnn.weight_ih_l0`, ...) between `embedding.weight` and `head.weight`.
 * A document begins with a state of zeros. The input's projections are the linear layers of the contract; the state's, one small product a
 * token, are computed as they are stored.
 * @throws RangeError naming a size outside its bounds or an unknown cell
 * @example
 * const model = recurrentModel({ vocabSize: 2048, embeddingSize: 128, hiddenSize: 256, cell: 'gru' })
 */
export function recurrentModel(sizes: RecurrentSizes): LanguageModel {
  const { vocabSize, embeddingSize, hiddenSize, numLayers = 1, cell: cellName = 'lstm', contextLength = 256 } = sizes
  const where = 'recurrentModel'
  requireKnown(where, sizes, known)
  requireSizes(where, { vocabSize, embeddingSize, hiddenSize, numLayers, contextLength })
  if (contextLength > 1024) throw new RangeError(`${where}: contextLength must be at most 1024, got ${contextLength}`)
  if (!Object.hasOwn(recurrentCells, cellName))
    throw new RangeError(`${where}: cell must be ${Object.keys(recurrentCells).join(', ')}, got ${cellName}`)
  const cell = recurrentCells[cellName]
  const layers = Array.from({ length: numLayers }, (_, block) => block)
  const rows = cell.gates * hiddenSize
  return {
    name: `recurrent (${cellName})`,
    contextLength,
    vocabSize,
    linearLayers: layers.map((block) => ({ name: `rnn.weight_ih_l${block}`, role: 'input', block })),
    ...fromShapes([
      { name: 'embedding.weight', shape: [vocabSize, embeddingSize] },
      ...layers.flatMap((k) => [
        { name: `rnn.weight_ih_l${k}`, shape: [rows, k === 0 ? embeddingSize : hiddenSize] },
        { name: `rnn.weight_hh_l${k}`, shape: [rows, hiddenSize] },
        { name: `rnn.bias_ih_l${k}`, shape: [rows] },
        { name: `rnn.bias_hh_l${k}`, shape: [rows] },
      ]),
      { name: 'head.weight', shape: [vocabSize, hiddenSize] },
    ]),
    forward(p, tokens, { activations, linear: rule, documents, cache } = {}) {
      const layer = rule ?? ((x, weight) => linear(x, weight, activations))
      const [batch] = tokens.shape
      const kept = documents && continues(documents)
      const left: Record<string, Tensor> = {}
      let x = cast(take(p['embedding.weight'], tokens), 'float32') // [B, T, E]
      for (const k of layers) {
        const name = `rnn.weight_ih_l${k}`
        const inputs = transpose(add(layer(x, p[name], name), p[`rnn.bias_ih_l${k}`]), [1, 0, 2]) // [T, B, rows]
        const step = (state: CellState, at: { x: Tensor; kept?: Tensor }) => {
          const before = at.kept ? mapState(state, (s) => mul(s, at.kept!)) : state
          const h = add(linear(before.h, p[`rnn.weight_hh_l${k}`], activations), p[`rnn.bias_hh_l${k}`])
          const next = cell.step(at.x, h, before)
          return [next, next.h] as const
        }
        const begin = stateOf(cache, k) ?? zeroState(cell.state, [batch, hiddenSize])
        const [last, outputs] = scan(step, begin, kept ? { x: inputs, kept } : { x: inputs })
        for (const [part, value] of Object.entries(last)) left[`${k}.${part}`] = value
        x = transpose(outputs, [1, 0, 2]) // [B, T, H]
      }
      return { ...outputLayer(x, p['head.weight'], activations), ...(cache && { cache: left }) }
    },
  }
}

const mapState = (state: CellState, f: (part: Tensor) => Tensor): CellState =>
  Object.fromEntries(Object.entries(state).map(([name, part]) => [name, f(part)])) as CellState

const zeroState = (parts: readonly string[], shape: readonly number[]): CellState =>
  Object.fromEntries(parts.map((name) => [name, full(shape, 0)])) as CellState

/** What layer k left behind, from a cache that holds every layer's parts as `0.h`. */
function stateOf(cache: 'begin' | ModelCache | undefined, k: number): CellState | undefined {
  if (!cache || cache === 'begin') return undefined
  const parts = Object.entries(cache).filter(([name]) => name.startsWith(`${k}.`))
  return Object.fromEntries(parts.map(([name, value]) => [name.slice(name.indexOf('.') + 1), value])) as CellState
}

/** float32 [seq, batch, 1]: 0 where a document begins within the sequence, else 1. */
function continues(documents: Tensor): Tensor {
  const [batch, seq] = documents.shape
  const first = full([batch, 1], 1)
  const rest = () => cast(equal(sliceAxis(documents, 1, 1, seq), sliceAxis(documents, 1, 0, seq - 1)), 'float32')
  const kept = seq === 1 ? first : concatenate([first, rest()], 1)
  return transpose(kept, [1, 0]).reshape([seq, batch, 1])
}
