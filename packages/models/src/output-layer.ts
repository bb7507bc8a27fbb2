/** What most models do with their last hidden states: one table of the vocabulary gives logits and losses. */
import { cast, crossEntropy, type DType, linearCrossEntropy, sliceAxis, type Tensor, tanh } from '@kumiki/tensor'
import { type ForwardPass, linear } from './language-model.ts'

/**
 * The forward pass of a model that ends in a linear layer over the vocabulary.
 * @param hidden float32 [batch, seq, hidden]
 * @param table [vocabulary, hidden]
 * @param activations the format the table's input is stored in; default float32
 * @param options.softcap logits x become softcap tanh(x / softcap); default no cap. With a cap, backward keeps the logits.
 */
export function outputLayer(
  hidden: Tensor,
  table: Tensor,
  activations: DType = 'float32',
  { softcap }: { readonly softcap?: number } = {},
): ForwardPass {
  const [, seq, width] = hidden.shape
  const logits = (x: Tensor) => {
    const scores = linear(x, table, activations)
    return softcap === undefined ? scores : tanh(scores.mul(1 / softcap)).mul(softcap)
  }
  return {
    hidden,
    logits: (positions = 'all') => logits(positions === 'last' ? sliceAxis(hidden, 1, seq - 1, seq) : hidden),
    losses(targets, { zLoss } = {}) {
      const rows = hidden.reshape([-1, width])
      const ids = targets.reshape([-1])
      if (softcap === undefined) return linearCrossEntropy(cast(rows, activations), table, ids, { zLoss })
      return crossEntropy(logits(rows), ids, { zLoss })
    },
  }
}
