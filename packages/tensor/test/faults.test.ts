/** Failures of a device are thrown as DeviceError by the call that caused them, and leak no memory. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { WebGpuBackend } from '../src/backends/webgpu/webgpu-backend.ts'
import { apply1, compile, type Device, DeviceError, defineOp, init, matmul, type Tensor } from '../src/index.ts'

let device: Device
let gpu: GPUDevice
beforeEach(async () => {
  device = await init({ backend: 'webgpu' })
  gpu = (device.backend as WebGpuBackend).device
})
afterEach(() => device.dispose())

/** An op of a user's own whose kernel is given. */
const withKernel = (name: string, wgsl: string, workgroups: [number, number, number] = [1, 1, 1]) =>
  defineOp<unknown>({
    name,
    kind: 'kernel',
    infer: ([x]) => [x],
    evaluate: ([x], _, [out]) => void out.data.set(x.data),
    webgpu: {
      plan: () => ({ dispatches: [{ name, wgsl, bindings: [{ input: 0 }, { output: 0 }], workgroups }] }),
    },
  })

const good = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = x[id.x]; }`

describe('faults', () => {
  test('a kernel that does not compile is named with its line', async () => {
    const op = withKernel('broken', good.replace('y[id.x] = x[id.x];', 'y[id.x] = x[id.x] + nonsense;'))
    const failed = apply1(op, [device.tensor([1, 2])], {}).data()
    await expect(failed).rejects.toThrow(DeviceError)
    await expect(failed).rejects.toThrow(/kernel 'broken' did not compile: line 3: unresolved value 'nonsense'/)
    expect(await device.tensor([1, 2]).add(1).data()).toEqual(Float32Array.of(2, 3))
  })

  test('what the device refuses fails the very call, and later calls work', async () => {
    const tooMany = withKernel('tooMany', good, [70000, 1, 1])
    const f = compile((x: Tensor) => apply1(tooMany, [x], {}))
    const x = device.tensor([1, 2])
    await expect(f(x)).rejects.toThrow(/webgpu: running a program: .*70000/s)
    await expect(f(x)).rejects.toThrow(DeviceError)
    expect(await matmul(x.reshape([1, 2]), x.reshape([2, 1])).data()).toEqual(Float32Array.of(5))
  })

  test('out of memory says how much is in use and what helps', async () => {
    const x = device.tensor([1, 2])
    await x.add(1).data()
    // The scope around the next buffer that is made reports what a device without memory reports.
    const create = gpu.createBuffer.bind(gpu)
    const pop = gpu.popErrorScope.bind(gpu)
    vi.spyOn(gpu, 'createBuffer').mockImplementationOnce((descriptor) => {
      vi.spyOn(gpu, 'popErrorScope').mockImplementationOnce(async () => {
        await pop()
        return { message: 'no memory left' } as GPUError
      })
      return create(descriptor)
    })
    const large = device.tensor(new Float32Array(5000)).add(1)
    await expect(large.data()).rejects.toThrow(
      /out of memory: the device has no 20000 more bytes \(\d+ bytes in \d+ buf/,
    )
    vi.restoreAllMocks()
    expect(await x.mul(3).data()).toEqual(Float32Array.of(3, 6))
  })

  test('a tensor beyond the limits of a buffer is refused before memory is taken', async () => {
    const { maxStorageBufferBindingSize } = gpu.limits
    const n = maxStorageBufferBindingSize / 4 + 1024
    await expect(device.tensor([1]).add(0).reshape([1]).mul(2).data()).resolves.toEqual(Float32Array.of(2))
    const before = device.counters.bytes
    const big = device.tensor(1).reshape([1]).add(0)
    const { broadcastTo } = await import('../src/index.ts')
    await expect(broadcastTo(big, [n]).add(1).data()).rejects.toThrow(/exceeds what one buffer may hold/)
    expect(device.counters.bytes - before).toBeLessThan(1024)
  })

  test('a lost device fails every later call with the reason', async () => {
    const x = device.tensor([1, 2])
    expect(await x.add(1).data()).toEqual(Float32Array.of(2, 3))
    gpu.destroy()
    for (let i = 0; i < 3; i++) await expect(x.mul(2).data()).rejects.toThrow(/the device was lost .*init\(\)/s)
    const step = compile((a: Tensor) => a.mul(3))
    for (let i = 0; i < 3; i++) await expect(step(x)).rejects.toThrow(/the device was lost/)
    await expect(step(x)).rejects.toMatchObject({ lost: true })
  })

  test('a device lost while a result is read back says so', async () => {
    const y = device.tensor(new Float32Array(1000)).add(1)
    await y.evaluate()
    const read = y.data()
    gpu.destroy()
    await expect(read).rejects.toThrow(/the device was lost/)
    await expect(y.data()).rejects.toThrow(/the device was lost/)
  })

  test('failed calls leave no buffers behind', async () => {
    const op = withKernel('tooMany', good, [70000, 1, 1])
    const x = device.tensor([1, 2])
    for (let i = 0; i < 3; i++) await expect(apply1(op, [x], {}).data()).rejects.toThrow(DeviceError)
    const before = device.counters.buffers
    for (let i = 0; i < 10; i++) await expect(apply1(op, [x], {}).data()).rejects.toThrow(DeviceError)
    expect(device.counters.buffers).toBe(before)
  })
})
