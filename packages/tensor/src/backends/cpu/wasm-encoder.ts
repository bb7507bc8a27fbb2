/** Writes WebAssembly modules: just what fused kernels need. @see https://www.w3.org/TR/wasm-core-2/#binary-format */

export const valueType = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const
export type ValueType = keyof typeof valueType

/** Unsigned LEB128. */
export function unsigned(n: number): number[] {
  const out: number[] = []
  do {
    const more = n > 0x7f
    out.push((n & 0x7f) | (more ? 0x80 : 0))
    n >>>= 7
  } while (n > 0)
  return out
}

/** Signed LEB128 of a 32-bit integer. */
export function signed(n: number): number[] {
  const out: number[] = []
  for (;;) {
    const byte = n & 0x7f
    n >>= 7
    const done = (n === 0 && (byte & 0x40) === 0) || (n === -1 && (byte & 0x40) !== 0)
    out.push(done ? byte : byte | 0x80)
    if (done) return out
  }
}

const simd: Record<string, number> = {
  'i32x4.splat': 0x11,
  'f32x4.splat': 0x13,
  'i8x16.narrow_i16x8_u': 0x66,
  'i16x8.narrow_i32x4_u': 0x86,
  'i16x8.extend_low_i8x16_u': 0x89,
  'i32x4.extend_low_i16x8_u': 0xa9,
  'i32x4.eq': 0x37,
  'i32x4.ne': 0x38,
  'i32x4.lt_s': 0x39,
  'i32x4.lt_u': 0x3a,
  'i32x4.gt_s': 0x3b,
  'i32x4.gt_u': 0x3c,
  'i32x4.le_s': 0x3d,
  'i32x4.le_u': 0x3e,
  'i32x4.ge_s': 0x3f,
  'i32x4.ge_u': 0x40,
  'f32x4.eq': 0x41,
  'f32x4.ne': 0x42,
  'f32x4.lt': 0x43,
  'f32x4.gt': 0x44,
  'f32x4.le': 0x45,
  'f32x4.ge': 0x46,
  'v128.not': 0x4d,
  'v128.and': 0x4e,
  'v128.andnot': 0x4f,
  'v128.or': 0x50,
  'v128.xor': 0x51,
  'v128.bitselect': 0x52,
  'f32x4.ceil': 0x67,
  'f32x4.floor': 0x68,
  'f32x4.trunc': 0x69,
  'f32x4.nearest': 0x6a,
  'i32x4.abs': 0xa0,
  'i32x4.neg': 0xa1,
  'i32x4.shl': 0xab,
  'i32x4.shr_s': 0xac,
  'i32x4.shr_u': 0xad,
  'i32x4.add': 0xae,
  'i32x4.sub': 0xb1,
  'i32x4.mul': 0xb5,
  'i32x4.min_s': 0xb6,
  'i32x4.min_u': 0xb7,
  'i32x4.max_s': 0xb8,
  'i32x4.max_u': 0xb9,
  'f32x4.abs': 0xe0,
  'f32x4.neg': 0xe1,
  'f32x4.sqrt': 0xe3,
  'f32x4.add': 0xe4,
  'f32x4.sub': 0xe5,
  'f32x4.mul': 0xe6,
  'f32x4.div': 0xe7,
  'f32x4.min': 0xe8,
  'f32x4.max': 0xe9,
  'f32x4.pmin': 0xea,
  'f32x4.pmax': 0xeb,
  'f32x4.convert_i32x4_s': 0xfa,
  'f32x4.convert_i32x4_u': 0xfb,
}

/** SIMD loads and stores: opcode and natural alignment (log2). */
const simdMemory = {
  'v128.load': [0x00, 2],
  'v128.load16x4_u': [0x04, 1],
  'v128.load8_splat': [0x07, 0],
  'v128.load16_splat': [0x08, 1],
  'v128.load32_splat': [0x09, 2],
  'v128.store': [0x0b, 2],
  'v128.load32_zero': [0x5c, 2],
} as const
const simdLane = {
  'v128.load8_lane': [0x54, 0],
  'v128.load16_lane': [0x55, 1],
  'v128.load32_lane': [0x56, 2],
  'v128.store8_lane': [0x58, 0],
  'v128.store16_lane': [0x59, 1],
  'v128.store32_lane': [0x5a, 2],
  'v128.store64_lane': [0x5b, 2],
} as const

const plain: Record<string, number> = {
  'i32.add': 0x6a,
  'i32.sub': 0x6b,
  'i32.mul': 0x6c,
  'i32.div_u': 0x6e,
  'i32.rem_u': 0x70,
  'i32.shl': 0x74,
  'i32.lt_u': 0x49,
  'i32.ge_u': 0x4f,
  'i32.gt_u': 0x4b,
  'i32.le_u': 0x4d,
  select: 0x1b,
}

