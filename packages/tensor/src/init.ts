// Asks for a device.

import { mayHaveAdapter } from './backends/webgpu/may-have-adapter.ts'
import { Device, type Tuning } from './device.ts'
import { DeviceError } from './errors.ts'

/**
 * `navigator.gpu`, or what the npm package `webgpu` creates. Structural: whoever only uses this package needs no WebGPU
 * types.
 */
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
  /**
   * Runtimes with relaxed SIMD (Node 22 and newer, Deno, current browsers) multiply and add in one rounding, others
   * (Node 20, Bun) in two: the cpu backend's last bits differ between them. `false` takes two everywhere: the same
   * bits, at some cost in speed. Default: what there is; `Device.name` says which.
   */
  readonly relaxedSimd?: boolean
  /** A GPU object to ask instead of `navigator.gpu` or the npm package `webgpu`. */
  readonly gpu?: GpuLike
  /**
   * Kernels to take where they apply instead of the ones chosen for the adapter: `{ matmul: 'shared 4x4' }` (webgpu).
   */
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
  /** A variant of groupedMatmul and its gradient, by name. */
  readonly groupedMatmul?: string
  /** Pieces that the inner dimension of a product is cut into, where it divides. */
  readonly splitK?: number
}

/**
 * Asks for a device, once. Dispose it at the end.
 * @throws DeviceError if WebGPU is asked for and there is no adapter
 * @example
 * const other = await init({ backend: 'reference' })
 * other.tensor([1, 2]).add(1) // [2, 3]
 * other.dispose()
 */
export async function init(options: InitOptions = {}): Promise<Device> {
  const { backend = 'auto' } = options
  if (!['auto', 'webgpu', 'cpu', 'reference'].includes(backend))
    throw new DeviceError(`init: unknown backend '${backend}'; known are auto, webgpu, cpu, reference`)
  // A backend is loaded when it is asked for.
  if (backend === 'reference') {
    const { ReferenceBackend } = await import('./backends/reference/reference-backend.ts')
    return new Device(new ReferenceBackend())
  }
  if (backend === 'webgpu' || (backend === 'auto' && (options.gpu || (await mayHaveAdapter())))) {
    const { startWebGpu } = await import('./backends/webgpu/start.ts')
    const started = await startWebGpu(options, backend === 'webgpu')
    if (started) return new Device(started)
  }
  const { CpuBackend } = await import('./backends/cpu/cpu-backend.ts')
  return new Device(await CpuBackend.create({ threads: options.threads, relaxedSimd: options.relaxedSimd }))
}

/**
 * Works on a GPUDevice that an application already has. It is not destroyed with the Kumiki device.
 * @example
 * const gpu = await adapter.requestDevice() // a GPUDevice that an application already has
 * const onIt = await fromDevice(gpu)
 */
export async function fromDevice(gpuDevice: GpuDeviceLike): Promise<Device> {
  if (typeof gpuDevice?.createComputePipelineAsync !== 'function')
    throw new TypeError('fromDevice: expected a GPUDevice')
  const { adoptWebGpu } = await import('./backends/webgpu/start.ts')
  return new Device(adoptWebGpu(gpuDevice as unknown as GPUDevice))
}
