/** WebGPU in Node, from the npm package `webgpu`, for every implementation under test alike. */

export interface OpenedGpu {
  readonly gpu: GPU
  readonly adapter: GPUAdapter
  /** Vendor, architecture and description, as far as the driver tells them. */
  readonly name: string
}

/** Dawn ends the process when what create() returned is collected while it is used. */
const held: GPU[] = []

/** @throws Error if there is no adapter */
export async function openGpu(): Promise<OpenedGpu> {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const gpu = create([])
  held.push(gpu)
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('there is no WebGPU adapter')
  const { vendor, architecture, description } = adapter.info
  return { gpu, adapter, name: [vendor, architecture, description].filter(Boolean).join(' ') }
}
