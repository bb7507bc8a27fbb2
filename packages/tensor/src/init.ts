import { CpuBackend } from './backends/cpu/cpu-backend.ts'
import { ReferenceBackend } from './backends/reference/reference-backend.ts'
import { type FoundAdapter, findAdapter, mayHaveAdapter, requestDevice } from './backends/webgpu/adapter.ts'
import { WebGpuBackend } from './backends/webgpu/webgpu-backend.ts'
import { Device, type Tuning } from './device.ts'
import { DeviceError } from './errors.ts'
import { attentionVariants } from './ops/attention/attention.wgsl.ts'
import { matmulVariants } from './ops/matmul/matmul.wgsl.ts'

/** `navigator.gpu`, or what the npm package `webgpu` creates. Structural: whoever only uses this package needs no WebGPU types. */
export interface GpuLike {
  requestAdapter(options?: object): Promise<unknown>
}

/** A GPUDevice. Structural for the same reason. */
export interface GpuDeviceLike {
  readonly queue: object
  createComputePipelineAsync(descriptor: never): Promise<unknown>
}

export interface InitOptions {
  /**
   * 'auto' (default): a hardware GPU through WebGPU if there is one, else 'cpu'. 'webgpu' takes software adapters too.
   * 'reference' runs every op by its definition: slow, for comparison.
   */
  readonly backend?: 'auto' | 'webgpu' | 'cpu' | 'reference'
  /** Threads of the cpu backend; default: all processors. */
  readonly threads?: number
  /** A GPU object to ask instead of `navigator.gpu` or the npm package `webgpu`. */
  readonly gpu?: GpuLike
  /** Kernels to take where they apply instead of the ones chosen for the adapter: `{ matmul: 'shared 4x4' }` (webgpu). */
  readonly kernels?: PinnedKernels
  /** Earlier results of `tune()` (see `Device.tuning`); ignored on another adapter than they were measured on. */
  readonly tuning?: Tuning
}

/** Choices that are otherwise made by rule or by measurement. */
export interface PinnedKernels {
  /** A variant of matmul, by name. */
  readonly matmul?: string
  /** A variant of attention, by name. */
  readonly attention?: string
  /** Pieces that the inner dimension of a product is cut into, where it divides. */
  readonly splitK?: number
}

/**
 * Asks for a device, once. Dispose it at the end.
 * @throws DeviceError if WebGPU is asked for and there is no adapter
 */
export async function init(options: InitOptions = {}): Promise<Device> {
  const { backend = 'auto' } = options
  if (!['auto', 'webgpu', 'cpu', 'reference'].includes(backend))
    throw new DeviceError(`init: unknown backend '${backend}'; known are auto, webgpu, cpu, reference`)
  if (backend === 'reference') return new Device(new ReferenceBackend())
  if (backend === 'webgpu' || (backend === 'auto' && (options.gpu || (await mayHaveAdapter())))) {
    let found: FoundAdapter | undefined
    try {
      found = await findAdapter(options.gpu as GPU | undefined)
    } catch (error) {
      if (backend === 'webgpu') throw error
    }
    if (found && (backend === 'webgpu' || !found.description.software)) {
      const description = { ...found.description, pinned: checkedKernels(options.kernels) }
      const made = new WebGpuBackend(await requestDevice(found), description, true, found.release)
      applyTuning(made, options.tuning)
      return new Device(made)
    }
    found?.release()
  }
  return new Device(await CpuBackend.create({ threads: options.threads }))
}

/** Works on a GPUDevice that an application already has. It is not destroyed with the Kumiki device. */
export async function fromDevice(gpuDevice: GpuDeviceLike): Promise<Device> {
  if (typeof gpuDevice?.createComputePipelineAsync !== 'function')
    throw new TypeError('fromDevice: expected a GPUDevice')
  const device = gpuDevice as unknown as GPUDevice
  const info = (device as { adapterInfo?: GPUAdapterInfo }).adapterInfo
  const name = [info?.vendor, info?.architecture].filter(Boolean).join(' ') || 'given device'
  return new Device(
    new WebGpuBackend(device, { name, software: /swiftshader|llvmpipe/i.test(name), subgroupSize: 0 }, false),
  )
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

function checkedKernels(kernels: PinnedKernels = {}): Record<string, string> {
  const pinned: Record<string, string> = {}
  const { splitK } = kernels
  for (const [op, variants] of [
    ['matmul', matmulVariants],
    ['attention', attentionVariants],
  ] as const) {
    const name = kernels[op]
    if (name === undefined) continue
    if (!variants.includes(name))
      throw new RangeError(`init: kernels.${op} must be one of ${variants.join(', ')}, got ${JSON.stringify(name)}`)
    pinned[op] = name
  }
  if (splitK !== undefined) {
    if (!Number.isInteger(splitK) || splitK < 1 || splitK > 64)
      throw new RangeError(`init: kernels.splitK must be an integer from 1 to 64, got ${splitK}`)
    pinned.splitK = String(splitK)
  }
  return pinned
}
