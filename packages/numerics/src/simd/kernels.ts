// One loop a format and direction, made from the format's numbers. Parameters of each: address to read from, address to write to, end of reading.
// What lies beyond the end up to a whole turn of the loop is read and written too: the caller has the room.

import { type Format, nanCodeOf, overflowCode } from '../format.ts'
import { advance, type Code, get, moduleOf, repeatWhileBelow, set, v } from './assembler.ts'

const floats = new Float32Array(1)
const floatBits = new Uint32Array(floats.buffer)

function bitsOf(x: number): number {
  floats[0] = x
  return floatBits[0]
}

/** Values in one turn of a loop: as many as give a vector of codes. */
const valuesPerTurn = (f: Format) => (f.bits <= 8 ? 16 : 8)

/** float32 -> codes, nearest even. For signed formats. */
export function encodeKernel(f: Format, saturate: boolean): Uint8Array<ArrayBuffer> {
  const lane = f.mantissaBits === 7 && f.bias === 127 && !saturate ? encodeUpperHalf : encodeAnyBias(f, saturate)
  const vectors = valuesPerTurn(f) / 4
  const compute = Array.from({ length: vectors }, (_, k) => set(3 + k, lane(v.load(get(0), 16 * k)))).flat()
  const pair = (k: number) => v.narrowTo16(get(3 + k), get(4 + k))
  const codes = f.bits <= 8 ? v.narrowTo8(pair(0), pair(2)) : pair(0)
  const turn = [...compute, ...v.store(get(1), 0, codes), ...advance(0, 16 * vectors), ...advance(1, 16)]
  return moduleOf(vectorLocals, repeatWhileBelow(0, 2, turn))
}

/** codes -> float32. For signed formats. */
export function decodeKernel(f: Format): Uint8Array<ArrayBuffer> {
  const lane = f.bits === 16 && f.bias === 127 ? (code: Code) => v.shiftLeft(code, 16) : decodeAnyBias(f)
  const halves = f.bits <= 8 ? [v.low8(v.load(get(0), 0)), v.high8(v.load(get(0), 0))] : [v.load(get(0), 0)]
  const quarters = halves.flatMap((half) => [v.low16(half), v.high16(half)])
  const store = quarters.flatMap((code, k) => v.store(get(1), 16 * k, lane(code)))
  const turn = [...store, ...advance(0, 16), ...advance(1, 16 * quarters.length)]
  return moduleOf(vectorLocals, repeatWhileBelow(0, 2, turn))
}

/** Locals 3 to 6 hold codes, the next ones what is used twice on the way. */
const vectorLocals = 7
const bits = 7
const magnitude = 8
const rounded = 9

/** Evaluates to `value`, which is kept in `local` as well. */
const tee = (local: number, value: Code): Code => [...value, 0x22, local]

/** bfloat16: the carry of the lower half does the rest. */
function encodeUpperHalf(source: Code): Code {
  const b = get(bits)
  const upper = v.shiftRight(v.add(v.add(b, v.constant(0x7fff)), v.and(v.shiftRight(b, 16), v.constant(1))), 16)
  const nan = v.or(v.and(v.shiftRight(b, 16), v.constant(0x8000)), v.constant(0x7fc0))
  const isNan = v.greater(v.and(b, v.constant(0x7fffffff)), v.constant(0x7f800000))
  return [...set(bits, source), ...v.select(nan, upper, isNan)]
}

/**
 * Normals as in encode.ts. Subnormals by one addition: where the lowest bit of the constant's float32 is the format's smallest subnormal,
 * the sum's own rounding (nearest even, exact in WebAssembly) is the one wanted, and its lower bits are the code.
 */
function encodeAnyBias(f: Format, saturate: boolean): (source: Code) => Code {
  const drop = 23 - f.mantissaBits
  const unit = v.constant(bitsOf(2 ** (23 + 1 - f.bias - f.mantissaBits)))
  const b = get(bits)
  const m = get(magnitude)
  const lowest = v.and(v.shiftRight(m, drop), v.constant(1))
  const shifted = v.shiftRight(v.add(v.add(m, v.constant((1 << (drop - 1)) - 1)), lowest), drop)
  const normal = v.subtract(shifted, v.constant((127 - f.bias) << f.mantissaBits))
  const subnormal = v.subtract(v.addFloats(m, unit), unit)
  const isSubnormal = v.less(m, v.constant((128 - f.bias) << 23))
  const greatest = v.constant(f.maxFiniteCode)
  const r = get(rounded)
  const limited = saturate ? v.min(r, greatest) : v.select(v.constant(overflowCode(f)), r, v.greater(r, greatest))
  const finite = v.select(v.constant(nanCodeOf(f)), limited, v.greater(m, v.constant(0x7f800000)))
  const sign = v.and(v.shiftRight(b, 32 - f.bits), v.constant(1 << (f.bits - 1)))
  return (source) => [
    ...set(magnitude, v.and(tee(bits, source), v.constant(0x7fffffff))),
    ...set(rounded, v.select(subnormal, normal, isSubnormal)),
    ...v.or(sign, finite),
  ]
}

/** Normals by moving and rebiasing, subnormals as an integer times the smallest one (exact). */
function decodeAnyBias(f: Format): (code: Code) => Code {
  const drop = 23 - f.mantissaBits
  const top = 1 << (f.bits - 1)
  const m = get(magnitude)
  const moved = v.shiftLeft(m, drop)
  const normal = v.add(moved, v.constant((127 - f.bias) << 23))
  const subnormal = v.multiplyFloats(v.floatOf(m), v.constant(bitsOf(2 ** (1 - f.bias - f.mantissaBits))))
  const finite = v.select(subnormal, normal, v.less(m, v.constant(1 << f.mantissaBits)))
  const special = f.hasInfinity ? v.or(moved, v.constant(0x7f800000)) : v.constant(0x7fc00000)
  const value =
    f.maxFiniteCode === top - 1 ? finite : v.select(special, finite, v.greater(m, v.constant(f.maxFiniteCode)))
  const sign = v.shiftLeft(v.and(get(bits), v.constant(top)), 32 - f.bits)
  return (code) => [...set(magnitude, v.and(tee(bits, code), v.constant(top - 1))), ...v.or(value, sign)]
}
