// Starts the WebGPU backend from the options of init, or on a device that is given.

import { shown } from '../../arguments.ts'
import type { Tuning } from '../../device.ts'
import type { InitOptions, PinnedKernels } from '../../init.ts'
import { type FoundAdapter, findAdapter, requestDevice } from './adapter.ts'
import type { AdapterTraits, SubgroupMatrices } from './rule.ts'
import { WebGpuBackend } from './webgpu-backend.ts'

/**
 * The backend on the adapter there is.
 * @param asked WebGPU was asked for by name: software adapters will do, and none is an error
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
  const description = { ...found.description, ...(subgroupMatrix && (await proven(device, subgroupMatrix))) }
  const made = new WebGpuBackend(device, { ...description, pinned }, true, found.release)
  applyTuning(made, options.tuning)
  return made
}

/** Those matrices that may be used as they are, or that have been tried on this device, and the kernel that uses them. */
async function proven(
  device: GPUDevice,
  matrices: SubgroupMatrices,
): Promise<Pick<AdapterTraits, 'subgroupMatrix' | 'subgroupMatrixKernel'>> {
  const { workingMatrices } = await import('./try-matrices.ts')
  const subgroupMatrix = await workingMatrices(device, matrices)
  if (!subgroupMatrix) return { subgroupMatrix }
  const { subgroupMatrixKernel } = await import('../../ops/matmul/subgroup-matrix.wgsl.ts')
  return { subgroupMatrix, subgroupMatrixKernel }
}

/** The backend on a device that an application already has. */
export function adoptWebGpu(device: GPUDevice): WebGpuBackend {
  const info = (device as { adapterInfo?: GPUAdapterInfo }).adapterInfo
  const name = [info?.vendor, info?.architecture].filter(Boolean).join(' ') || 'given device'
  return new WebGpuBackend(device, { name, software: /swiftshader|llvmpipe/i.test(name), subgroupSize: 0 }, false)
}

function applyTuning(backend: WebGpuBackend, tuning: Tuning | undefined): void {
  if (!tuning) return
  if (typeof tuning.adapter !== 'string' || typeof tuning.choices !== 'object' || tuning.choices === null)
    throw new TypeError('init: tuning must be what Device.tuning gave: { adapter, choices }')
  if (tuning.adapter !== backend.description) return
  // A name that no kernel has is passed over when kernels are chosen.
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
