// Selects the subgroup matrices of an adapter that the kernels can use.

import { matrixComponents } from '../../ops/matmul/subgroup-matrix-syntax.ts'
import type { SubgroupMatrices, SubgroupMatrixConfig } from './rule.ts'

/** The properties of an adapter's subgroups. */
export interface SubgroupInfo {
  readonly subgroupMinSize?: number
  readonly subgroupMaxSize?: number
  readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>
}

/** The preferred subgroup size, and the largest that kernels support: their workgroups have four subgroups. */
const wantedLanes = 32
const mostLanes = 64

/**
 * The matrices that kernels can use: float32 sums, M and N of 8 or 16, a known component type. If the subgroup size
 * varies, shaders request one (`subgroup-size-control`); without that feature the largest is assumed.
 */
export function subgroupMatricesOf(
  { subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs }: SubgroupInfo,
  has: (feature: string) => boolean,
): SubgroupMatrices | undefined {
  if (!has('chromium-experimental-subgroup-matrix') || subgroupMinSize === undefined || subgroupMaxSize === undefined)
    return undefined
  const sized = subgroupMinSize !== subgroupMaxSize && has('subgroup-size-control')
  const fits = subgroupMinSize <= wantedLanes && wantedLanes <= subgroupMaxSize
  const lanes = sized && fits ? wantedLanes : subgroupMaxSize
  if (lanes > mostLanes) return undefined
  const side = (x: number) => x === 8 || x === 16
  const configs = [...(subgroupMatrixConfigs ?? [])]
    // Plain copies: Dawn's objects only have getters.
    .map(({ componentType, resultComponentType, M, N, K }) => ({ componentType, resultComponentType, M, N, K }))
    .filter(
      ({ componentType, resultComponentType, M, N, K }) =>
        Object.hasOwn(matrixComponents, componentType) &&
        (componentType !== 'f16' || has('shader-f16')) &&
        resultComponentType === 'f32' &&
        side(M) &&
        side(N) &&
        [8, 16, 32, 64].includes(K),
    )
  return configs.length > 0 ? { configs, lanes, sized } : undefined
}

/** Whether a configuration is trusted without a test on the device: f16 of 16 x 16 x 16, which is widely used. */
export function isKnown({ componentType, M, N, K }: SubgroupMatrixConfig): boolean {
  return componentType === 'f16' && M === 16 && N === 16 && K === 16
}
