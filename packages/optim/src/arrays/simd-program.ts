// Compiles an elementwise formula over float32 to one WebAssembly loop. The formula is traced once on placeholders and
// becomes a module of a few hundred bytes that works on four elements at a time. Every operation rounds to float32
// once, so the results have the bits of the same formula computed operation by operation.
//
// Arrays stay in JavaScript's memory: one block at a time is copied into the module's memory, computed and copied out.
// Blocks stay in the cache, so copying costs less than SIMD saves. Where WebAssembly with SIMD is not available (an old
// engine, a Content-Security-Policy without 'wasm-unsafe-eval'), compileSimd returns undefined and the caller computes
// block by block in JavaScript.

import {
  codeSection,
  encodeModule,
  exportSection,
  functionExport,
  functionSection,
  functionType,
  memoryExport,
  memorySection,
  sized,
  typeSection,
  unsigned,
} from '@kumiki/wasm'
import * as op from '@kumiki/wasm/opcodes'
import type { Elementwise } from './arithmetic.ts'
import { decodeBfloat16, encodeBfloat16 } from './bfloat16.ts'

/** A value in the formula: an operation with its operands. Nodes are compared by identity. */
interface Node {
  readonly op: 'input' | 'scalar' | 'constant' | keyof typeof opcodes | 'sign'
  readonly operands: readonly Node[]
  /** Position of an input or a scalar, or the value of a constant. */
  readonly value: number
}

/** f32x4 operations, after the SIMD prefix 0xfd. */
const opcodes = {
  sqrt: op.f32x4Sqrt,
  add: op.f32x4Add,
  sub: op.f32x4Sub,
  mul: op.f32x4Mul,
  div: op.f32x4Div,
  min: op.f32x4Min,
  max: op.f32x4Max,
} as const

const blockLength = 4096

export interface SimdProgram {
  /** Runs over whole arrays of one length. Inputs and targets are Float32Array, or Uint16Array holding bfloat16. */
  run(
    inputs: readonly (Float32Array | Uint16Array)[],
    outputs: readonly (Float32Array | Uint16Array)[],
    scalars: readonly number[],
  ): void
}

/**
 * Compiles a formula.
 * @param inputs how many arrays the formula reads
 * @param scalars how many numbers change from call to call
 * @returns undefined if the engine cannot compile it
 */
export function compileSimd(
  inputs: number,
  scalars: number,
  formula: (ops: Elementwise<Node, Node>, inputs: readonly Node[], scalars: readonly Node[]) => readonly Node[],
): SimdProgram | undefined {
  if (typeof WebAssembly === 'undefined') return undefined
  const placeholder = (op: Node['op']) => (_: unknown, value: number) => ({
    op,
    operands: [],
    value,
    [Symbol.toPrimitive]: refuse,
  })
  const inputNodes = Array.from({ length: inputs }, placeholder('input'))
  const results = formula(operations, inputNodes, Array.from({ length: scalars }, placeholder('scalar')))
  const slots = inputs + results.length
  let memory: ArrayBuffer
  let loop: (bytes: number, ...scalars: number[]) => void
  try {
    const bytes = assemble(inputs, scalars, results)
    const exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as any
    memory = exports.m.buffer
    loop = exports.f
  } catch {
    return undefined
  }
  const blocks = Array.from({ length: slots }, (_, i) => new Float32Array(memory, i * blockLength * 4, blockLength))
  return {
    run(from, to, numbers) {
      const length = to[0].length
      for (let start = 0; start < length; start += blockLength) {
        const count = Math.min(blockLength, length - start)
        for (let i = 0; i < inputs; i++) {
          const piece = from[i].subarray(start, start + count)
          if (piece instanceof Float32Array) blocks[i].set(piece)
          else decodeBfloat16(piece, blocks[i])
        }
        loop(count * 4, ...numbers)
        for (let k = 0; k < to.length; k++) {
          const block = blocks[inputs + k]
          const target = to[k]
          if (target instanceof Float32Array) target.set(count < blockLength ? block.subarray(0, count) : block, start)
          else encodeBfloat16(block, target.subarray(start, start + count))
        }
      }
    },
  }
}

/** Converting a placeholder to a number is an error: it would silently become NaN. */
function refuse(): never {
  throw new TypeError(
    'elementwise rule: update() is traced, so its arrays and scalars are not numbers; compute with them only through ops, and put arithmetic on scalars into scalars()',
  )
}

