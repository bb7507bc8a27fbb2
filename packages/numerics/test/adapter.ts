/** A WebGPU device of the adapter that Dawn finds (SwiftShader in CI), which runs shader text. */
import { create, globals } from 'webgpu'

export interface Adapter {
  readonly name: string
  /**
   * Runs `body`, statements that set `result[i]` from `source[i]` (u32 both), for each i below `count`. `functions` is
   * put before.
   * @param count elements of result; @throws where the shader does not compile
   */
  run(functions: string, body: string, source: Uint32Array, count?: number): Promise<Uint32Array>
  close(): void
}

const workgroupSize = 64
const across = 1024

export async function openAdapter(): Promise<Adapter> {
  Object.assign(globalThis, globals)
  // The object has to stay referenced for as long as the device is used.
  let gpu: GPU | undefined = create(process.env.VK_ICD_FILENAMES ? ['backend=vulkan'] : [])
  const adapter = await gpu.requestAdapter()
  if (adapter === null) throw new Error('no WebGPU adapter: run through scripts/with-swiftshader.mjs (npm test does)')
  const device = await adapter.requestDevice()
  const name = [adapter.info.vendor, adapter.info.architecture].filter(Boolean).join(' ')

  async function run(functions: string, body: string, source: Uint32Array, count = source.length) {
    const module = device.createShaderModule({
      code: `${functions}
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@compute @workgroup_size(${workgroupSize}) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * ${across * workgroupSize}u + id.x;
  if (i < ${count}u) {
${body}
  }
}`,
    })
    const messages = (await module.getCompilationInfo()).messages.map((m) => m.message)
    if (messages.length > 0) throw new Error(messages.join('\n'))
    const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } })
    const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage
    const input = device.createBuffer({ size: source.byteLength, usage: STORAGE | COPY_DST })
    const result = device.createBuffer({ size: 4 * count, usage: STORAGE | COPY_SRC })
    const staging = device.createBuffer({ size: 4 * count, usage: MAP_READ | COPY_DST })
    device.queue.writeBuffer(input, 0, source as Uint32Array<ArrayBuffer>)
    const entries = [input, result].map((buffer, binding) => ({ binding, resource: { buffer } }))
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
    pass.dispatchWorkgroups(across, Math.ceil(count / (workgroupSize * across)))
    pass.end()
    encoder.copyBufferToBuffer(result, 0, staging, 0, 4 * count)
    device.queue.submit([encoder.finish()])
    await staging.mapAsync(GPUMapMode.READ)
    const out = new Uint32Array(staging.getMappedRange().slice(0))
    for (const buffer of [input, result, staging]) buffer.destroy()
    return out
  }
  return {
    name,
    run,
    close() {
      device.destroy()
      gpu = undefined
    },
  }
}
