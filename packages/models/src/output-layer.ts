/** The output layer of most models: a linear layer over the vocabulary gives logits and losses. */
import {
  add,
  cast,
  crossEntropy,
  type DType,
  iota,
  linearCrossEntropy,
  sliceAxis,
  type Tensor,
  take,
  tanh,
} from '@kumiki/tensor'
import { type ForwardPass, linear } from './language-model.ts'

/**
 * The forward pass of a model that ends in a linear layer over the vocabulary.
 * @param hidden float32 [batch, seq, hidden]
 * @param table [vocabulary, hidden]
 * @param activations storage format of the layer's input; default float32
 * @param options.lengths as `ForwardOptions.lengths`
 * @param options.softcap logits x become softcap tanh(x / softcap); default no cap. With a cap, the logits are stored
 * for the backward pass.
 * @example
 * const pass = outputLayer(device.tensor([[[1, 0]]]), device.tensor([[1, 2], [3, 4]]))
 * pass.logits() // [[[1, 3]]]
 */
export function outputLayer(
  hidden: Tensor,
  table: Tensor,
  activations: DType = 'float32',
  { softcap, lengths }: { readonly softcap?: number; readonly lengths?: Tensor } = {},
): ForwardPass {
  const [batch, seq, width] = hidden.shape
  const last = () =>
    lengths ? lastRows(hidden, lengths, 1).reshape([batch, 1, width]) : sliceAxis(hidden, 1, seq - 1, seq)
  const logits = (x: Tensor) => {
    const scores = linear(x, table, activations)
    return softcap === undefined ? scores : tanh(scores.mul(1 / softcap)).mul(softcap)
  }
  return {
    hidden,
    logits: (positions = 'all') => logits(positions === 'last' ? last() : hidden),
    losses(targets, { zLoss } = {}) {
      const rows = hidden.reshape([-1, width])
      const ids = targets.reshape([-1])
      if (softcap === undefined) return linearCrossEntropy(cast(rows, activations), table, ids, { zLoss })
      return crossEntropy(logits(rows), ids, { zLoss })
    },
  }
}

/**
 * The last `count` positions of each row, given its length.
 * @param x [batch, seq, width]
 * @param lengths int32 [batch], each from `count` to seq
 * @returns [batch, count, width]
 */
export function lastRows(x: Tensor, lengths: Tensor, count: number): Tensor {
  const [batch, seq, width] = x.shape
  const first = add(lengths.sub(count).reshape([batch, 1]), iota([batch, count], 0).mul(seq))
  return take(x.reshape([batch * seq, width]), add(first, iota([batch, count], 1)))
}
