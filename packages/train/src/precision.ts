import type { DType } from '@kumiki/tensor'
import { exceptFirstAndLast, type Fp8Policy } from './fp8/recipe.ts'

/** Which number format each part of training is stored in, and which products run on 8 bits. Sums are float32 throughout. */
export interface PrecisionPolicy {
  readonly name: string
  /** What the forward pass reads (matrices; norm weights stay float32). */
  readonly parameters: DType
  /**
   * Whether narrow parameters have a float32 copy that the optimizer updates. Default true. Without one, updates are rounded to the
   * narrow format at random with the right mean: to nearest they would be lost.
   */
  readonly master?: boolean
  /** Inputs of linear layers, kept for the gradient. */
  readonly activations: DType
  /** What the optimizer is given: float32 (default), or bfloat16 gradients. */
  readonly gradients?: 'float32' | 'bfloat16'
  /** The optimizer's moments: what recipes set its `momentDtype` to. Default float32. */
  readonly moments?: 'float32' | 'bfloat16'
  /** Linear layers of the blocks on 8-bit operands. */
  readonly fp8?: Fp8Policy
}

/** float32 throughout. */
export const f32: PrecisionPolicy = { name: 'f32', parameters: 'float32', activations: 'float32' }

/**
 * bfloat16 weights and activations with float32 master weights, gradients and moments, as LLM-jp-3 and LLM-jp-4 trained. Norm weights
 * stay float32 (they are vectors: a negligible part of the memory).
 */
export const bf16: PrecisionPolicy = { name: 'bf16', parameters: 'bfloat16', activations: 'bfloat16' }

/** bfloat16 for everything that is kept: no master weights, moments too. Six bytes a parameter instead of fourteen. */
export const bf16Pure: PrecisionPolicy = {
  name: 'bf16-pure',
  parameters: 'bfloat16',
  master: false,
  activations: 'bfloat16',
  gradients: 'bfloat16',
  moments: 'bfloat16',
}

const onBf16 = (name: string, fp8: Fp8Policy): PrecisionPolicy => ({ ...bf16, name, fp8 })

/** Transformer Engine's default, and LLM-jp's `fp8-hybrid`: E4M3 forward, E5M2 gradients, scales from the last 1,024 steps. */
export const fp8Hybrid = onBf16('fp8-hybrid', { scaling: { kind: 'delayed', historyLength: 1024, amaxCompute: 'max' } })

/** Like fp8-hybrid with the scale of each tensor made from that tensor. */
export const fp8Current = onBf16('fp8-current', { scaling: { kind: 'current' } })

/** DeepSeek-V3's: E4M3 for all three products, a scale for every 1 x 128 of activations and gradients and 128 x 128 of weights. */
export const fp8Block = onBf16('fp8-block', { scaling: { kind: 'block' }, backward: 'float8_e4m3fn' })

/** OCP MXFP8: E4M3 for all three products, blocks of 32 with E8M0 scales. */
export const mxfp8 = onBf16('mxfp8', { scaling: { kind: 'mx' }, backward: 'float8_e4m3fn' })

/** A policy whose first and last `count` blocks stay out of fp8, as Megatron-LM's `--first-last-layers-bf16`. */
export function withoutFirstAndLast(policy: PrecisionPolicy, count = 1): PrecisionPolicy {
  if (!policy.fp8) throw new RangeError(`withoutFirstAndLast: the policy ${policy.name} has no fp8 part`)
  return { ...policy, name: `${policy.name}-inner`, fp8: { ...policy.fp8, includes: exceptFirstAndLast(count) } }
}

/** The policies known by name. */
export const precisions: Readonly<Record<string, PrecisionPolicy>> = {
  f32,
  bf16,
  'bf16-pure': bf16Pure,
  'fp8-hybrid': fp8Hybrid,
  'fp8-current': fp8Current,
  'fp8-block': fp8Block,
  mxfp8,
}

/** @throws RangeError listing the names there are */
export function findPrecision(name: string): PrecisionPolicy {
  const found = Object.hasOwn(precisions, name) ? precisions[name] : undefined
  if (!found)
    throw new RangeError(
      `precision: no policy is called ${JSON.stringify(name)}; there are ${Object.keys(precisions).join(', ')}`,
    )
  return found
}
