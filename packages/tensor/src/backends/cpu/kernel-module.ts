// Encodes the WebAssembly module of a program's fused kernels.

import {
  codeSection,
  encodeModule,
  exportSection,
  type FunctionBody,
  functionExport,
  functionImport,
  functionSection,
  functionType,
  importSection,
  memoryImport,
  typeSection,
} from '@kumiki/wasm'
import { maximumPages } from './addressing.ts'
import type { MemoryKind } from './wasm-memory.ts'

export interface KernelFunction {
  readonly name: string
  /** How many parameters: three integers, then addresses. */
  readonly parameters: number
  readonly body: FunctionBody
}

/**
 * A module of functions of integers and addresses without results, over an imported memory `env.memory`, that may call
 * (v128) -> v128 functions of module `math`. Addresses of 64 bits are given as f64, because JavaScript would have to
 * make a BigInt of each i64.
 */
export function encodeKernels(
  functions: readonly KernelFunction[],
  math: readonly string[],
  { shared, address }: MemoryKind,
): Uint8Array<ArrayBuffer> {
  const arities = [...new Set(functions.map((f) => f.parameters))]
  const typeOf = (i: number) => (address === 'i64' && i >= 3 ? 'f64' : 'i32')
  return encodeModule(
    typeSection([
      functionType(['v128'], ['v128']),
      ...arities.map((n) => functionType(Array.from({ length: n }, (_, i) => typeOf(i)))),
    ]),
    importSection([
      memoryImport('env', 'memory', { pages: 1, maximum: maximumPages[address], shared, address }),
      ...math.map((name) => functionImport('math', name, 0)),
    ]),
    functionSection(functions.map((f) => 1 + arities.indexOf(f.parameters))),
    exportSection(functions.map((f, i) => functionExport(f.name, math.length + i))),
    codeSection(functions.map((f) => f.body.bytes())),
  )
}
