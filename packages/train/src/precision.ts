/** Precision policies: the number formats in which a training step stores and computes. */
import type { Optimizer } from '@kumiki/optim'
import { checkFp8Policy, exceptFirstAndLastBlocks, type Fp8Policy } from './fp8/policy.ts'

/** Storage formats of parameters and activations. */
export type StoredFloat = 'float32' | 'bfloat16' | 'float16'

/**
 * The storage format of each part of training, and which products use 8-bit operands. All sums are float32.
 */
export interface PrecisionPolicy {
  readonly name: string
  /** Format of the parameters in the forward pass (matrices; norm weights stay float32). */
  readonly parameters: StoredFloat
  /**
   * Whether narrow parameters have float32 master weights that the optimizer updates. Default true. Without them,
   * updates are rounded stochastically to the narrow format; rounding to nearest would lose small updates.
   */
  readonly master?: boolean
  /** Format of activations stored for the gradient: inputs of linear layers, and SwiGLU's gate and up. */
  readonly activations: StoredFloat
  /** Format of the gradients passed to the optimizer. Default float32. */
  readonly gradients?: 'float32' | 'bfloat16'
  /**
   * Storage format of the optimizer's moments (see Optimizer.withMomentDtype). Default: the optimizer's own.
   */
  readonly moments?: 'float32' | 'bfloat16'
  /** 8-bit operands for the blocks' linear layers. */
  readonly fp8?: Fp8Policy
}

const stored = ['float32', 'bfloat16', 'float16']
const reduced = ['float32', 'bfloat16']
/** Validators of the fields, for policies that were not type-checked. */
const fields: { readonly [field in keyof Required<PrecisionPolicy>]: (value: unknown) => string | undefined } = {
  name: (v) => (typeof v === 'string' && v !== '' ? undefined : 'a name'),
  parameters: oneOf(stored),
  master: (v) => (v === undefined || typeof v === 'boolean' ? undefined : 'true or false'),
  activations: oneOf(stored),
  gradients: oneOf([undefined, ...reduced]),
  moments: oneOf([undefined, ...reduced]),
  fp8: (v) => (v === undefined || (typeof v === 'object' && v !== null) ? undefined : 'an object'),
}

function oneOf(list: readonly unknown[]): (value: unknown) => string | undefined {
  return (value) => (list.includes(value) ? undefined : `one of ${list.filter((x) => x !== undefined).join(', ')}`)
}

/** @throws RangeError naming the policy and the invalid or unknown field */
export function checkPrecision(policy: PrecisionPolicy): void {
  if (typeof policy !== 'object' || policy === null)
    throw new RangeError(`precision: a policy is an object such as bf16, got ${JSON.stringify(policy)}`)
  const name = `precision ${JSON.stringify(policy.name)}`
  for (const key of Object.keys(policy))
    if (!Object.hasOwn(fields, key))
      throw new RangeError(`${name}: unknown field ${key}; known fields are ${Object.keys(fields).join(', ')}`)
  for (const [field, expected] of Object.entries(fields)) {
    const value = policy[field as keyof PrecisionPolicy]
    const wanted = expected(value)
    if (wanted) throw new RangeError(`${name}: ${field} must be ${wanted}, got ${JSON.stringify(value)}`)
  }
  if (policy.fp8) checkFp8Policy(policy.fp8)
}

/**
 * The optimizer with its moments stored in the policy's format.
 * @throws RangeError if it does not support the format, or was made with another one
 */
export function applyMomentDtype({ name, moments }: PrecisionPolicy, optimizer: Optimizer): Optimizer {
  if (moments === undefined) return optimizer
  if (optimizer.withMomentDtype) return optimizer.withMomentDtype(moments)
  // Optimizers without a choice store float32 moments.
  if (moments === 'float32') return optimizer
  throw new RangeError(
    `precision ${JSON.stringify(name)}: moments in ${moments}, but ${optimizer.name} does not support that; use another optimizer, or leave \`moments\` out of the policy`,
  )
}

/** float32 throughout. */
export const f32: PrecisionPolicy = { name: 'f32', parameters: 'float32', activations: 'float32' }

/**
 * bfloat16 weights and activations with float32 master weights, gradients and moments, as LLM-jp-3 and LLM-jp-4
 * trained. Norm weights stay float32 (they are vectors: a negligible part of the memory).
 */
export const bf16: PrecisionPolicy = { name: 'bf16', parameters: 'bfloat16', activations: 'bfloat16' }

/** bfloat16 for all stored tensors, moments included, without master weights. 6 bytes per parameter instead of 14. */
export const bf16Pure: PrecisionPolicy = {
  name: 'bf16-pure',
  parameters: 'bfloat16',
  master: false,
  activations: 'bfloat16',
  gradients: 'bfloat16',
  moments: 'bfloat16',
}

const onBf16 = (name: string, fp8: Fp8Policy): PrecisionPolicy => ({ ...bf16, name, fp8 })

/**
 * Transformer Engine's default, and LLM-jp's `fp8-hybrid`: E4M3 forward, E5M2 gradients, scales from the last 1,024
 * steps.
 */
export const fp8Hybrid = onBf16('fp8-hybrid', { scaling: { kind: 'delayed', historyLength: 1024, amaxCompute: 'max' } })

/** Like fp8-hybrid, but each tensor is scaled by its own current largest magnitude. */
export const fp8Current = onBf16('fp8-current', { scaling: { kind: 'current' } })

/**
 * DeepSeek-V3's: E4M3 for all three products, one scale per 1 x 128 block of activations and gradients and per 128 x
 * 128 block of weights.
 */
export const fp8Block = onBf16('fp8-block', { scaling: { kind: 'block' }, backward: 'float8_e4m3fn' })

/** OCP MXFP8: E4M3 for all three products, blocks of 32 with E8M0 scales. */
export const mxfp8 = onBf16('mxfp8', { scaling: { kind: 'mx' }, backward: 'float8_e4m3fn' })

/**
 * A policy whose first and last `count` blocks do not use fp8, as Megatron-LM's `--first-last-layers-bf16`.
 * @throws RangeError for a policy without fp8
 */
export function innerBlocksOnly(policy: PrecisionPolicy, count = 1): PrecisionPolicy {
  if (!policy.fp8)
    throw new RangeError(`innerBlocksOnly: the policy ${policy.name} has no fp8 layers; give an fp8 policy`)
  return { ...policy, name: `${policy.name}-inner`, fp8: { ...policy.fp8, includes: exceptFirstAndLastBlocks(count) } }
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

/** @throws RangeError listing the known names */
export function findPrecision(name: string): PrecisionPolicy {
  const found = Object.hasOwn(precisions, name) ? precisions[name] : undefined
  if (!found)
    throw Object.assign(
      new RangeError(
        `precision: no policy is called ${JSON.stringify(name)}; there are ${Object.keys(precisions).join(', ')}`,
      ),
      { given: String(name), known: Object.keys(precisions) },
    )
  return found
}
