// Builds WebAssembly SIMD code from expressions: an expression is the bytes of its instructions, operands first.

import {
  codeSection,
  encodeModule,
  exportSection,
  functionExport,
  functionSection,
  functionType,
  importSection,
  memoryImport,
  signed,
  sized,
  typeSection,
  unsigned,
} from '@kumiki/wasm'
import * as op from '@kumiki/wasm/opcodes'

export type Code = readonly number[]

const vector = (opcode: number, ...operands: Code[]): Code => [...operands.flat(), 0xfd, ...unsigned(opcode)]
const unary = (opcode: number) => (a: Code) => vector(opcode, a)
const binary = (opcode: number) => (a: Code, b: Code) => vector(opcode, a, b)
const shift = (opcode: number) => (a: Code, count: number) => vector(opcode, a, [0x41, ...signed(count)])

/** Four lanes of 32 bits, unless named otherwise. */
export const v = {
  and: binary(op.v128And),
  or: binary(op.v128Or),
  /** a where the mask's bits are 1, else b. */
  select: (a: Code, b: Code, mask: Code) => vector(op.v128Bitselect, a, b, mask),
  add: binary(op.i32x4Add),
  subtract: binary(op.i32x4Sub),
  min: binary(op.i32x4MinS),
  max: binary(op.i32x4MaxS),
  /** Signed comparisons, giving masks. */
  less: binary(op.i32x4LtS),
  greater: binary(op.i32x4GtS),
  shiftLeft: shift(op.i32x4Shl),
  shiftRight: shift(op.i32x4ShrU),
  addFloats: binary(op.f32x4Add),
  subtractFloats: binary(op.f32x4Sub),
  multiplyFloats: binary(op.f32x4Mul),
  floatOf: unary(op.f32x4ConvertI32x4S),
  /** 2 x 4 lanes -> 8 of 16 bits; 2 x 8 lanes -> 16 of 8 bits. Unsigned, saturating. */
  narrowTo16: binary(op.i16x8NarrowI32x4U),
  narrowTo8: binary(op.i8x16NarrowI16x8U),
  /** The lower and the upper half of 16 lanes of 8 bits as 8 of 16; of 8 lanes of 16 bits as 4 of 32. Unsigned. */
  low8: unary(op.i16x8ExtendLowI8x16U),
  high8: unary(op.i16x8ExtendHighI8x16U),
  low16: unary(op.i32x4ExtendLowI16x8U),
  high16: unary(op.i32x4ExtendHighI16x8U),
  /** Eight lanes of 16 bits. */
  add16: binary(op.i16x8Add),
  less16: binary(op.i16x8LtS),
  shiftLeft16: shift(op.i16x8Shl),
  /** Sixteen lanes of 8 bits. */
  greater8: binary(op.i8x16GtS),
  /** Bytes of `table` by the indices in `indices`; 0 for an index above 15. */
  lookup: (table: Code, indices: Code) => vector(op.i8x16Swizzle, table, indices),
  /** Eight lanes of 16 bits as the upper halves of 2 x 4 lanes of 32, zeros below. */
  widenLow: (a: Code): Code => [...v.constant(0), ...a, 0xfd, op.i8x16Shuffle, ...interleaved(0)],
  widenHigh: (a: Code): Code => [...v.constant(0), ...a, 0xfd, op.i8x16Shuffle, ...interleaved(8)],
  /** An i32: whether any bit is set. */
  any: unary(op.v128AnyTrue),
  bytes: (lanes: readonly number[]): Code => [0xfd, op.v128Const, ...lanes],
  /** The same 32 bits in every lane. */
  constant: (bits: number): Code => {
    const lane = [bits & 255, (bits >>> 8) & 255, (bits >>> 16) & 255, bits >>> 24]
    return [0xfd, op.v128Const, ...lane, ...lane, ...lane, ...lane]
  },
  load: (address: Code, offset: number): Code => [...address, 0xfd, op.v128Load, 0, ...unsigned(offset)],
  store: (address: Code, offset: number, value: Code): Code => [
    ...address,
    ...value,
    0xfd,
    op.v128Store,
    0,
    ...unsigned(offset),
  ],
}

/** Byte indices that interleave four 16-bit lanes of each of two vectors, starting at byte `from`. */
function interleaved(from: number): number[] {
  return [0, 2, 4, 6].flatMap((k) => [from + k, from + k + 1, from + k + 16, from + k + 17])
}

/** if (condition) then else otherwise; the condition is an i32. */
export const either = (condition: Code, then: Code, otherwise: Code): Code => [
  ...[...condition, 0x04, 0x40, ...then],
  ...[0x05, ...otherwise, 0x0b],
]

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)]

/** `local` += n for an i32. */
export const advance = (local: number, n: number): Code => set(local, [...get(local), 0x41, ...signed(n), 0x6a])

/** Repeats `body` while the i32 `a` is below `b`, at least once. */
export const repeatWhileBelow = (a: number, b: number, body: Code): Code => [
  ...[0x03, 0x40, ...body],
  ...[...get(a), ...get(b), 0x49, 0x0d, 0, 0x0b],
]

/**
 * A module with one function, exported as `run`, of three i32 parameters (locals 0 to 2) and `vectors` v128 locals
 * (from 3 on). It imports its memory as `host.memory`.
 */
export function moduleOf(vectors: number, body: Code): Uint8Array<ArrayBuffer> {
  return encodeModule(
    typeSection([functionType(['i32', 'i32', 'i32'])]),
    importSection([memoryImport('host', 'memory', { pages: 1 })]),
    functionSection([0]),
    exportSection([functionExport('run', 0)]),
    codeSection([sized([1, ...unsigned(vectors), 0x7b, ...body, 0x0b])]),
  )
}
