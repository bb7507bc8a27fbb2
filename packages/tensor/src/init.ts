import { CpuBackend } from './backends/cpu/cpu-backend.ts'
import { ReferenceBackend } from './backends/reference/reference-backend.ts'
import { Device } from './device.ts'

export interface InitOptions {
  readonly backend?: 'reference' | 'cpu'
  readonly threads?: number
}
export async function init(options: InitOptions = {}): Promise<Device> {
  return new Device(options.backend === 'cpu' ? await CpuBackend.create(options) : new ReferenceBackend())
}
export async function fromDevice(_d: unknown): Promise<Device> {
  return init()
}
