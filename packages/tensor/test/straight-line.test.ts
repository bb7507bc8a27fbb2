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
    'decodeE4M3 decodeE5M2 decodeF16 encodeBf16 encodeE4M3 encodeE5M2 encodeF16 exp log sigmoid sign tanh truncateS truncateU'
  expect([...lines.keys()].sort()).toEqual(names.split(' '))
})

test.each([...lines])('%s gives the same bits by its copied code as by a call', (name, line) => {
  // Every exponent with its smallest, largest and some other mantissas, both signs.
  const inputs = new Uint32Array(memory.buffer, 1 << 20, 512 * 8)
  for (let i = 0; i < inputs.length; i++)
    inputs[i] = ((i >>> 3) << 23) | [0, 1, 0x7fffff, 0x400000, 0x3fffff, 0x2aaaaa, 0x100, 0x55][i & 7]
  const end = inputs.byteOffset + inputs.byteLength
  const kernel = (apply: (f: FunctionBody) => void, to: number) => {
    const f = new FunctionBody(0)
    const at = f.local('i32')
    f.constant(inputs.byteOffset).set(at)
    f.repeat(
      () => {
        f.get(at).get(at).memory('v128.load')
        apply(f)
        f.memory('v128.store', to)
      },
      () => f.get(at).constant(16).op('i32.add').tee(at).constant(end).op('i32.lt_u'),
    )
    const code = encodeModule(
      typeSection([functionType(['v128'], ['v128']), functionType([])]),
      importSection([memoryImport('env', 'memory', 1, 65536), functionImport('math', name, 0)]),
      functionSection([1]),
      exportSection([functionExport('run', 1)]),
      codeSection([f.bytes()]),
    )
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), {
      env: { memory },
      math: exports as WebAssembly.ModuleImports,
    })
    ;(instance.exports.run as () => void)()
    return new Uint32Array(memory.buffer, inputs.byteOffset + to, inputs.length).slice()
  }
  const called = kernel((f) => f.call(0), 1 << 16)
  const copied = kernel((f) => {
    const locals = Array.from({ length: 1 + line.locals }, () => f.local('v128'))
    appendStraightLine(f, line, locals)
  }, 2 << 16)
  expect(copied).toEqual(called)
  expect(new Set(copied).size).toBeGreaterThan(2)
})
