// Kinds of subgroup matrices: which one takes a product's operands, and how WGSL writes it.

import type { AdapterTraits, SubgroupMatrixConfig } from '../../backends/webgpu/rule.ts'
import { type DType, dtypeInfo } from '../../dtype.ts'

/** How the elements of a matrix lie in workgroup memory. */
export interface MatrixComponent {
  /** What a shader must enable. */
  readonly enable: string
  /** Type of the array that matrices are loaded from. */
  readonly memory: 'f16' | 'f32' | 'u32'
  readonly bytes: number
  /** Elements in one of the array: codes that WGSL has no scalars for lie in words, the first in the lowest bits. */
  readonly perElement: number
}

const codes = (bytes: 1 | 2): MatrixComponent => ({ enable: '', memory: 'u32', bytes: 4, perElement: 4 / bytes })

/**
 * By the names that adapters give them in `subgroupMatrixConfigs`. No adapter lists bf16, f8_e4m3 or f8_e5m2 yet, and
 * Dawn has no types of those names: one that does is tried before it is used (backends/webgpu/subgroup-matrices.ts).
 */
export const matrixComponents: Readonly<Record<string, MatrixComponent>> = {
  f16: { enable: 'enable f16;\n', memory: 'f16', bytes: 2, perElement: 1 },
  f32: { enable: '', memory: 'f32', bytes: 4, perElement: 1 },
  bf16: codes(2),
  f8_e4m3: codes(1),
  f8_e5m2: codes(1),
}

/** Formats whose codes are a component as they are. */
const componentOfCodes: Partial<Record<DType, string>> = {
  bfloat16: 'bf16',
  float8_e4m3fn: 'f8_e4m3',
  float8_e5m2: 'f8_e5m2',
}

/** The format whose codes a component is, for those that have no scalars in WGSL. */
export const formatOfComponent: Readonly<Record<string, DType>> = Object.fromEntries(
  Object.entries(componentOfCodes).map(([dtype, component]) => [component, dtype as DType]),
)

/** Formats that float16 holds exactly. */
const inFloat16 = (d: DType) => {
  const { format } = dtypeInfo[d]
  return format !== undefined && format.mantissaBits <= 10 && format.exponentBits <= 5
}

/**
 * The adapter's matrices for operands of these formats, the widest there are: of their own codes, else of float16 where
 * that holds both exactly, else of float32. Sums are float32 in any case.
 */
export function matrixConfigFor(
  [a, b]: readonly [DType, DType],
  { subgroupMatrix }: AdapterTraits,
): SubgroupMatrixConfig | undefined {
  const own = a === b ? componentOfCodes[a] : undefined
  for (const component of [own, inFloat16(a) && inFloat16(b) ? 'f16' : undefined, 'f32']) {
    const found = subgroupMatrix?.configs.filter((c) => c.componentType === component) ?? []
    const size = ({ M, N, K }: SubgroupMatrixConfig) => M * N * 1024 + K
    if (found.length > 0) return found.reduce((best, c) => (size(c) > size(best) ? c : best))
  }
  return undefined
}

/** Rows or columns lie one after another. */
export type Major = 'row_major' | 'col_major'

/** How a shader writes matrices; offsets and strides count elements of the array. */
export interface MatrixSyntax {
  readonly head: string
  /** Declarations it needs. */
  readonly functions?: string
  readonly result: string
  /** What the entry point is marked with. */
  readonly attribute: string
  loadLeft(from: string, offset: string, stride: number, major: Major): string
  loadRight(from: string, offset: string, stride: number, major: Major): string
  multiplyAdd(a: string, b: string, c: string): string
  store(to: string, offset: string, value: string, stride: number): string
}

/**
 * Everything about the syntax of Dawn's experimental subgroup matrices, which is still changing, is in this function.
 */
export function matrixSyntax(
  { componentType, M, N, K }: SubgroupMatrixConfig,
  { lanes, sized }: { readonly lanes: number; readonly sized: boolean },
): MatrixSyntax {
  const left = `subgroup_matrix_left<${componentType}, ${K}, ${M}>`
  const right = `subgroup_matrix_right<${componentType}, ${N}, ${K}>`
  return {
    head: `${matrixComponents[componentType].enable}${sized ? 'enable subgroup_size_control;\n' : ''}enable chromium_experimental_subgroup_matrix;\ndiagnostic(off, chromium.subgroup_matrix_uniformity);\n`,
    result: `subgroup_matrix_result<f32, ${N}, ${M}>`,
    attribute: sized ? ` @subgroup_size(${lanes})` : '',
    loadLeft: (from, offset, stride, major) => `subgroupMatrixLoad<${left}, ${major}>(&${from}, ${offset}, ${stride}u)`,
    loadRight: (from, offset, stride, major) =>
      `subgroupMatrixLoad<${right}, ${major}>(&${from}, ${offset}, ${stride}u)`,
    multiplyAdd: (a, b, c) => `subgroupMatrixMultiplyAccumulate(${a}, ${b}, ${c})`,
    store: (to, offset, value, stride) => `subgroupMatrixStore<row_major>(&${to}, ${offset}, ${value}, ${stride}u)`,
  }
}
