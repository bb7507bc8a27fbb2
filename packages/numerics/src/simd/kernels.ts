// One loop per format and direction, generated from the format's numbers. Its parameters: address to read, address to
// write, end address of the input. The last iteration reads and writes up to 16 values in full, beyond the end too: the
// caller's buffers have room for it.

import { type Format, nanCodeOf, overflowCode } from '../format.ts'
import { advance, type Code, either, get, moduleOf, repeatWhileBelow, set, v } from './assembler.ts'

const floats = new Float32Array(1)
const floatBits = new Uint32Array(floats.buffer)

function bitsOf(x: number): number {
  floats[0] = x
  return floatBits[0]
}

/** float32 -> codes, nearest even, 16 values per iteration. For signed formats. */
export function encodeKernel(f: Format, saturate: boolean): Uint8Array<ArrayBuffer> {
  const load = four.flatMap((k) => set(codes + k, v.load(get(0), 16 * k)))
  const pair = (k: number) => v.narrowTo16(get(codes + k), get(codes + k + 1))
  const store =
    f.bits <= 8
      ? v.store(get(1), 0, v.narrowTo8(pair(0), pair(2)))
      : [...v.store(get(1), 0, pair(0)), ...v.store(get(1), 16, pair(2))]
  const compute =
    isUpperHalf(f) && !saturate ? roundUpperHalves(true) : withFastPath(f, encodeNormal(f), encodeAnyBias(f, saturate))
  const next = [...advance(0, 64), ...advance(1, f.bits <= 8 ? 16 : 32)]
  return moduleOf(vectorLocals, repeatWhileBelow(0, 2, [...load, ...compute, ...store, ...next]))
}

/** codes -> float32, 16 values per iteration. For signed formats. */
export function decodeKernel(f: Format): Uint8Array<ArrayBuffer> {
  const store = (values: readonly Code[]) => values.flatMap((value, k) => v.store(get(1), 16 * k, value))
  const next = [...advance(0, f.bits <= 8 ? 16 : 32), ...advance(1, 64)]
  const loaded = [v.load(get(0), 0), v.load(get(0), 16)]
  let body: Code
  if (isUpperHalf(f)) {
    body = store(loaded.flatMap((half) => [v.widenLow(half), v.widenHigh(half)]))
  } else if (f.bits <= 8) {
    const byte = get(codes)
    const slow = store(
      [v.low8(byte), v.high8(byte)].flatMap((half) => [v.low16(half), v.high16(half)]).map(decodeAnyBias(f)),
    )
    const halves = [v.low8(byte), v.high8(byte)].flatMap((half, k) => set(codes + 1 + k, decodeInHalves(f, half)))
    const fast = [...halves, ...store([1, 2].flatMap((k) => [v.widenLow(get(codes + k)), v.widenHigh(get(codes + k))]))]
    const special = v.greater8(
      v.and(byte, v.constant(lowBytes(f) * 0x01010101)),
      v.constant(f.maxFiniteCode * 0x01010101),
    )
    const compute = f.mantissaBits <= 3 ? either(v.any(special), slow, fast) : slow
    body = [...set(codes, loaded[0]), ...compute]
  } else {
    body = store(loaded.flatMap((half) => [v.low16(half), v.high16(half)]).map(decodeAnyBias(f)))
  }
  return moduleOf(vectorLocals, repeatWhileBelow(0, 2, [...body, ...next]))
}

/** float32 -> the nearest value of the format, as float32, 16 values per iteration. For signed formats. */
export function roundKernel(f: Format, saturate: boolean): Uint8Array<ArrayBuffer> {
  const load = four.flatMap((k) => set(codes + k, v.load(get(0), 16 * k)))
  const store = four.flatMap((k) => v.store(get(1), 16 * k, get(codes + k)))
  const compute =
    isUpperHalf(f) && !saturate ? roundUpperHalves(false) : withFastPath(f, roundNormal(f), roundAnyBias(f, saturate))
  const next = [...advance(0, 64), ...advance(1, 64)]
  return moduleOf(vectorLocals, repeatWhileBelow(0, 2, [...load, ...compute, ...store, ...next]))
}

const four = [0, 1, 2, 3]

