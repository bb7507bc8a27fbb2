// The operands of WGSL products: plain, or codes times the scales of their blocks.

import type { Binding } from '../../backends/webgpu/rule.ts'
import type { ShaderBuffer } from '../../backends/webgpu/shader.ts'
import { type DType, isPacked } from '../../dtype.ts'
import type { BlockGrid } from './layout.ts'

/** A matrix in a buffer, or codes in a buffer with block scales in another. */
export interface MatmulOperand {
  readonly dtype: DType
  readonly binding: Binding
  /** Block scales: decoded values are multiplied by them. */
  readonly scales?: { readonly dtype: DType; readonly binding: Binding; readonly grid: BlockGrid }
}

/** The accessors of an operand: `NAME_at(i)`, `NAME_at4(i)` and `NAME_quad(at)` give values with scales applied. */
export interface OperandReading {
  readonly buffers: readonly ShaderBuffer[]
  readonly bindings: readonly Binding[]
  readonly functions: string
}

/** The dtype that represents an operand's values: float32 for scaled ones. */
export function valueType({ dtype, scales }: MatmulOperand): DType {
  return scales ? 'float32' : dtype
}

/** A key of the properties of an operand that speed depends on. */
export function operandKey({ dtype, scales }: MatmulOperand): string {
  return scales ? `${dtype}/${scales.grid.block.join('x')}` : dtype
}

/**
 * The accessors of an operand.
 * @param vector whether it is read only four elements at a time
 * @param length number of elements
 */
export function readingOf(name: string, operand: MatmulOperand, vector: boolean, length: number): OperandReading {
  const { dtype, binding, scales } = operand
  if (!scales) return { buffers: [{ name, dtype, vector, length }], bindings: [binding], functions: '' }
  const { columns, block } = scales.grid
  const codes = `${name}_codes`
  const at = (i: string) => `${name}_scales_at(${scaleIndex(scales.grid, i)})`
  // Four adjacent elements are in one row: they share a scale, or their scales are adjacent too.
  const four =
    block[1] % 4 === 0
      ? at('i')
      : block[1] === 1 && columns % 4 === 0
        ? `${name}_scales_at4(${scaleIndex(scales.grid, 'i')})`
        : `vec4<f32>(${['i', '(i + 1u)', '(i + 2u)', '(i + 3u)'].map(at).join(', ')})`
  const functions = [
    vector && !isPacked(dtype) ? '' : `fn ${name}_at(i: u32) -> f32 { return ${codes}_at(i) * ${at('i')}; }`,
    `fn ${name}_at4(i: u32) -> vec4<f32> { return ${codes}_at4(i) * ${four}; }`,
    `fn ${name}_quad(at: u32) -> vec4<f32> { return ${name}_at4(at << 2u); }`,
    '',
  ].join('\n')
  return {
    buffers: [
      { name: codes, dtype, vector, length },
      { name: `${name}_scales`, dtype: scales.dtype },
    ],
    bindings: [binding, scales.binding],
    functions,
  }
}

/** The position of the scale of element i. Blocks of one row or one column need fewer divisions. */
function scaleIndex({ columns, block: [blockRows, blockColumns] }: BlockGrid, i: string): string {
  const across = columns / blockColumns
  const block = blockColumns === 1 ? i : `${i} / ${blockColumns}u`
  if (blockRows === 1) return block
  if (across === 1) return `${i} / ${blockRows * columns}u`
  return `(${i} / ${blockRows * columns}u) * ${across}u + (${block}) % ${across}u`
}
