// The code of one function, written instruction by instruction.

import { signed, unsigned } from './leb128.ts'
import { sized, type ValueType, valueType } from './module.ts'
import * as opcodes from './opcodes.ts'

/** Loads and stores of vectors: opcode and natural alignment (log2). */
const memoryInstructions = {
  'v128.load': [opcodes.v128Load, 2],
  'v128.load16x4_u': [opcodes.v128Load16x4U, 1],
  'v128.load8_splat': [opcodes.v128Load8Splat, 0],
  'v128.load16_splat': [opcodes.v128Load16Splat, 1],
  'v128.load32_splat': [opcodes.v128Load32Splat, 2],
  'v128.store': [opcodes.v128Store, 2],
  'v128.load32_zero': [opcodes.v128Load32Zero, 2],
} as const

const laneInstructions = {
  'v128.load8_lane': [opcodes.v128Load8Lane, 0],
  'v128.load16_lane': [opcodes.v128Load16Lane, 1],
  'v128.load32_lane': [opcodes.v128Load32Lane, 2],
  'v128.store8_lane': [opcodes.v128Store8Lane, 0],
  'v128.store16_lane': [opcodes.v128Store16Lane, 1],
  'v128.store32_lane': [opcodes.v128Store32Lane, 2],
  'v128.store64_lane': [opcodes.v128Store64Lane, 2],
} as const

/** Instructions without the SIMD prefix. */
const scalarInstructions: Record<string, number> = {
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
  'i64.add': 0x7c,
  'i64.shl': 0x86,
  'i64.extend_i32_s': 0xac,
  'i64.extend_i32_u': 0xad,
  'i64.trunc_f64_u': 0xb1,
  select: 0x1b,
}

/** `f32x4.min` as `f32x4Min`. */
const camelCase = (name: string) => name.replace(/[._](\w)/g, (_, letter: string) => letter.toUpperCase())

/**
 * The body of one function. Locals are declared as they are asked for.
 * @example
 * new FunctionBody(2).get(0).get(1).op('i32.add').bytes()
 */
export class FunctionBody {
  readonly code: number[] = []
  private readonly parameters: number
  private readonly locals: ValueType[] = []

  constructor(parameters: number) {
    this.parameters = parameters
  }

  /** Declares a local and gives its index. */
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

  /** An i32. */
  constant(n: number): this {
    this.code.push(0x41, ...signed(n | 0))
    return this
  }

  /** An i64 of 32 bits' range. */
  constant64(n: number): this {
    this.code.push(0x42, ...signed(n | 0))
    return this
  }

  /** A vector of four equal 32-bit words. */
  splatConstant(word: number): this {
    return this.vectorConstant([word, word, word, word])
  }

  /** A vector of four 32-bit words. */
  vectorConstant(words: readonly number[]): this {
    const bytes = words.flatMap((w) => [w & 255, (w >>> 8) & 255, (w >>> 16) & 255, (w >>> 24) & 255])
    this.code.push(0xfd, opcodes.v128Const, ...bytes)
    return this
  }

  /** A scalar or SIMD instruction without immediates, by its name in the text format. @throws Error for other names */
  op(name: string): this {
    const simd = (opcodes as Record<string, number>)[camelCase(name)]
    if (name in scalarInstructions) this.code.push(scalarInstructions[name])
    else if (simd !== undefined) this.code.push(0xfd, ...unsigned(simd))
    else throw new Error(`wasm: unknown instruction ${name}`)
    return this
  }

  /** @param offset bytes added to the address */
  memory(name: keyof typeof memoryInstructions, offset = 0): this {
    const [code, align] = memoryInstructions[name]
    this.code.push(0xfd, ...unsigned(code), align, ...unsigned(offset))
    return this
  }

  /** @param offset bytes added to the address */
  lane(name: keyof typeof laneInstructions, lane: number, offset = 0): this {
    const [code, align] = laneInstructions[name]
    this.code.push(0xfd, ...unsigned(code), align, ...unsigned(offset), lane)
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

  /** do body while (condition); the condition leaves an i32. V8 computes constants once before such a loop. */
  repeat(body: () => void, condition: () => void): this {
    this.code.push(0x03, 0x40)
    body()
    condition()
    this.code.push(0x0d, 0, 0x0b)
    return this
  }

  /** if (the i32 on the stack) body else otherwise */
  when(body: () => void, otherwise?: () => void): this {
    this.code.push(0x04, 0x40)
    body()
    if (otherwise) {
      this.code.push(0x05)
      otherwise()
    }
    this.code.push(0x0b)
    return this
  }

  /** A vector of sixteen bytes of the two on the stack: 0 to 15 name those of the first, 16 to 31 of the second. */
  shuffle(bytes: readonly number[]): this {
    this.code.push(0xfd, opcodes.i8x16Shuffle, ...bytes)
    return this
  }

  /** The entry of the code section: locals, instructions, end, behind their size. */
  bytes(): number[] {
    const groups = this.locals.map((type) => [1, valueType[type]])
    return sized([...unsigned(groups.length), ...groups.flat(), ...this.code, 0x0b])
  }
}