/** Indices of locals: the four vectors of an iteration from 3 on, then intermediate values that are used twice. */
const codes = 3
const bits = 7
const magnitude = 8
const rounded = 9
const vectorLocals = 7

/** Whether codes are the upper half of a float32. */
function isUpperHalf(f: Format): boolean {
  return f.bits === 16 && f.mantissaBits === 7 && f.bias === 127
}

/** All bits of a code but its sign. */
const lowBytes = (f: Format) => 2 ** (f.bits - 1) - 1

/** Replaces each of the four vectors by `lane` of it. */
const eachOf = (lane: (source: Code) => Code): Code => four.flatMap((k) => [...set(codes + k, lane(get(codes + k)))])

/** Evaluates to `value`, which is kept in `local` as well. */
const tee = (local: number, value: Code): Code => [...value, 0x22, local]

/**
 * bfloat16 of the four vectors, in the lower halves of the lanes (`down`) or in the upper ones: a carry out of the
 * lower half rounds up.
 */
function roundUpperHalves(down: boolean): Code {
  const place = (code: Code) => (down ? v.shiftRight(code, 16) : v.and(code, v.constant(0xffff0000)))
  const up = (b: Code) => place(v.add(v.add(b, v.constant(0x7fff)), v.and(v.shiftRight(b, 16), v.constant(1))))
  const nan = (b: Code) => place(v.or(v.and(b, v.constant(0x80000000)), v.constant(0x7fc00000)))
  const above = (b: Code) => v.greater(v.and(b, v.constant(0x7fffffff)), v.constant(0x7f800000))
  const size = (k: number) => v.and(get(codes + k), v.constant(0x7fffffff))
  const largest = v.max(v.max(size(0), size(1)), v.max(size(2), size(3)))
  const withNan = eachOf((b) => v.select(nan(b), up(b), above(b)))
  return either(v.any(v.greater(largest, v.constant(0x7f800000))), withNan, eachOf(up))
}

/**
 * Eight codes of a format with at most 3 mantissa bits, none of them infinite or NaN, as upper halves of float32:
 * normals are shifted and rebiased, the at most 8 subnormals come from a table whose first half holds their low bytes
 * and whose second half the high ones.
 */
function decodeInHalves(f: Format, source: Code): Code {
  const twice = (n: number) => v.constant(n * 0x10001)
  const m = get(magnitude)
  const normal = v.add16(v.shiftLeft16(m, 7 - f.mantissaBits), twice((127 - f.bias) << 7))
  const subnormals = Array.from({ length: 8 }, (_, k) => bitsOf(k * 2 ** (1 - f.bias - f.mantissaBits)) >>> 16)
  const table = v.bytes([...subnormals.map((h) => h & 255), ...subnormals.map((h) => h >>> 8)])
  const subnormal = v.lookup(table, v.or(v.or(m, v.shiftLeft16(m, 8)), twice(0x800)))
  const value = v.select(subnormal, normal, v.less16(m, twice(1 << f.mantissaBits)))
  const sign = v.shiftLeft16(v.and(get(bits), twice(1 << (f.bits - 1))), 16 - f.bits)
  return [...set(magnitude, v.and(tee(bits, source), twice(lowBytes(f)))), ...v.or(value, sign)]
}

/**
 * In 16-bit formats nearly all values are normal and within range: `normal` if all of the four vectors are, else
 * `general`. In narrower formats subnormals are so common that a branch would cost more than it saves.
 */
function withFastPath(f: Format, normal: (source: Code) => Code, general: (source: Code) => Code): Code {
  if (f.bits <= 8) return eachOf(general)
  const size = (k: number) => v.and(get(codes + k), v.constant(0x7fffffff))
  const fold = (by: (a: Code, b: Code) => Code) => by(by(size(0), size(1)), by(size(2), size(3)))
  const above = v.greater(fold(v.max), v.constant(greatestBits(f)))
  const below = v.less(fold(v.min), v.constant((128 - f.bias) << 23))
  return either(v.any(v.or(above, below)), eachOf(general), eachOf(normal))
}

/** The float32 of the greatest finite value, as bits. */
function greatestBits(f: Format): number {
  const drop = 23 - f.mantissaBits
  return (f.maxFiniteCode << drop) + ((127 - f.bias) << 23)
}

