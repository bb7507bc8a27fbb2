// Compiles and runs the WGSL on whatever adapter Dawn finds (SwiftShader in CI) and holds it against the TypeScript, bit for bit.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create, globals } from 'webgpu'
import { codeArray, decodeArray, encodeArray, type Format, formatNames, formats } from '../src/index.ts'
import { wgslDecode, wgslEncode } from '../src/wgsl.ts'
import { asFloats, canonical, edgeBits, float5, randomBits } from './edges.ts'

const everyFormat: Format[] = [...Object.values(formats), float5]

let gpu: GPU | undefined
let device: GPUDevice | undefined

beforeAll(async () => {
  Object.assign(globalThis, globals)
  gpu = create(process.env.VK_ICD_FILENAMES ? ['backend=vulkan'] : [])
  const adapter = await gpu.requestAdapter()
  if (adapter === null)
    throw new Error('no WebGPU adapter: run the tests through scripts/with-swiftshader.mjs (npm test does)')
  device = await adapter.requestDevice()
})

afterAll(() => {
  device?.destroy()
  device = undefined
  gpu = undefined
})

/** Runs `body`, an expression in `x: u32` giving u32, over every input. All formats' functions are in the one shader. */
async function map(body: string, input: Uint32Array): Promise<Uint32Array> {
  const d = device!
  const module = d.createShaderModule({
    code: `${everyFormat.map((f) => wgslDecode(f) + wgslEncode(f)).join('')}
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < arrayLength(&source)) {
    let x = source[i];
    result[i] = ${body};
  }
}`,
  })
  const messages = (await module.getCompilationInfo()).messages
  expect(messages.map((m) => m.message)).toEqual([])
  const pipeline = d.createComputePipeline({ layout: 'auto', compute: { module } })
  const size = input.byteLength
  const source = d.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST })
  const result = d.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC })
  const staging = d.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  d.queue.writeBuffer(source, 0, input as Uint32Array<ArrayBuffer>)
  const encoder = d.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(
    0,
    d.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: source } },
        { binding: 1, resource: { buffer: result } },
      ],
    }),
  )
  pass.dispatchWorkgroups(256, Math.ceil(input.length / (64 * 256)))
  pass.end()
  encoder.copyBufferToBuffer(result, 0, staging, 0, size)
  d.queue.submit([encoder.finish()])
  await staging.mapAsync(GPUMapMode.READ)
  const out = new Uint32Array(staging.getMappedRange().slice(0))
  for (const buffer of [source, result, staging]) buffer.destroy()
  return out
}

function firstDifference(input: Uint32Array, actual: Uint32Array, wanted: ArrayLike<number>): string | undefined {
  for (let i = 0; i < input.length; i++)
    if (actual[i] !== wanted[i])
      return `0x${input[i].toString(16)} gave 0x${actual[i].toString(16)}, expected 0x${wanted[i].toString(16)}`
  return undefined
}

const specials = Uint32Array.of(
  ...[0, 1, 0x7fffff, 0x800000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff].flatMap((b) => [
    b,
    (b | 0x80000000) >>> 0,
  ]),
)

describe.each(everyFormat.map((f) => [f.name, f] as const))('%s on the adapter', (name, f) => {
  test('decode: every code', async () => {
    const codes = codeArray(f, 2 ** f.bits).map((_: number, i: number) => i) as Uint8Array
    const input = Uint32Array.from(codes)
    const actual = await map(`bitcast<u32>(decode_${name}(x))`, input)
    const wanted = new Uint32Array(decodeArray(f, codes).buffer)
    expect(firstDifference(input, canonical(actual), canonical(wanted))).toBeUndefined()
  })

  test('encode: every value, midpoint and neighbour; specials; random bits', async () => {
    for (const input of [edgeBits(f), specials, randomBits(2 ** 16)]) {
      const actual = await map(`encode_${name}(bitcast<f32>(x))`, input)
      expect(firstDifference(input, actual, encodeArray(f, asFloats(input)))).toBeUndefined()
    }
  })
})

test('shader text', () => {
  expect(formatNames.map((n) => wgslDecode(n) + wgslEncode(n)).join('\n')).toMatchSnapshot()
})
