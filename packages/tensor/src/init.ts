import { ReferenceBackend } from './backends/reference/reference-backend.ts'
import { Device } from './device.ts'

export interface InitOptions {
  readonly backend?: 'reference'
}
export async function init(_options: InitOptions = {}): Promise<Device> {
  return new Device(new ReferenceBackend())
}
export async function fromDevice(_d: unknown): Promise<Device> {
  return init()
}
