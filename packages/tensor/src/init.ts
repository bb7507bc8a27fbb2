// Initialises a backend.

import { requireBoolean } from './arguments.ts'
import { mayHaveAdapter } from './backends/webgpu/may-have-adapter.ts'
import { Device, type Tuning } from './device.ts'
import { DeviceError } from './errors.ts'

/**
 * `navigator.gpu`, or what the npm package `webgpu` creates. A structural type, so that users of this package do not
 * need WebGPU types.
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
  /** Threads of the cpu backend; default: all logical processors. */
  readonly threads?: number
  /**
   * Runtimes with relaxed SIMD (Node 22, Deno, Bun 1.4, current browsers) have fused multiply-add, which rounds once;
   * others (Node 20) round twice, so the last bits of the cpu backend differ between them. `false` rounds twice
   * everywhere: the same bits, at some cost in speed. Default: relaxed SIMD where available; `Device.name` says so.
   */
  readonly relaxedSimd?: boolean
  /**
   * Whether the cpu backend addresses memory with 64 bits: 16 GiB instead of 4, of which one tensor may have 2, at a
   * cost of 0 to 4 % of speed. Default: where Node or Deno can (Node 24, Deno 2.2); in a page it must be asked for,
   * because it reserves 16 GiB of addresses.
   */
  readonly memory64?: boolean
  /** A GPU object to use instead of `navigator.gpu` or the npm package `webgpu`. */
  readonly gpu?: GpuLike
  /**
   * Kernels to use, for the cases they support, instead of those chosen for the adapter: `{ matmul: 'shared 4x4' }`.
   */
  readonly kernels?: PinnedKernels
  /** Earlier results of `tune()` (see `Device.tuning`); ignored on any other adapter. */
  readonly tuning?: Tuning
}

/** Kernels by name, instead of those chosen by rule or by measurement. */
export interface PinnedKernels {
  /**
   * A variant of matmul, by name. On the cpu backend the micro-tile of large products, '4x8' or '6x8' (relaxed SIMD);
   * both give the same bits.
   */
  readonly matmul?: string
  /** A variant of attention, by name. */
  readonly attention?: string
  /** A variant of groupedMatmul and its gradient, by name. */
  readonly groupedMatmul?: string
  /** Number of parts that the inner dimension of a product is split into, if it is divisible by it. */
  readonly splitK?: number
}

/**
 * Initialises a backend and returns its device. Dispose it at the end.
 * @throws DeviceError for an unknown backend, or if WebGPU is requested and there is no adapter; RangeError or
 *   TypeError for an option out of range
 * @example
 * const other = await init({ backend: 'reference' })
 * other.tensor([1, 2]).add(1) // [2, 3]
 * other.dispose()
 */
export async function init(options: InitOptions = {}): Promise<Device> {
  const { backend = 'auto' } = options
  if (!['auto', 'webgpu', 'cpu', 'reference'].includes(backend))
    throw new DeviceError(`init: unknown backend '${backend}'; known are auto, webgpu, cpu, reference`)
  for (const name of ['relaxedSimd', 'memory64'] as const) requireBoolean('init', name, options[name])
  // A backend is loaded when it is requested.
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
  return new Device(
    await CpuBackend.create({
      threads: options.threads,
      relaxedSimd: options.relaxedSimd,
      memory64: options.memory64,
      tile: options.kernels?.matmul,
    }),
  )
}

/**
 * A device on a GPUDevice that an application has already requested. Disposing the Kumiki device does not destroy it.
 * @throws TypeError if it is not a GPUDevice
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
