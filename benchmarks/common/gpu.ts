/** WebGPU in Node, from the npm package `webgpu`: the same for every implementation under test. */

export interface OpenedGpu {
  readonly gpu: GPU
  readonly adapter: GPUAdapter
  /** Vendor, architecture and description, as far as the driver reports them. */
  readonly name: string
}

/** Keeps the objects of create() alive: Dawn ends the process when one is garbage-collected while it is used. */
const held: GPU[] = []

/** @throws Error if there is no adapter */
export async function openGpu(): Promise<OpenedGpu> {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const gpu = create([])
  held.push(gpu)
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter)
    throw new Error(
      'There is no WebGPU adapter; `node scripts/with-swiftshader.mjs COMMAND` provides a software adapter',
    )
  const { vendor, architecture, description } = adapter.info
  return { gpu, adapter, name: [vendor, architecture, description].filter(Boolean).join(' ') }
}
