/** Measures the memory of any implementation from outside: GPU buffers, or WebAssembly memories. */

export interface MemoryCounter {
  peakBytes(): number
}

/** Counts the WebAssembly memories made from now on. They only grow, so their size at the end is the peak. */
export function countWasmMemory(): MemoryCounter {
  const memories: WebAssembly.Memory[] = []
  WebAssembly.Memory = class extends WebAssembly.Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor)
      memories.push(this)
    }
  }
  return { peakBytes: () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) }
}

/**
 * Counts the buffers of every device that is requested from `gpu` from now on, from their creation until `destroy()`.
 */
export function countGpuBuffers(gpu: GPU): MemoryCounter {
  let live = 0
  let peak = 0
  const count = (device: GPUDevice) => {
    const createBuffer = device.createBuffer.bind(device)
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor)
      const destroy = buffer.destroy.bind(buffer)
      let bytes = descriptor.size
      live += bytes
      peak = Math.max(peak, live)
      buffer.destroy = () => {
        live -= bytes
        bytes = 0
        return destroy()
      }
      return buffer
    }
    return device
  }
  const requestAdapter = gpu.requestAdapter.bind(gpu)
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options)
    if (!adapter) return adapter
    const requestDevice = adapter.requestDevice.bind(adapter)
    adapter.requestDevice = async (descriptor) => count(await requestDevice(descriptor))
    return adapter
  }
  return { peakBytes: () => peak }
}