/** The body of one function. Locals are declared as they are asked for. */
export class FunctionBody {
  readonly code: number[] = []
  private readonly parameters: number
  private readonly locals: ValueType[] = []

  constructor(parameters: number) {
    this.parameters = parameters
  }

  local(type: ValueType): number {
    return this.parameters + this.locals.push(type) - 1
  }

  get(i: number): this {
    this.code.push(0x20, ...unsigned(i))
    return this
  }

  set(i: number): this {
    this.code.push(0x21, ...unsigned(i))
    return this
  }

  tee(i: number): this {
    this.code.push(0x22, ...unsigned(i))
    return this
  }

  constant(n: number): this {
    this.code.push(0x41, ...signed(n | 0))
    return this
  }

  /** A vector of four equal 32-bit words. */
  splatConstant(word: number): this {
    const bytes = [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, (word >>> 24) & 255]
    this.code.push(0xfd, 0x0c, ...bytes, ...bytes, ...bytes, ...bytes)
    return this
  }

  vectorConstant(words: readonly number[]): this {
    this.code.push(0xfd, 0x0c, ...words.flatMap((w) => [w & 255, (w >>> 8) & 255, (w >>> 16) & 255, (w >>> 24) & 255]))
    return this
  }

  /** A plain or SIMD instruction by its name in the text format. */
  op(name: string): this {
    if (name in plain) this.code.push(plain[name])
    else if (name in simd) this.code.push(0xfd, ...unsigned(simd[name]))
    else throw new Error(`wasm: unknown instruction ${name}`)
    return this
  }

  memory(name: keyof typeof simdMemory): this {
    const [code, align] = simdMemory[name]
    this.code.push(0xfd, ...unsigned(code), align, 0)
    return this
  }

  lane(name: keyof typeof simdLane, lane: number): this {
    const [code, align] = simdLane[name]
    this.code.push(0xfd, ...unsigned(code), align, 0, lane)
    return this
  }

  call(index: number): this {
    this.code.push(0x10, ...unsigned(index))
    return this
  }

  /** while (condition) body; the condition leaves an i32. */
  loop(condition: () => void, body: () => void): this {
    this.code.push(0x02, 0x40, 0x03, 0x40)
    condition()
    this.code.push(0x45, 0x0d, 1)
    body()
    this.code.push(0x0c, 0, 0x0b, 0x0b)
    return this
  }

  /** if (the i32 on the stack) body */
  when(body: () => void): this {
    this.code.push(0x04, 0x40)
    body()
    this.code.push(0x0b)
    return this
  }

  bytes(): number[] {
    const groups = this.locals.map((t) => [1, valueType[t]])
    const content = [...unsigned(groups.length), ...groups.flat(), ...this.code, 0x0b]
    return [...unsigned(content.length), ...content]
  }
}

export interface ModuleFunction {
  readonly name: string
  readonly parameters: number
  readonly body: FunctionBody
}

const section = (id: number, content: number[]): number[] => [id, ...unsigned(content.length), ...content]
const text = (s: string): number[] => {
  const bytes = new TextEncoder().encode(s)
  return [...unsigned(bytes.length), ...bytes]
}

/** A module of functions (i32, ...) -> () over an imported memory `env.memory`, that may call (v128) -> v128 functions of module `math`. */
export function encodeModule(
  functions: readonly ModuleFunction[],
  math: readonly string[],
  shared: boolean,
): Uint8Array {
  const arities = [...new Set(functions.map((f) => f.parameters))]
  const types = [
    [0x60, 1, valueType.v128, 1, valueType.v128],
    ...arities.map((n) => [0x60, ...unsigned(n), ...new Array(n).fill(valueType.i32), 0]),
  ]
  const imports = [
    [...text('env'), ...text('memory'), 0x02, shared ? 0x03 : 0x01, ...unsigned(1), ...unsigned(65536)],
    ...math.map((name) => [...text('math'), ...text(name), 0x00, 0]),
  ]
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, [...unsigned(types.length), ...types.flat()]),
    ...section(2, [...unsigned(imports.length), ...imports.flat()]),
    ...section(3, [
      ...unsigned(functions.length),
      ...functions.flatMap((f) => unsigned(1 + arities.indexOf(f.parameters))),
    ]),
    ...section(7, [
      ...unsigned(functions.length),
      ...functions.flatMap((f, i) => [...text(f.name), 0x00, ...unsigned(math.length + i)]),
    ]),
    ...section(10, [...unsigned(functions.length), ...functions.flatMap((f) => f.body.bytes())]),
  ])
}
