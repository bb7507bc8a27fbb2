// Configurations of subgroup matrices: the choice for a product's operands, and their WGSL syntax.

import type { AdapterTraits, SubgroupMatrixConfig } from '../../backends/webgpu/rule.ts'
import { type DType, dtypeInfo } from '../../dtype.ts'

/** How the elements of a matrix are stored in workgroup memory. */
export interface MatrixComponent {
  /** The enable directive it needs. */
  readonly enable: string
  /** Type of the array that matrices are loaded from. */
  readonly memory: 'f16' | 'f32' | 'u32'
  readonly bytes: number
  /** Matrix elements per array element: codes without a scalar type in WGSL are packed in words, lowest bits first. */
  readonly perElement: number
}

const codes = (bytes: 1 | 2): MatrixComponent => ({ enable: '', memory: 'u32', bytes: 4, perElement: 4 / bytes })

/**
 * Component types by their names in `subgroupMatrixConfigs`. No adapter lists bf16, f8_e4m3 or f8_e5m2 yet, and Dawn
 * has no types of those names: if one does, it is tested before use (backends/webgpu/try-matrices.ts).
 */
export const matrixComponents: Readonly<Record<string, MatrixComponent>> = {
  f16: { enable: 'enable f16;\n', memory: 'f16', bytes: 2, perElement: 1 },
  f32: { enable: '', memory: 'f32', bytes: 4, perElement: 1 },
  bf16: codes(2),
  f8_e4m3: codes(1),
  f8_e5m2: codes(1),
}

/** The component type of the codes of a dtype. */
const componentOfCodes: Partial<Record<DType, string>> = {
  bfloat16: 'bf16',
  float8_e4m3fn: 'f8_e4m3',
  float8_e5m2: 'f8_e5m2',
}

/** The dtype of a component type that has no scalar type in WGSL. */
export const formatOfComponent: Readonly<Record<string, DType>> = Object.fromEntries(
  Object.entries(componentOfCodes).map(([dtype, component]) => [component, dtype as DType]),
)

/** Whether float16 represents every value of a dtype exactly. */
const inFloat16 = (d: DType) => {
  const { format } = dtypeInfo[d]
  return format !== undefined && format.mantissaBits <= 10 && format.exponentBits <= 5
}

/**
 * The adapter's largest configuration for operands of these dtypes: with their own codes as components, else float16 if
 * it represents both exactly, else float32. Sums are always float32.
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

/** Storage order of a matrix. */
export type Major = 'row_major' | 'col_major'

/** WGSL for matrices; offsets and strides count elements of the array. */
export interface MatrixSyntax {
  readonly head: string
  /** Declarations that the code needs. */
  readonly functions?: string
  readonly result: string
  /** An attribute of the entry point. */
  readonly attribute: string
  loadLeft(from: string, offset: string, stride: number, major: Major): string
  loadRight(from: string, offset: string, stride: number, major: Major): string
  multiplyAdd(a: string, b: string, c: string): string
  store(to: string, offset: string, value: string, stride: number): string
}

/** The syntax of Dawn's experimental subgroup matrices. It is still changing, so all of it is in this function. */
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
