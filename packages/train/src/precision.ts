/** In which formats a step stores and computes: the policies there are, and the check of one of your own. */
import type { Optimizer } from '@kumiki/optim'
import { checkFp8Policy, exceptFirstAndLast, type Fp8Policy } from './fp8/recipe.ts'

/** Formats in which parameters and activations are kept. */
export type StoredFloat = 'float32' | 'bfloat16' | 'float16'

/** Which number format each part of training is stored in, and which products run on 8 bits. Sums are float32 throughout. */
export interface PrecisionPolicy {
  readonly name: string
  /** What the forward pass reads (matrices; norm weights stay float32). */
  readonly parameters: StoredFloat
  /**
   * Whether narrow parameters have a float32 copy that the optimizer updates. Default true. Without one, updates are rounded to the
   * narrow format at random with the right mean: to nearest they would be lost.
   */
  readonly master?: boolean
  /** Inputs of linear layers, and SwiGLU's gate and up, kept for the gradient. */
  readonly activations: StoredFloat
  /** What the optimizer is given: float32 (default), or bfloat16 gradients. */
  readonly gradients?: 'float32' | 'bfloat16'
  /** How the optimizer stores its moments, whatever optimizer it is (see Optimizer.withMomentDtype). Default: as it was made. */
  readonly moments?: 'float32' | 'bfloat16'
  /** Linear layers of the blocks on 8-bit operands. */
  readonly fp8?: Fp8Policy
}

const stored = ['float32', 'bfloat16', 'float16']
const reduced = ['float32', 'bfloat16']
/** What each field may be, for policies that no compiler has seen. */
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

/** @throws RangeError naming the policy and the field that cannot be, or that there is none of that name */
export function checkPrecision(policy: PrecisionPolicy): void {
  if (typeof policy !== 'object' || policy === null)
    throw new RangeError(`precision: a policy is an object such as bf16, got ${JSON.stringify(policy)}`)
  const name = `precision ${JSON.stringify(policy.name)}`
  for (const key of Object.keys(policy))
    if (!Object.hasOwn(fields, key))
      throw new RangeError(`${name}: there is no field ${key}; there are ${Object.keys(fields).join(', ')}`)
  for (const [field, expected] of Object.entries(fields)) {
    const value = policy[field as keyof PrecisionPolicy]
    const wanted = expected(value)
    if (wanted) throw new RangeError(`${name}: ${field} must be ${wanted}, got ${JSON.stringify(value)}`)
  }
  if (policy.fp8) checkFp8Policy(policy.fp8)
}

/**
 * The optimizer with its moments stored as the policy wants them.
 * @throws RangeError where it cannot store them so, or was made with another format
 */
export function optimizerUnder({ name, moments }: PrecisionPolicy, optimizer: Optimizer): Optimizer {
  if (moments === undefined) return optimizer
  if (optimizer.withMomentDtype) return optimizer.withMomentDtype(moments)
  // Without a choice moments are float32.
  if (moments === 'float32') return optimizer
  throw new RangeError(
    `precision ${JSON.stringify(name)}: moments in ${moments}, but ${optimizer.name} cannot store them so; take another optimizer, or leave \`moments\` out of the policy`,
  )
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
