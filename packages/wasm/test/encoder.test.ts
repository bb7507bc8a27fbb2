/** The encoder of WebAssembly modules: LEB128, opcodes, control flow. */
import { describe, expect, test } from 'vitest'
import {
  codeSection,
  encodeModule,
  exportSection,
  FunctionBody,
  functionExport,
  functionImport,
  functionSection,
  functionType,
  importSection,
  memoryExport,
  memorySection,
  signed,
  typeSection,
  unsigned,
} from '../src/index.ts'
import * as opcodes from '../src/opcodes.ts'

describe('LEB128', () => {
  // The examples of DWARF 4, figures 22 and 23, and of the WebAssembly specification.
  test.each([
    [2, [2]],
    [127, [127]],
    [128, [0x80, 1]],
    [12857, [0xb9, 0x64]],
    [624485, [0xe5, 0x8e, 0x26]],
    [0xffffffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('unsigned %d', (n, bytes) => expect(unsigned(n)).toEqual(bytes))

  test.each([
    [2, [2]],
    [-2, [0x7e]],
    [63, [63]],
    [64, [0xc0, 0]],
    [127, [0xff, 0]],
    [-127, [0x81, 0x7f]],
    [-129, [0xff, 0x7e]],
    [-123456, [0xc0, 0xbb, 0x78]],
    [-(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x78]],
  ])('signed %d', (n, bytes) => expect(signed(n)).toEqual(bytes))
})

/** Runs `build` on two vectors of four 32-bit words. */
function onVectors(build: (body: FunctionBody) => void, a: ArrayBufferView, b: ArrayBufferView): ArrayBuffer {
  const body = new FunctionBody(1)
  body.get(0)
  body.get(0).memory('v128.load').get(0).constant(16).op('i32.add').memory('v128.load')
  build(body)
  body.memory('v128.store')
  const bytes = encodeModule(
    typeSection([functionType(['i32'])]),
    functionSection([0]),
    memorySection({ pages: 1 }),
    exportSection([memoryExport('memory'), functionExport('run', 0)]),
    codeSection([body.bytes()]),
  )
  const { memory, run } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as any
  new Uint8Array(memory.buffer).set(new Uint8Array(a.buffer), 0)
  new Uint8Array(memory.buffer).set(new Uint8Array(b.buffer), 16)
  run(0)
  return memory.buffer.slice(0, 16)
}

test('an instruction does what its name in the text format says', () => {
  const x = Float32Array.of(1.5, -2, 9, 0.25)
  const y = Float32Array.of(2, 3, -4, 0.5)
  const floats: Record<string, (a: number, b: number) => number> = {
    'f32x4.add': (a, b) => a + b,
    'f32x4.sub': (a, b) => a - b,
    'f32x4.mul': (a, b) => a * b,
    'f32x4.div': (a, b) => a / b,
    'f32x4.min': Math.min,
    'f32x4.max': Math.max,
  }
  for (const [name, meaning] of Object.entries(floats))
    expect(new Float32Array(onVectors((f) => f.op(name), x, y)), name).toEqual(
      x.map((a, i) => Math.fround(meaning(a, y[i]))),
    )
  const i = Int32Array.of(7, -8, 2 ** 30, -1)
  const j = Int32Array.of(-3, 5, 2 ** 30, -1)
  const integers: Record<string, (a: number, b: number) => number> = {
    'i32x4.add': (a, b) => (a + b) | 0,
    'i32x4.sub': (a, b) => (a - b) | 0,
    'i32x4.mul': Math.imul,
    'i32x4.min_s': Math.min,
    'i32x4.max_s': Math.max,
    'i32x4.min_u': (a, b) => Math.min(a >>> 0, b >>> 0) | 0,
    'i32x4.max_u': (a, b) => Math.max(a >>> 0, b >>> 0) | 0,
    'i32x4.eq': (a, b) => (a === b ? -1 : 0),
    'i32x4.ne': (a, b) => (a !== b ? -1 : 0),
    'i32x4.lt_s': (a, b) => (a < b ? -1 : 0),
    'i32x4.gt_u': (a, b) => (a >>> 0 > b >>> 0 ? -1 : 0),
    'v128.and': (a, b) => a & b,
    'v128.andnot': (a, b) => a & ~b,
    'v128.or': (a, b) => a | b,
    'v128.xor': (a, b) => a ^ b,
  }
  for (const [name, meaning] of Object.entries(integers))
    expect(new Int32Array(onVectors((f) => f.op(name), i, j)), name).toEqual(i.map((a, k) => meaning(a, j[k])))
})

test('opcodes are distinct, and an unknown name is refused', () => {
  const codes = Object.values(opcodes)
  expect(new Set(codes).size).toBe(codes.length)
  expect(() => new FunctionBody(0).op('f32x4.cube')).toThrow('unknown instruction f32x4.cube')
})

test('a loop, a branch, locals and an imported function', () => {
  const body = new FunctionBody(1)
  const i = body.local('i32')
  body.loop(
    () => body.get(i).get(0).op('i32.lt_u'),
    () => {
      body.get(i).constant(2).op('i32.rem_u')
      body.when(() => body.get(i).call(0))
      body.get(i).constant(1).op('i32.add').set(i)
    },
  )
  const bytes = encodeModule(
    typeSection([functionType(['i32'])]),
    importSection([functionImport('host', 'seen', 0)]),
    functionSection([0]),
    exportSection([functionExport('odd', 1)]),
    codeSection([body.bytes()]),
  )
  const seen: number[] = []
  const module = new WebAssembly.Module(bytes)
  const { odd } = new WebAssembly.Instance(module, { host: { seen: (n: number) => seen.push(n) } }).exports as any
  odd(300)
  expect(seen).toEqual(Array.from({ length: 150 }, (_, k) => 2 * k + 1))
})
