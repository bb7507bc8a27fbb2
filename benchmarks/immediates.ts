/**
 * Host time of a dispatch by where its scalar parameters are: literals in the shader's text (as in @kumiki/tensor), a
 * storage buffer, a uniform buffer, or immediates, set for each dispatch or once for all. See docs/decisions.md.
 *
 *     node scripts/with-swiftshader.mjs node --conditions=source --import tsx benchmarks/immediates.ts
 */
import { create, globals } from 'webgpu'
import { medianOf } from './common/statistics.ts'
import { table } from './kernels/report.ts'

Object.assign(globalThis, globals)
const dispatches = 400
const rounds = 40

type Numbers = 'text' | 'storage' | 'uniform' | 'immediate'

const declarations: Readonly<Record<Numbers, string>> = {
  text: 'const s = vec4<f32>(2.0);',
  storage: '@group(0) @binding(2) var<storage, read> s: vec4<f32>;',
  uniform: '@group(0) @binding(2) var<uniform> s: vec4<f32>;',
  immediate: 'var<immediate> s: vec4<f32>;',
}

/** `setImmediates`, which @webgpu/types does not declare yet. */
type WithImmediates = GPUComputePassEncoder & { setImmediates(offset: number, data: Float32Array): void }

async function measure(name: string, flags: string[]): Promise<string[][]> {
  const gpu = create(flags)
  const adapter = await gpu.requestAdapter()
  if (!adapter) return []
  const device = await adapter.requestDevice({ requiredLimits: { maxImmediateSize: 64 } as Record<string, number> })
  const data = new Float32Array(4)
  const buffer = (usage: number) => device.createBuffer({ size: 256, usage: usage | GPUBufferUsage.COPY_DST })
  const [out, x, stored] = [0, 1, 2].map(() => buffer(GPUBufferUsage.STORAGE))
  const uniform = buffer(GPUBufferUsage.UNIFORM)
  const made = async (numbers: Numbers) => {
    const code = `@group(0) @binding(0) var<storage, read_write> o: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
${declarations[numbers]}
@compute @workgroup_size(1) fn main() { o[0] = x[0] * s.x; }`
    const module = device.createShaderModule({ code })
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    })
    const third = { text: [], immediate: [], storage: [stored], uniform: [uniform] }[numbers]
    const entries = [out, x, ...third].map((b, binding) => ({ binding, resource: { buffer: b } }))
    return { pipeline, group: device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) }
  }
  const cases = [
    { label: 'in the text', set: 'never', ...(await made('text')) },
    { label: 'in a storage buffer', set: 'never', ...(await made('storage')) },
    { label: 'in a uniform buffer', set: 'never', ...(await made('uniform')) },
    { label: 'immediates for each dispatch', set: 'each', ...(await made('immediate')) },
    { label: 'immediates once', set: 'once', ...(await made('immediate')) },
  ]
  const seconds = cases.map((): number[] => [])
  const uploads: number[] = []
  for (let round = -3; round < rounds; round++) {
    for (const [i, { set, pipeline, group }] of cases.entries()) {
      const started = performance.now()
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass() as WithImmediates
      if (set === 'once') pass.setImmediates(0, data)
      for (let k = 0; k < dispatches; k++) {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, group)
        if (set === 'each') pass.setImmediates(0, data)
        pass.dispatchWorkgroups(1)
      }
      pass.end()
      device.queue.submit([encoder.finish()])
      if (round >= 0) seconds[i].push((performance.now() - started) / dispatches)
      await device.queue.onSubmittedWorkDone()
    }
    const started = performance.now()
    for (let k = 0; k < 50; k++) device.queue.writeBuffer(stored, 0, data)
    if (round >= 0) uploads.push((performance.now() - started) / 50)
    await device.queue.onSubmittedWorkDone()
  }
  const row = (label: string, list: readonly number[]) => [
    name,
    label,
    (Math.min(...list) * 1e3).toFixed(2),
    (medianOf(list) * 1e3).toFixed(2),
  ]
  return [...cases.map(({ label }, i) => row(label, seconds[i])), row('(an upload of four numbers)', uploads)]
}

const rows = [...(await measure("Dawn's null backend", ['backend=null'])), ...(await measure('the adapter', []))]
console.log(table([['device', 'numbers', 'best microseconds', 'median'], ...rows]))
process.exit(0)
