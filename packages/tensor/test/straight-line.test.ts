// The code of the prebuilt functions that fused kernels copy, against calls of the same functions.
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
  memoryImport,
  typeSection,
} from '@kumiki/wasm'
import { expect, test } from 'vitest'
import { shortcuts } from '../src/backends/cpu/fused-instructions.ts'
import { kernels } from '../src/backends/cpu/kernels/plain.generated.ts'
import { appendStraightLine, straightLines } from '../src/backends/cpu/straight-line.ts'

/** The code of the prebuilt kernels' functions that fused kernels copy. */

const bytes = Uint8Array.from(atob(kernels), (c) => c.charCodeAt(0))
const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 })
const module = new WebAssembly.Module(bytes)
const { exports } = new WebAssembly.Instance(module, { env: { memory } })
const lines = straightLines(bytes, memory.buffer)

test('all functions of one vector are copied, except the two that branch', () => {
  const names =
    'decodeE4M3 decodeE5M2 decodeF16 encodeBf16 encodeBf16InRange encodeE4M3 encodeE5M2 encodeF16 exp expInRange log sigmoid sigmoidInRange sign tanh truncateS truncateU'
  expect([...lines.keys()].sort()).toEqual(names.split(' '))
})

/** Applies code, which may call the function `name` as function 0, to every vector of `inputs`. */
function applied(inputs: Uint32Array, name: string, code: (f: FunctionBody) => void): Uint32Array {
  const [from, to] = [1 << 20, 2 << 20]
  new Uint32Array(memory.buffer).set(inputs, from / 4)
  const f = new FunctionBody(0)
  const at = f.local('i32')
  f.constant(from).set(at)
  f.repeat(
    () => {
      f.get(at).get(at).memory('v128.load')
      code(f)
      f.memory('v128.store', to - from)
    },
    () =>
      f
        .get(at)
        .constant(16)
        .op('i32.add')
        .tee(at)
        .constant(from + inputs.byteLength)
        .op('i32.lt_u'),
  )
  const bytes = encodeModule(
    typeSection([functionType(['v128'], ['v128']), functionType([])]),
    importSection([memoryImport('env', 'memory', { pages: 1, maximum: 65536 }), functionImport('math', name, 0)]),
    functionSection([1]),
    exportSection([functionExport('run', 1)]),
    codeSection([f.bytes()]),
  )
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory },
    math: exports as WebAssembly.ModuleImports,
  })
  ;(instance.exports.run as () => void)()
  return new Uint32Array(memory.buffer, to, inputs.length).slice()
}

/** Every exponent with its smallest, largest and some other mantissas, both signs. */
const everyExponent = Uint32Array.from(
  { length: 512 * 8 },
  (_, i) => ((i >>> 3) << 23) | [0, 1, 0x7fffff, 0x400000, 0x3fffff, 0x2aaaaa, 0x100, 0x55][i & 7],
)

test.each([...lines])('%s gives the same bits by its copied code as by a call', (name, line) => {
  const called = applied(everyExponent, name, (f) => f.call(0))
  const copied = applied(everyExponent, name, (f) => {
    const locals = Array.from({ length: 1 + line.locals }, () => f.local('v128'))
    appendStraightLine(f, line, locals)
  })
  expect(copied).toEqual(called)
  expect(new Set(copied).size).toBeGreaterThan(2)
})

test.each(Object.entries(shortcuts))('the shortcut of %s gives the same bits up to its limit', (name, shortcut) => {
  const limit = new Uint32Array(Float32Array.of(shortcut.limit).buffer)[0]
  // All magnitudes up to the limit in steps of a prime, so that low and high bits vary, and the last ones before it.
  const step = 16127
  const count = Math.floor(limit / step / 2) * 2
  const magnitudes = [
    ...Array.from({ length: count }, (_, i) => i * step),
    ...Array.from({ length: 64 }, (_, i) => limit - i),
  ]
  const inputs = Uint32Array.from(magnitudes.flatMap((bits) => [bits, bits | 0x80000000]))
  const full = applied(inputs, name, (f) => f.call(0))
  const short = applied(inputs, shortcut.name, (f) => f.call(0))
  expect(short).toEqual(full)
})
