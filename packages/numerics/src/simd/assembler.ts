// A small assembler for WebAssembly SIMD: an expression is the bytes of its instructions, operands first.
// Opcodes: WebAssembly core specification 2.0, appendix "Index of Instructions".

export type Code = readonly number[]

/** Unsigned LEB128. */
export function unsigned(n: number): number[] {
  const bytes: number[] = []
  do {
    bytes.push((n & 0x7f) | (n > 0x7f ? 0x80 : 0))
    n >>>= 7
  } while (n !== 0)
  return bytes
}

/** Signed LEB128 of a 32-bit integer. */
function signed(n: number): number[] {
  const bytes: number[] = []
  for (;;) {
    const low = n & 0x7f
    n >>= 7
    const done = (n === 0 && (low & 0x40) === 0) || (n === -1 && (low & 0x40) !== 0)
    bytes.push(done ? low : low | 0x80)
    if (done) return bytes
  }
}

const vector = (opcode: number, ...operands: Code[]): Code => [...operands.flat(), 0xfd, ...unsigned(opcode)]
const unary = (opcode: number) => (a: Code) => vector(opcode, a)
const binary = (opcode: number) => (a: Code, b: Code) => vector(opcode, a, b)
const shift = (opcode: number) => (a: Code, count: number) => vector(opcode, a, [0x41, ...signed(count)])

/** Four lanes of 32 bits, unless named otherwise. */
export const v = {
  and: binary(0x4e),
  or: binary(0x50),
  /** a where the mask's bits are 1, else b. */
  select: (a: Code, b: Code, mask: Code) => vector(0x52, a, b, mask),
  add: binary(0xae),
  subtract: binary(0xb1),
  min: binary(0xb6),
  max: binary(0xb8),
  /** Signed comparisons, giving masks. */
  less: binary(0x39),
  greater: binary(0x3b),
  shiftLeft: shift(0xab),
  shiftRight: shift(0xad),
  addFloats: binary(0xe4),
  subtractFloats: binary(0xe5),
  multiplyFloats: binary(0xe6),
  floatOf: unary(0xfa),
  /** 2 x 4 lanes -> 8 of 16 bits; 2 x 8 lanes -> 16 of 8 bits. Unsigned, saturating. */
  narrowTo16: binary(0x86),
  narrowTo8: binary(0x66),
  /** The lower and the upper half of 16 lanes of 8 bits as 8 of 16; of 8 lanes of 16 bits as 4 of 32. Unsigned. */
  low8: unary(0x89),
  high8: unary(0x8a),
  low16: unary(0xa9),
  high16: unary(0xaa),
  /** Eight lanes of 16 bits. */
  add16: binary(0x8e),
  less16: binary(0x2f),
  shiftLeft16: shift(0x8b),
  /** Sixteen lanes of 8 bits. */
  greater8: binary(0x27),
  /** Bytes of `table` by the indices in `indices`; 0 for an index above 15. */
  lookup: (table: Code, indices: Code) => vector(0x0e, table, indices),
  /** Eight lanes of 16 bits as the upper halves of 2 x 4 lanes of 32, zeros below. */
  widenLow: (a: Code): Code => [...v.constant(0), ...a, 0xfd, 13, ...interleaved(0)],
  widenHigh: (a: Code): Code => [...v.constant(0), ...a, 0xfd, 13, ...interleaved(8)],
  /** An i32: whether any bit is set. */
  any: unary(0x53),
  bytes: (lanes: readonly number[]): Code => [0xfd, 12, ...lanes],
  /** The same 32 bits in every lane. */
  constant: (bits: number): Code => {
    const lane = [bits & 255, (bits >>> 8) & 255, (bits >>> 16) & 255, bits >>> 24]
    return [0xfd, 12, ...lane, ...lane, ...lane, ...lane]
  },
  load: (address: Code, offset: number): Code => [...address, 0xfd, 0, 0, ...unsigned(offset)],
  store: (address: Code, offset: number, value: Code): Code => [...address, ...value, 0xfd, 11, 0, ...unsigned(offset)],
}

/** Byte indices that interleave 16-bit lanes of two vectors, from a byte on. */
function interleaved(from: number): number[] {
  return [0, 2, 4, 6].flatMap((k) => [from + k, from + k + 1, from + k + 16, from + k + 17])
}

/** Either of two statements, by an i32. */
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
 * A module with one function, exported as `run`, of three i32 parameters (locals 0 to 2) and `vectors` v128 locals (from 3 on).
 * It imports its memory as `host.memory`.
 */
export function moduleOf(vectors: number, body: Code): Uint8Array<ArrayBuffer> {
  const sized = (bytes: Code) => [...unsigned(bytes.length), ...bytes]
  const section = (id: number, bytes: Code) => [id, ...sized(bytes)]
  const text = (s: string) => sized([...s].map((c) => c.charCodeAt(0)))
  const locals = [1, ...unsigned(vectors), 0x7b]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]),
    ...section(2, [1, ...text('host'), ...text('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0, 0]),
    ...section(10, [1, ...sized([...locals, ...body, 0x0b])]),
  ])
}
