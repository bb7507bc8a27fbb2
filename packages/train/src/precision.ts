import type { DType } from '@kumiki/tensor'

/** Which number format each part of training is stored in. Arithmetic sums in float32 throughout. */
export interface PrecisionPolicy {
  readonly name: string
  /** What the forward pass reads. Narrower than float32: a float32 master copy is kept and updated. */
  readonly parameters: DType
  /** Inputs of linear layers, kept for the gradient. */
  readonly activations: DType
}

/** float32 throughout. */
export const f32: PrecisionPolicy = { name: 'f32', parameters: 'float32', activations: 'float32' }

/**
 * bfloat16 weights and activations with float32 master weights, gradients and moments, as LLM-jp-3 and LLM-jp-4 trained. Norm weights
 * stay float32 (they are vectors: a negligible part of the memory).
 */
export const bf16: PrecisionPolicy = { name: 'bf16', parameters: 'bfloat16', activations: 'bfloat16' }

/** The policies known by name. */
export const precisions: Readonly<Record<string, PrecisionPolicy>> = { f32, bf16 }

/** @throws RangeError listing the names there are */
export function findPrecision(name: string): PrecisionPolicy {
  const found = Object.hasOwn(precisions, name) ? precisions[name] : undefined
  if (!found)
    throw new RangeError(
      `precision: no policy is called ${JSON.stringify(name)}; there are ${Object.keys(precisions).join(', ')}`,
    )
  return found
}
