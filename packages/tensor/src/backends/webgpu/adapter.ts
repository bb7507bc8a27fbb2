// Finds a WebGPU adapter and requests a device with the adapter's limits.

import { DeviceError } from '../../errors.ts'
import type { SubgroupInfo } from './subgroup-matrices.ts'
import type { AdapterDescription } from './webgpu-backend.ts'

export interface FoundAdapter {
  readonly adapter: GPUAdapter
  readonly description: AdapterDescription
  /** Drops the reference to the GPU object, so that Node can exit. */
  release(): void
}

/** Limits requested at the adapter's maximum: the defaults are too small for a vocabulary of 100,000. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const
const wantedFeatures = [
  'subgroups',
  'subgroup-size-control',
  'shader-f16',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix',
]

/** Dawn drops its devices when the object that create() returned is garbage-collected: referenced while in use. */
const held = new Set<unknown>()

function hold(gpu: GPU): { gpu: GPU; release: () => void } {
  held.add(gpu)
  return { gpu, release: () => held.delete(gpu) }
}

async function defaultGpu(): Promise<{ gpu: GPU; release: () => void }> {
  const own = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu
  if (own) return { gpu: own, release: () => {} }
  let create: (flags: string[]) => GPU
  try {
    const name = 'webgpu' // a variable, so that bundlers do not resolve it: the package is optional and for Node only
    ;({ create } = await import(/* @vite-ignore */ /* webpackIgnore: true */ name))
  } catch {
    throw new DeviceError(
      "webgpu: this runtime has no navigator.gpu, and the npm package 'webgpu' is not installed (npm install webgpu)",
    )
  }
  // Exact timestamps: by default Dawn rounds them to 65 microseconds, against timing attacks by web pages.
  return hold(create(['disable-dawn-features=timestamp_quantization']))
}

/**
 * Finds an adapter and describes it.
 * @param given a GPU object to use instead of `navigator.gpu` or the npm package `webgpu`
 * @throws DeviceError if there is no WebGPU or no adapter
 */
export async function findAdapter(given?: GPU): Promise<FoundAdapter> {
  const { gpu, release } = given ? hold(given) : await defaultGpu()
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) {
    release()
    throw new DeviceError(
      'webgpu: there is no adapter: no GPU with a Vulkan, Metal or Direct3D 12 driver was found; use the cpu backend',
    )
  }
  const { info } = adapter
  const name = [info.vendor, info.architecture, info.description].filter(Boolean).join(' ') || 'unknown adapter'
  const software =
    /swiftshader|llvmpipe|lavapipe|basic render|software/i.test(`${name} ${info.device}`) ||
    (info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true
  const subgroups = info as SubgroupInfo
  const has = (feature: string) => adapter.features.has(feature as GPUFeatureName)
  const { subgroupMinSize, subgroupMaxSize } = subgroups
  return {
    adapter,
    release,
    description: {
      name,
      software,
      subgroupMatrix: has('chromium-experimental-subgroup-matrix')
        ? (await import('./subgroup-matrices.ts')).subgroupMatricesOf(subgroups, has)
        : undefined,
      subgroupSize: subgroupMinSize !== undefined && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : 0,
    },
  }
}

/**
 * A device with the wanted limits and those wanted features that the adapter has.
 * @throws DeviceError if the adapter refuses
 */
export async function requestDevice({ adapter }: FoundAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {}
  for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name]
  const requiredFeatures = wantedFeatures.filter((f) => adapter.features.has(f as GPUFeatureName)) as GPUFeatureName[]
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures })
  } catch (error) {
    throw new DeviceError(`webgpu: the adapter refused to give a device: ${(error as Error).message}`)
  }
}
