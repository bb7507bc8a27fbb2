// Which of an adapter's subgroup matrices the kernels can use.

import { matrixComponents } from '../../ops/matmul/subgroup-matrix-syntax.ts'
import type { SubgroupMatrices, SubgroupMatrixConfig } from './rule.ts'

/** What an adapter says of its subgroups. */
export interface SubgroupInfo {
  readonly subgroupMinSize?: number
  readonly subgroupMaxSize?: number
  readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>
}

/** Invocations of a subgroup that kernels are written for, and the most there may be: four subgroups are a workgroup. */
const wantedLanes = 32
const mostLanes = 64

/**
 * The matrices that kernels can use: float32 sums, sides of 8 or 16, a component that is known here. Where the size of
 * subgroups varies, shaders ask for one (`subgroup-size-control`); without that feature the largest is taken for theirs.
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
    // Objects of Dawn have getters alone.
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

/** Matrices that others compute with in WGSL too; all others are tried on the device before they are used. */
export function isKnown({ componentType, M, N, K }: SubgroupMatrixConfig): boolean {
  return componentType === 'f16' && M === 16 && N === 16 && K === 16
}
