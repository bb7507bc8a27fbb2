/** What most models do with their last hidden states: one table of the vocabulary gives logits and losses. */
import { cast, type DType, linearCrossEntropy, sliceAxis, type Tensor } from '@kumiki/tensor'
import { type ForwardPass, linear } from './language-model.ts'

/**
 * The forward pass of a model that ends in a linear layer over the vocabulary.
 * @param hidden float32 [batch, seq, hidden]
 * @param table [vocabulary, hidden]
 * @param activations the format the table's input is stored in; default float32
 */
export function outputLayer(hidden: Tensor, table: Tensor, activations: DType = 'float32'): ForwardPass {
  const [, seq, width] = hidden.shape
  return {
    hidden,
    logits: (positions = 'all') =>
      linear(positions === 'last' ? sliceAxis(hidden, 1, seq - 1, seq) : hidden, table, activations),
    losses: (targets, { zLoss } = {}) =>
      linearCrossEntropy(cast(hidden.reshape([-1, width]), activations), table, targets.reshape([-1]), { zLoss }),
  }
}
