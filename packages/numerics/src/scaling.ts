// Per-tensor scaling: the factor that maps a tensor into a narrow format's range. Codes represent x * scale; decoded
// values are divided by it.
//
// A recipe is a state machine without hidden state: `init` gives the initial state, `scale` reads the factor to use
// now, `update` takes the greatest magnitude just measured and gives the next state. States are plain objects, so that
// checkpoints can store them. All arithmetic is float32, as on a GPU.

import type { Format, FormatName } from './format.ts'
import { decode } from './one-number.ts'
import { formatOf } from './registry.ts'

const greatestFloat32 = 3.4028234663852886e38

export interface ScaleOptions {
  /** Headroom as a power of two: the target is max * 2^-margin. Default 0. */
  margin?: number
  /** Whether the scale is rounded down to a power of two, so that scaling and unscaling are exact. Default false. */
  powerOfTwo?: boolean
}

export interface CurrentScalingOptions extends ScaleOptions {
  /** Lower bound of amax: smaller values are replaced by it. Default 0. */
  epsilon?: number
}

/**
 * The scale that maps `amax` to the format's greatest value: float32(max * 2^-margin) / amax.
 *
 * amax below epsilon is replaced by epsilon; amax 0, infinite or NaN gives 1; a scale too large for float32 becomes the
 * greatest float32; with `powerOfTwo` the result is then rounded down to a power of two. These are Transformer Engine's
 * rules for current scaling.
 * @param amax greatest magnitude of the tensor
 * @throws RangeError if amax is negative or an option is out of range
 * @example scaleFor('float8_e4m3fn', 3.5) // 128
 */
export function scaleFor(format: FormatName | Format, amax: number, options: CurrentScalingOptions = {}): number {
  const { target, powerOfTwo, epsilon } = check(formatOf(format), options)
  if (amax < 0) throw new RangeError(`scaleFor: amax must not be negative, got ${amax}`)
  const magnitude = Math.max(Math.fround(amax), epsilon)
  if (!(magnitude > 0 && magnitude <= greatestFloat32)) return 1
  const scale = Math.min(Math.fround(target / magnitude), greatestFloat32)
  return powerOfTwo ? floorPowerOfTwo(scale) : scale
}

/** State of `currentScaling`: the scale for the tensor whose greatest magnitude was given last. */
export interface CurrentScalingState {
  readonly scale: number
}

/**
 * State of `delayedScaling`. `history` holds the latest greatest magnitudes, oldest first, at most `historyLength` of
 * them.
 */
export interface DelayedScalingState {
  readonly scale: number
  readonly history: readonly number[]
}

export interface ScalingRecipe<State> {
  readonly name: 'current' | 'delayed'
  /** The initial state: scale 1. */
  init(): State
  /** The factor to multiply by before encoding. */
  scale(state: State): number
  /** The next state, from the greatest magnitude of a tensor. Does not change `state`. */
  update(state: State, amax: number): State
}

/**
 * Current scaling: the scale comes from the tensor itself, which is read once before it is encoded. Call `update` with
 * the tensor's own amax, then use `scale`.
 * @throws RangeError if an option is out of range
 * @example
 * const recipe = currentScaling('float8_e4m3fn')
 * recipe.scale(recipe.update(recipe.init(), 3.5)) // 128
 */
export function currentScaling(
  format: FormatName | Format,
  options: CurrentScalingOptions = {},
): ScalingRecipe<CurrentScalingState> {
  const f = formatOf(format)
  check(f, options)
  return {
    name: 'current',
    init: () => ({ scale: 1 }),
    scale: (state) => state.scale,
    update: (_, amax) => ({ scale: scaleFor(f, amax, options) }),
  }
}

export interface DelayedScalingOptions extends ScaleOptions {
  /** Length of the amax history, in updates. Default 1024. */
  historyLength?: number
  /** Which amax of the history is used: its maximum (default), or the latest entry. */
  amaxCompute?: 'max' | 'most-recent'
}

/**
 * Delayed scaling: the scale comes from the greatest magnitudes of earlier steps, so a tensor is encoded in the same
 * pass that measures it. Encode with `scale(state)`, then `update` with the amax measured meanwhile.
 *
 * As in Transformer Engine's DelayedScaling: scale = float32(max * 2^-margin) / amax if amax, taken from the history
 * including this step, is finite and positive; otherwise the scale does not change (with `max`, an infinity therefore
 * freezes it while it is in the history). The maximum ignores NaN. A scale too large for float32 becomes the greatest
 * float32. `powerOfTwo` is not in Transformer Engine.
 * @throws RangeError if an option is out of range
 * @example
 * const recipe = delayedScaling('float8_e5m2', { historyLength: 2 })
 * let state = recipe.update(recipe.init(), 3.5)
 * recipe.scale(state) // 16384
 * state = recipe.update(state, 7)
 * recipe.scale(state) // 8192
 */
export function delayedScaling(
  format: FormatName | Format,
  options: DelayedScalingOptions = {},
): ScalingRecipe<DelayedScalingState> {
  const { target, powerOfTwo } = check(formatOf(format), options)
  const length = options.historyLength ?? 1024
  if (!Number.isInteger(length) || length < 1)
    throw new RangeError(`delayedScaling: historyLength must be an integer of at least 1, got ${length}`)
  const compute = options.amaxCompute ?? 'max'
  if (compute !== 'max' && compute !== 'most-recent')
    throw new RangeError(`delayedScaling: amaxCompute must be 'max' or 'most-recent', got '${compute}'`)
  return {
    name: 'delayed',
    init: () => ({ scale: 1, history: [] }),
    scale: (state) => state.scale,
    update(state, amax) {
      if (amax < 0) throw new RangeError(`delayedScaling: amax must not be negative, got ${amax}`)
      const latest = Math.fround(amax)
      const history = [...state.history.slice(Math.max(0, state.history.length - length + 1)), latest]
      let seen = latest
      if (compute === 'max') {
        seen = 0
        for (const a of history) if (a > seen) seen = a
      }
      if (!(seen > 0 && seen <= greatestFloat32)) return { scale: state.scale, history }
      const scale = Math.min(Math.fround(target / seen), greatestFloat32)
      return { scale: powerOfTwo ? floorPowerOfTwo(scale) : scale, history }
    },
  }
}

/**
 * Greatest magnitude of an array: 0 if it is empty, NaN if any element is NaN.
 * @example amax(Float32Array.of(0.1, -1.7, 300)) // 300
 */
export function amax(values: Float32Array): number {
  let greatest = 0
  for (let i = 0; i < values.length; i++) {
    const v = Math.abs(values[i])
    if (v > greatest) greatest = v
    else if (Number.isNaN(v)) return Number.NaN
  }
  return greatest
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The greatest power of two not above `scale`: its float32 with the mantissa cleared (0 for float32 subnormals). */
function floorPowerOfTwo(scale: number): number {
  scratch[0] = scale
  scratchBits[0] &= 0x7f800000
  return scratch[0]
}

function check(f: Format, { margin = 0, powerOfTwo = false, epsilon = 0 }: CurrentScalingOptions) {
  if (!Number.isInteger(margin) || margin < 0 || margin > 126)
    throw new RangeError(`scaling: margin must be an integer from 0 to 126 (powers of two), got ${margin}`)
  if (!(epsilon >= 0 && epsilon <= greatestFloat32))
    throw new RangeError(`scaling: epsilon must be a finite number of at least 0, got ${epsilon}`)
  return { target: Math.fround(decode(f, f.maxFiniteCode) * 2 ** -margin), powerOfTwo, epsilon: Math.fround(epsilon) }
}
