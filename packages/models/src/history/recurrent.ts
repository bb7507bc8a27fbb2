/**
 * The recurrent language model, with Elman, GRU or LSTM cells.
 * @see Mikolov et al. (2010); Sundermeyer et al. (2012) for LSTM, Cho et al. (2014) for GRU
 */
import {
  add,
  cast,
  concatenate,
  equal,
  full,
  iota,
  less,
  mul,
  scan,
  sliceAxis,
  type Tensor,
  take,
  transpose,
  where,
} from '@kumiki/tensor'
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
  /** Maximum sequence length in tokens, up to 1024: gradients propagate through all of them. Default 256. */
  readonly contextLength?: number
}

const known = ['vocabSize', 'embeddingSize', 'hiddenSize', 'numLayers', 'cell', 'contextLength']

/**
 * Names and shapes are those of PyTorch's nn.RNN, nn.GRU and nn.LSTM (`rnn.weight_ih_l0`, ...) between
 * `embedding.weight` and `head.weight`. A document begins with a zero state. The projections of inputs are the model's
 * `linearLayers`; those of the state, one small product per token, do not go through the linear rule.
 * @throws RangeError naming a size outside its bounds or an unknown cell
 * @example
 * const model = recurrentModel({ vocabSize: 2048, embeddingSize: 128, hiddenSize: 256, cell: 'gru' })
 */
export function recurrentModel(sizes: RecurrentSizes): LanguageModel {
  const { vocabSize, embeddingSize, hiddenSize, numLayers = 1, cell: cellName = 'lstm', contextLength = 256 } = sizes
  const caller = 'recurrentModel'
  requireKnown(caller, sizes, known)
  requireSizes(caller, { vocabSize, embeddingSize, hiddenSize, numLayers, contextLength })
  if (contextLength > 1024) throw new RangeError(`${caller}: contextLength must be at most 1024, got ${contextLength}`)
  if (!Object.hasOwn(recurrentCells, cellName))
    throw new RangeError(`${caller}: cell must be ${Object.keys(recurrentCells).join(', ')}, got ${cellName}`)
  const cell = recurrentCells[cellName]
  const layers = Array.from({ length: numLayers }, (_, block) => block)
  const rows = cell.gates * hiddenSize
  return {
    name: `recurrent (${cellName})`,
    contextLength,
    vocabSize,
    supportsPadding: true,
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
    forward(p, tokens, { activations, linear: rule, documents, cache, lengths } = {}) {
      const layer = rule ?? ((x, weight) => linear(x, weight, activations))
      const [batch, seq] = tokens.shape
      const kept = documents && continues(documents)
      const real = lengths && isReal(lengths, seq)
      const left: Record<string, Tensor> = {}
      let x = cast(take(p['embedding.weight'], tokens), 'float32') // [B, T, E]
      for (const k of layers) {
        const name = `rnn.weight_ih_l${k}`
        const inputs = transpose(add(layer(x, p[name], name), p[`rnn.bias_ih_l${k}`]), [1, 0, 2]) // [T, B, rows]
        const step = (state: CellState, at: { x: Tensor; kept?: Tensor; real?: Tensor }) => {
          const before = at.kept ? mapState(state, (s) => mul(s, at.kept!)) : state
          const h = add(linear(before.h, p[`rnn.weight_hh_l${k}`], activations), p[`rnn.bias_hh_l${k}`])
          const after = cell.step(at.x, h, before)
          const next = at.real ? mapState(after, (s, part) => where(at.real!, s, state[part])) : after
          return [next, next.h] as const
        }
        const begin = stateOf(cache, k) ?? zeroState(cell.state, [batch, hiddenSize])
        const [last, outputs] = scan(step, begin, { x: inputs, ...(kept && { kept }), ...(real && { real }) })
        for (const [part, value] of Object.entries(last)) left[`${k}.${part}`] = value
        x = transpose(outputs, [1, 0, 2]) // [B, T, H]
      }
      return { ...outputLayer(x, p['head.weight'], activations, { lengths }), ...(cache && { cache: left }) }
    },
  }
}

const mapState = (state: CellState, f: (part: Tensor, name: string) => Tensor): CellState =>
  Object.fromEntries(Object.entries(state).map(([name, part]) => [name, f(part, name)])) as CellState

const zeroState = (parts: readonly string[], shape: readonly number[]): CellState =>
  Object.fromEntries(parts.map((name) => [name, full(shape, 0)])) as CellState

/** The final state of layer k, from a cache with the parts of all layers as `0.h`. */
function stateOf(cache: 'begin' | ModelCache | undefined, k: number): CellState | undefined {
  if (!cache || cache === 'begin') return undefined
  const parts = Object.entries(cache).filter(([name]) => name.startsWith(`${k}.`))
  return Object.fromEntries(parts.map(([name, value]) => [name.slice(name.indexOf('.') + 1), value])) as CellState
}

/** uint32 [seq, batch, 1]: whether a token is not padding. */
function isReal(lengths: Tensor, seq: number): Tensor {
  const [batch] = lengths.shape
  return less(iota([seq, batch], 0), lengths.reshape([1, batch])).reshape([seq, batch, 1])
}

/** float32 [seq, batch, 1]: 0 where a document begins within the sequence, else 1. */
function continues(documents: Tensor): Tensor {
  const [batch, seq] = documents.shape
  const first = full([batch, 1], 1)
  const rest = () => cast(equal(sliceAxis(documents, 1, 1, seq), sliceAxis(documents, 1, 0, seq - 1)), 'float32')
  const kept = seq === 1 ? first : concatenate([first, rest()], 1)
  return transpose(kept, [1, 0]).reshape([seq, batch, 1])
}
