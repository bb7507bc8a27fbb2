// Buffers and accessors that the kernels of attention share.

import type { Binding } from '../../backends/webgpu/rule.ts'
import type { ShaderBuffer } from '../../backends/webgpu/shader.ts'
import type { DType } from '../../dtype.ts'
import type { Operand } from '../../passes/operand.ts'

/** The buffers of a kernel, and their bindings in the same order. */
export interface KernelMemory {
  readonly buffers: readonly ShaderBuffer[]
  readonly bindings: readonly Binding[]
}

export const documentsBuffer: ShaderBuffer = { name: 'documents', dtype: 'int32' }

const memory = (...items: readonly (readonly [ShaderBuffer, Binding])[]): KernelMemory => ({
  buffers: items.map(([buffer]) => buffer),
  bindings: items.map(([, binding]) => binding),
})

const read = (name: string, { dtype }: Operand, input: number): [ShaderBuffer, Binding] => [
  { name, dtype, vector: true },
  { input },
]
const write = (name: string, dtype: DType, output: number): [ShaderBuffer, Binding] => [
  { name, dtype, write: true, vector: true },
  { output },
]
const documentsAt = (documents: Operand | undefined, input: number): [ShaderBuffer, Binding][] =>
  documents ? [[documentsBuffer, { input }]] : []

/** Of a forward kernel: q, k, v and documents are read, o and lse written. */
export function forwardMemory([q, k, v, documents]: readonly Operand[], o: Operand): KernelMemory {
  return memory(
    read('q', q, 0),
    read('k', k, 1),
    read('v', v, 2),
    write('o', o.dtype, 0),
    [{ name: 'lse', dtype: 'float32', write: true }, { output: 1 }],
    ...documentsAt(documents, 3),
  )
}

/**
 * Of the gradient's two kernels: the one with an invocation per query row stores delta in the first scratch buffer, for
 * the one with an invocation per key row.
 */
export function gradientMemory([q, k, v, o, , g, documents]: readonly Operand[]): {
  byQuery: KernelMemory
  byKey: KernelMemory
} {
  const heads = [read('q', q, 0), read('k', k, 1), read('v', v, 2)]
  const lse: [ShaderBuffer, Binding] = [{ name: 'lse', dtype: 'float32' }, { input: 4 }]
  const delta: ShaderBuffer = { name: 'delta', dtype: 'float32' }
  const mask = documentsAt(documents, 6)
  return {
    byQuery: memory(
      ...heads,
      read('o', o, 3),
      lse,
      read('g', g, 5),
      write('dq', 'float32', 0),
      [{ ...delta, write: true }, { scratch: 0 }],
      ...mask,
    ),
    byKey: memory(
      ...heads,
      lse,
      read('g', g, 5),
      [delta, { scratch: 0 }],
      write('dk', 'float32', 1),
      write('dv', 'float32', 2),
      ...mask,
    ),
  }
}
