/**
 * Recurrent cells: one step, from the projections of the input and of the last hidden state. Gates are in PyTorch's
 * order, so that weights of its nn.RNN, nn.GRU and nn.LSTM need no conversion.
 */
import { add, mul, sigmoid, sliceAxis, sub, type Tensor, tanh } from '@kumiki/tensor'

/** Tensors [batch, hidden] by name; `h` is the next layer's input. */
export type CellState = { readonly h: Tensor } & Readonly<Record<string, Tensor>>

export interface RecurrentCell {
  /** Blocks of `hidden` rows in its weights. */
  readonly gates: number
  /** Names of its state's tensors. */
  readonly state: readonly string[]
  /**
   * @param x [batch, gates * hidden]: the input's projection, with its bias
   * @param h [batch, gates * hidden]: the hidden state's projection, with its bias
   * @param state of the last step
   */
  step(x: Tensor, h: Tensor, state: CellState): CellState
}

/** The k-th block of a projection. */
const gate = (x: Tensor, gates: number, k: number) => {
  const hidden = x.shape[1] / gates
  return sliceAxis(x, 1, k * hidden, (k + 1) * hidden)
}

/** h' = tanh(x + h). @see Elman (1990), Finding Structure in Time; Mikolov et al. (2010) */
const elman: RecurrentCell = {
  gates: 1,
  state: ['h'],
  step: (x, h) => ({ h: tanh(add(x, h)) }),
}

/** r, z = sigmoid; n = tanh(x_n + r h_n); h' = n + z (h - n). @see arXiv:1406.1078 */
const gru: RecurrentCell = {
  gates: 3,
  state: ['h'],
  step(x, h, state) {
    const [r, z] = [0, 1].map((k) => sigmoid(add(gate(x, 3, k), gate(h, 3, k))))
    const n = tanh(add(gate(x, 3, 2), mul(r, gate(h, 3, 2))))
    return { h: add(n, mul(z, sub(state.h, n))) }
  },
}

/**
 * i, f, o = sigmoid; g = tanh; c' = f c + i g; h' = o tanh(c').
 * @see Hochreiter and Schmidhuber (1997), Gers et al. (2000)
 */
const lstm: RecurrentCell = {
  gates: 4,
  state: ['h', 'c'],
  step(x, h, state) {
    const [i, f, g, o] = [0, 1, 2, 3].map((k) => {
      const sum = add(gate(x, 4, k), gate(h, 4, k))
      return k === 2 ? tanh(sum) : sigmoid(sum)
    })
    const c = add(mul(f, state.c), mul(i, g))
    return { h: mul(o, tanh(c)), c }
  },
}

export const recurrentCells = { elman, gru, lstm } as const satisfies Record<string, RecurrentCell>
export type RecurrentCellName = keyof typeof recurrentCells
