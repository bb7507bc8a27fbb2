// Starts the WebGPU backend from the options of `init`, or on a given device.

import { shown } from '../../arguments.ts'
import type { Tuning } from '../../device.ts'
import type { InitOptions, PinnedKernels } from '../../init.ts'
import { type FoundAdapter, findAdapter, requestDevice } from './adapter.ts'
import type { AdapterTraits, SubgroupMatrices } from './rule.ts'
import { WebGpuBackend } from './webgpu-backend.ts'

/**
 * The backend on an adapter. Undefined if there is no hardware adapter and WebGPU was not requested by name.
 * @param asked WebGPU was requested by name: a software adapter is accepted, and a missing adapter is an error
 */
export async function startWebGpu(options: InitOptions, asked: boolean): Promise<WebGpuBackend | undefined> {
  const pinned = await checkedKernels(options.kernels)
  let found: FoundAdapter
  try {
    found = await findAdapter(options.gpu as GPU | undefined)
  } catch (error) {
    if (asked) throw error
    return undefined
  }
  if (!asked && found.description.software) {
    found.release()
    return undefined
  }
  const device = await requestDevice(found)
  const { subgroupMatrix } = found.description
  const description = { ...found.description, ...(subgroupMatrix && (await usableMatrices(device, subgroupMatrix))) }
  const made = new WebGpuBackend(device, { ...description, pinned }, true, found.release)
  applyTuning(made, options.tuning)
  return made
}

/** The subgroup matrices that work on this device, and the matmul variant that uses them. */
async function usableMatrices(
  device: GPUDevice,
  matrices: SubgroupMatrices,
): Promise<Pick<AdapterTraits, 'subgroupMatrix' | 'subgroupMatrixKernel'>> {
  const { workingMatrices } = await import('./try-matrices.ts')
  const subgroupMatrix = await workingMatrices(device, matrices)
  if (!subgroupMatrix) return { subgroupMatrix }
  const { subgroupMatrixKernel } = await import('../../ops/matmul/subgroup-matrix.wgsl.ts')
  return { subgroupMatrix, subgroupMatrixKernel }
}

/** The backend on a device that an application has already requested. */
export function adoptWebGpu(device: GPUDevice): WebGpuBackend {
  const info = (device as { adapterInfo?: GPUAdapterInfo }).adapterInfo
  const name = [info?.vendor, info?.architecture].filter(Boolean).join(' ') || 'given device'
  return new WebGpuBackend(device, { name, software: /swiftshader|llvmpipe/i.test(name), subgroupSize: 0 }, false)
}

function applyTuning(backend: WebGpuBackend, tuning: Tuning | undefined): void {
  if (!tuning) return
  if (typeof tuning.adapter !== 'string' || typeof tuning.choices !== 'object' || tuning.choices === null)
    throw new TypeError('init: tuning must be a value of Device.tuning, { adapter, choices }')
  if (tuning.adapter !== backend.description) return
  // Unknown names are ignored when kernels are chosen.
  for (const [key, name] of Object.entries(tuning.choices))
    if (typeof name === 'string' && !backend.choices.has(key)) backend.choices.set(key, name)
}

async function checkedKernels(kernels: PinnedKernels = {}): Promise<Record<string, string>> {
  const pinned: Record<string, string> = {}
  const { splitK } = kernels
  const variants = {
    matmul: async () => (await import('../../ops/matmul/matmul.wgsl.ts')).matmulVariants,
    attention: async () => (await import('../../ops/attention/attention.wgsl.ts')).attentionVariants,
    groupedMatmul: async () => (await import('../../ops/grouped-matmul/grouped-matmul.wgsl.ts')).groupedVariants,
  }
  for (const op of ['matmul', 'attention', 'groupedMatmul'] as const) {
    const name = kernels[op]
    if (name === undefined) continue
    const known = await variants[op]()
    if (!known.includes(name))
      throw new RangeError(`init: kernels.${op} must be one of ${known.join(', ')}, got ${JSON.stringify(name)}`)
    pinned[op] = name
  }
  if (splitK !== undefined) {
    if (!Number.isInteger(splitK) || splitK < 1 || splitK > 64)
      throw new RangeError(`init: kernels.splitK must be an integer from 1 to 64, got ${shown(splitK)}`)
    pinned.splitK = String(splitK)
  }
  return pinned
}