/**
 * b plus half a unit of the kept bits, minus 1 unless the lowest kept bit is 1: the kept bits of the sum are rounded to
 * nearest even.
 */
function carried(f: Format, b: Code): Code {
  const drop = 23 - f.mantissaBits
  const lowest = v.and(v.shiftRight(b, drop), v.constant(1))
  return v.add(v.add(b, v.constant((1 << (drop - 1)) - 1)), lowest)
}

const signOf = (f: Format) => v.and(v.shiftRight(get(bits), 32 - f.bits), v.constant(1 << (f.bits - 1)))

function encodeNormal(f: Format): (source: Code) => Code {
  const drop = 23 - f.mantissaBits
  const moved = v.shiftRight(carried(f, get(magnitude)), drop)
  const code = v.subtract(moved, v.constant((127 - f.bias) << f.mantissaBits))
  return (source) => [...set(magnitude, v.and(tee(bits, source), v.constant(0x7fffffff))), ...v.or(signOf(f), code)]
}

function roundNormal(f: Format): (source: Code) => Code {
  const kept = v.constant(-1 << (23 - f.mantissaBits))
  return (source) => [...set(bits, source), ...v.and(carried(f, get(bits)), kept)]
}

/** Like `encodeAnyBias`, but the result stays a float32. */
function roundAnyBias(f: Format, saturate: boolean): (source: Code) => Code {
  const drop = 23 - f.mantissaBits
  const unit = v.constant(bitsOf(2 ** (23 + 1 - f.bias - f.mantissaBits)))
  const m = get(magnitude)
  const r = get(rounded)
  const normal = v.and(carried(f, m), v.constant(-1 << drop))
  // x + unit - unit in floats: the sum is rounded, the difference is exact.
  const subnormal = v.subtractFloats(v.addFloats(m, unit), unit)
  const greatest = greatestBits(f)
  const nan =
    f.nanCode < 0 ? greatest : f.hasInfinity ? 0x7f800000 | ((f.nanCode - f.infinityCode) << drop) : 0x7fc00000
  const overflow = f.hasInfinity ? 0x7f800000 : nan
  const limited = saturate
    ? v.min(r, v.constant(greatest))
    : v.select(v.constant(overflow), r, v.greater(r, v.constant(greatest)))
  const finite = v.select(v.constant(nan), limited, v.greater(m, v.constant(0x7f800000)))
  return (source) => [
    ...set(magnitude, v.and(tee(bits, source), v.constant(0x7fffffff))),
    ...set(rounded, v.select(subnormal, normal, v.less(m, v.constant((128 - f.bias) << 23)))),
    ...v.or(finite, v.and(get(bits), v.constant(0x80000000))),
  ]
}

/**
 * Normals as in encode.ts. Subnormals by adding a float32 whose ulp is the format's smallest subnormal: the addition
 * rounds to nearest even, which WebAssembly guarantees, and the lower bits of the sum are the code.
 */
function encodeAnyBias(f: Format, saturate: boolean): (source: Code) => Code {
  const drop = 23 - f.mantissaBits
  const unit = v.constant(bitsOf(2 ** (23 + 1 - f.bias - f.mantissaBits)))
  const m = get(magnitude)
  const normal = v.subtract(v.shiftRight(carried(f, m), drop), v.constant((127 - f.bias) << f.mantissaBits))
  const subnormal = v.subtract(v.addFloats(m, unit), unit)
  const isSubnormal = v.less(m, v.constant((128 - f.bias) << 23))
  const greatest = v.constant(f.maxFiniteCode)
  const r = get(rounded)
  const limited = saturate ? v.min(r, greatest) : v.select(v.constant(overflowCode(f)), r, v.greater(r, greatest))
  const finite = v.select(v.constant(nanCodeOf(f)), limited, v.greater(m, v.constant(0x7f800000)))
  return (source) => [
    ...set(magnitude, v.and(tee(bits, source), v.constant(0x7fffffff))),
    ...set(rounded, v.select(subnormal, normal, isSubnormal)),
    ...v.or(signOf(f), finite),
  ]
}

/** Normals are shifted and rebiased, subnormals are an integer times the smallest one (exact). */
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
