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

export interface KernelFunction {
  readonly name: string
  /** How many i32 parameters. */
  readonly parameters: number
  readonly body: FunctionBody
}

/**
 * A module of functions (i32, ...) -> () over an imported memory `env.memory`, that may call (v128) -> v128 functions
 * of module `math`.
 */
export function encodeKernels(
  functions: readonly KernelFunction[],
  math: readonly string[],
  shared: boolean,
): Uint8Array<ArrayBuffer> {
  const arities = [...new Set(functions.map((f) => f.parameters))]
  return encodeModule(
    typeSection([
      functionType(['v128'], ['v128']),
      ...arities.map((n) => functionType(new Array<'i32'>(n).fill('i32'))),
    ]),
    importSection([
      memoryImport('env', 'memory', 1, 65536, shared),
      ...math.map((name) => functionImport('math', name, 0)),
    ]),
    functionSection(functions.map((f) => 1 + arities.indexOf(f.parameters))),
    exportSection(functions.map((f, i) => functionExport(f.name, math.length + i))),
    codeSection(functions.map((f) => f.body.bytes())),
  )
}