const node = (op: Node['op'], ...operands: Node[]): Node => ({ op, operands, value: 0 })
const wrap = (x: Node | number): Node => (typeof x === 'number' ? { op: 'constant', operands: [], value: x } : x)
const times = (a: Node, x: Node | number) => (x === 1 ? a : node('mul', a, wrap(x)))

const operations: Elementwise<Node, Node> = {
  add: (a, b) => node('add', a, wrap(b)),
  sub: (a, b) => node('sub', a, wrap(b)),
  mul: (a, b) => node('mul', a, wrap(b)),
  div: (a, b) => node('div', a, wrap(b)),
  sqrt: (a) => node('sqrt', a),
  square: (a) => node('mul', a, a),
  sign: (a) => node('sign', a),
  maximum: (a, b) => node('max', a, wrap(b)),
  minimum: (a, b) => node('min', a, wrap(b)),
  addScaled: (a, x, b, y) => node('add', times(a, x), times(b, y)),
  subScaled: (a, x, b, y) => node('sub', times(a, x), times(b, y)),
}

/** The module: one memory `m` with a block for each input and result, one function `f(bytes, ...scalars)`. */
function assemble(inputs: number, scalars: number, results: readonly Node[]): Uint8Array<ArrayBuffer> {
  const order: Node[] = []
  const local = new Map<Node, number>()
  const visit = (n: Node) => {
    if (local.has(n)) return
    n.operands.forEach(visit)
    local.set(n, scalars + 2 + order.length)
    order.push(n)
  }
  results.forEach(visit)

  const get = (n: Node) => [0x20, ...unsigned(local.get(n)!)]
  const simd = (code: number, ...rest: number[]) => [0xfd, ...unsigned(code), ...rest]
  const position = scalars + 1
  const before: number[] = []
  const inside: number[] = []
  for (const n of order) {
    const set = [0x21, ...unsigned(local.get(n)!)]
    if (n.op === 'scalar') before.push(0x20, ...unsigned(n.value + 1), ...simd(op.f32x4Splat), ...set)
    else if (n.op === 'constant') before.push(...splat(n.value), ...set)
    else if (n.op === 'input')
      inside.push(0x20, ...unsigned(position), ...simd(op.v128Load, 4, ...unsigned(n.value * blockLength * 4)), ...set)
    else if (n.op === 'sign') {
      // Keeps NaN: bitselect(x, (x > 0 and 1) - (x < 0 and 1), x != x)
      const [x] = n.operands
      const part = (compare: number) => [...get(x), ...splat(0), ...simd(compare), ...splat(1), ...simd(op.v128And)]
      inside.push(...get(x), ...part(op.f32x4Gt), ...part(op.f32x4Lt), ...simd(opcodes.sub))
      inside.push(...get(x), ...get(x), ...simd(op.f32x4Ne), ...simd(op.v128Bitselect), ...set)
    } else inside.push(...n.operands.flatMap(get), ...simd(opcodes[n.op]), ...set)
  }
  results.forEach((n, k) => {
    const offset = unsigned((inputs + k) * blockLength * 4)
    inside.push(0x20, ...unsigned(position), ...get(n), ...simd(op.v128Store, 4, ...offset))
  })
  const body = [
    ...[2, 1, 0x7f, ...unsigned(order.length), 0x7b], // locals: the position in bytes, and a v128 for each value
    ...before,
    ...[0x03, 0x40, ...inside],
    // position += 16; repeat while position < bytes
    ...[0x20, ...unsigned(position), 0x41, 16, 0x6a, 0x22, ...unsigned(position), 0x20, 0, 0x49, 0x0d, 0],
    ...[0x0b, 0x0b],
  ]
  return encodeModule(
    typeSection([functionType(['i32', ...new Array<'f32'>(scalars).fill('f32')])]),
    functionSection([0]),
    memorySection({ pages: Math.ceil(((inputs + results.length) * blockLength * 4) / 65536) }),
    exportSection([memoryExport('m'), functionExport('f', 0)]),
    codeSection([sized(body)]),
  )
}

/** v128.const with four times the float32 nearest to x. */
function splat(x: number): number[] {
  const bytes = new Uint8Array(Float32Array.of(x).buffer)
  return [0xfd, op.v128Const, ...bytes, ...bytes, ...bytes, ...bytes]
}
