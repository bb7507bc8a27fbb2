/** `compile`, `grad` and `checkpoint`: results, donation, cost of a replay, errors of wrong use. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkpoint, compile, type Device, grad, init, matmul, type Tensor, valueAndGrad } from '../src/index.ts'

const backends = ['cpu', 'webgpu', 'reference'] as const
const devices = {} as Record<string, Device>
beforeAll(async () => {
  for (const backend of backends) devices[backend] = await init({ backend })
})
afterAll(() => {
  for (const d of Object.values(devices)) d.dispose()
})

const ramp = (n: number, f = (i: number) => Math.sin(i)) => Float32Array.from({ length: n }, (_, i) => f(i))

describe.each(backends)('on %s', (backend) => {
  test('a compiled step with donation walks downhill like the eager one', async () => {
    const device = devices[backend]
    const x = device.tensor(ramp(12), [4, 3])
    const y = device.tensor(ramp(4, Math.cos), [4])
    const loss = (w: Tensor) => matmul(x, w).sub(y).square().mean()
    const step = compile(
      (state: { w: Tensor; v: Tensor }, rate: Tensor) => {
        const { value, grads } = valueAndGrad(loss)(state.w)
        const v = state.v.mul(0.9).add(grads)
        return { state: { w: state.w.sub(v.mul(rate)), v }, value }
      },
      { donate: [0] },
    )
    let state = { w: device.tensor([0, 0, 0]), v: device.tensor([0, 0, 0]) }
    let w = device.tensor([0, 0, 0])
    let v = device.tensor([0, 0, 0])
    const losses: number[] = []
    for (let i = 0; i < 5; i++) {
      const out = await step(state, 0.1)
      expect(await state.w.data().catch((e) => e.message)).toMatch(/donated/)
      state = out.state
      losses.push(await out.value.item())
      v = v.mul(0.9).add(grad(loss)(w))
      w = w.sub(v.mul(0.1))
      await device.evaluate([v, w])
    }
    const expected = await w.data()
    ;(await state.w.data()).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 5)
    })
    expect(losses[4]).toBeLessThan(losses[0])
    step.dispose()
  })

  test('trees go in and out; numbers are inputs, strings choose a program; results keep their own memory', async () => {
    const device = devices[backend]
    const f = compile((t: { a: Tensor; list: readonly [Tensor, { b: Tensor }]; name: string }, k: Tensor) => ({
      name: t.name,
      sum: t.a.add(t.list[1].b).mul(k),
      same: t.a,
      twice: [t.a, t.a] as const,
    }))
    const a = device.tensor([1, 2])
    const b = device.tensor([10, 20])
    const out = await f({ a, list: [b, { b }], name: 'x' }, 2)
    expect(out.name).toBe('x')
    expect([...(await out.sum.data())]).toEqual([22, 44])
    out.same.dispose()
    expect([...(await out.twice[1].data())]).toEqual([1, 2])
    expect([...(await a.data())]).toEqual([1, 2])
    expect([...(await (await f({ a, list: [b, { b }], name: 'y' }, 3)).sum.data())]).toEqual([33, 66])
  })

  test('checkpoint gives the same gradients, also of what the function closes over', async () => {
    const device = devices[backend]
    const w = device.tensor(ramp(9), [3, 3])
    const x = device.tensor(ramp(6), [2, 3])
    const block = (h: Tensor, w: Tensor) => matmul(h, w).tanh().mul(matmul(h, w).sigmoid())
    const plain = (p: { w: Tensor }) => block(block(x, p.w), p.w).sum()
    const saved = (p: { w: Tensor }) =>
      checkpoint((h: Tensor) => block(h, p.w))(checkpoint((h: Tensor) => block(h, p.w))(x)).sum()
    const a = await grad(plain)({ w }).w.data()
    const b = await grad(saved)({ w }).w.data()
    b.forEach((value, i) => {
      expect(value).toBeCloseTo(a[i], 5)
    })
  })

  test('misuse is told apart', async () => {
    const device = devices[backend]
    const other = devices[backend === 'cpu' ? 'reference' : 'cpu']
    const a = device.tensor(ramp(6), [2, 3])
    expect(() => a.matmul(device.tensor(ramp(8), [4, 2]))).toThrow(
      'matmul: inner dimensions differ: a is [2, 3], b is [4, 2] (a.shape[1] = 3, b.shape[0] = 4)',
    )
    expect(() => a.add(device.tensor([1, 2]))).toThrow(/add: shapes \[2, 3\] and \[2\] do not broadcast/)
    expect(() => a.add(other.tensor([1, 2, 3]))).toThrow(/two devices/)
    expect(() => a.reshape([4, 2])).toThrow(/reshape: \[2, 3\] has 6 elements/)
    expect(() => grad((x: Tensor) => x)(a)).toThrow(/must return a scalar/)
    expect(() => device.tensor([1, 2, 3], [2])).toThrow(/3 values do not fill/)
    expect(() => a.sum(5)).toThrow(/axis 5 is outside/)
    const d = device.tensor([1])
    await d.evaluate()
    d.dispose()
    expect(() => d.add(1)).toThrow(/disposed/)
    const twice = compile((x: Tensor, y: Tensor) => x.add(y), { donate: [0, 1] })
    const t = device.tensor([1, 2])
    await expect(twice(t, t)).rejects.toThrow(/are one tensor, and it is donated/)
    await expect(compile((n: Tensor) => n)(1)).rejects.toThrow(/nowhere to run/)
  })
})

/** A small network whose step is compiled; returns what one replay costs. */
async function replayCosts(device: Device) {
  const params = { a: device.tensor(ramp(64 * 64), [64, 64]), b: device.tensor(ramp(64 * 64, Math.cos), [64, 64]) }
  const step = compile(
    (p: typeof params, x: Tensor, rate: Tensor) => {
      const { value, grads } = valueAndGrad((p: { a: Tensor; b: Tensor }) =>
        matmul(matmul(x, p.a).tanh(), p.b).square().mean(),
      )(p)
      return { p: { a: p.a.sub(grads.a.mul(rate)), b: p.b.sub(grads.b.mul(rate)) }, value }
    },
    { donate: [0] },
  )
  let p = params
  const once = async () => {
    const out = await step(p, device.tensor(ramp(32 * 64), [32, 64]), 0.01)
    p = out.p
    await out.value.item()
    out.value.dispose()
  }
  await once()
  await once()
  const before = { ...device.counters }
  for (let i = 0; i < 5; i++) await once()
  const after = { ...device.counters }
  step.dispose()
  return {
    created: after.created - before.created,
    submits: after.submits - before.submits,
    encoders: after.encoders - before.encoders,
    buffers: after.buffers - before.buffers,
  }
}

test('webgpu: a replayed step is one encoder and one submit, and makes no buffer', async () => {
  const costs = await replayCosts(devices.webgpu)
  expect(costs).toEqual({ created: 0, submits: 5, encoders: 5, buffers: 0 })
})

test('cpu: a replayed step makes no buffer', async () => {
  expect((await replayCosts(devices.cpu)).created).toBe(0)
})

test('cpu: the number of threads changes no bit', async () => {
  const results: number[][] = []
  for (const threads of [1, 2, 3]) {
    const device = await init({ backend: 'cpu', threads })
    const x = device.tensor(ramp(300 * 200), [300, 200])
    const y = matmul(matmul(x, x.transpose()), x).softmax().mul(x.exp()).sum(0)
    results.push([...(await y.data())])
    device.dispose()
  }
  expect(results[1]).toEqual(results[0])
  expect(results[2]).toEqual(results[0])
})

test('checkpoint lowers the peak of a deep network', async () => {
  const device = devices.cpu
  const w = device.tensor(
    ramp(64 * 64, (i) => Math.sin(i) / 8),
    [64, 64],
  )
  const x = device.tensor(ramp(256 * 64), [256, 64])
  const layer = (h: Tensor, w: Tensor) => {
    let y = h
    for (let i = 0; i < 4; i++) y = matmul(y, w).tanh()
    return y
  }
  const network = (wrap: (f: (h: Tensor) => Tensor) => (h: Tensor) => Tensor) => (w: Tensor) => {
    let h = x
    for (let i = 0; i < 6; i++) h = wrap((h) => layer(h, w))(h)
    return h.square().sum()
  }
  const plain = compile((w: Tensor) => grad(network((f) => f))(w))
  const saving = compile((w: Tensor) => grad(network((f) => checkpoint(f)))(w))
  const a = await plain(w)
  const b = await saving(w)
  expect(saving.memory().temporaryBytes).toBeLessThan(0.7 * plain.memory().temporaryBytes)
  const [x1, x2] = [await a.data(), await b.data()]
  x2.forEach((v, i) => {
    expect(Math.abs(v - x1[i])).toBeLessThan(1e-4 * Math.max(1, Math.abs(x1[i])))
  })
})

test('a step that finds no memory leaves its arguments as they were', async () => {
  const device = await init({ backend: 'cpu', threads: 1, memory64: false })
  // The [65536, 65536] product would need 16 GiB.
  const step = compile(
    (w: Tensor) => ({ w: w.mul(2), big: matmul(w.reshape([65536, 1]), w.reshape([1, 65536])).exp() }),
    { donate: [0] },
  )
  const w = device.tensor(ramp(65536))
  await expect(step(w)).rejects.toThrow(/out of memory.*4 GiB/)
  expect((await w.data())[1]).toBeCloseTo(Math.sin(1), 6)
  device.dispose()
})

test('a program past 4 GiB is refused before anything is taken, with what it needs and how much would fit', async () => {
  const device = await init({ backend: 'cpu', threads: 1, memory64: false })
  const before = device.counters.bytes
  // 6 GiB: three GiB of results, and as much in between.
  const f = compile((x: Tensor) => {
    const wide = x.broadcastTo([3 * 2 ** 28]).cos()
    return [wide.mul(wide.sum()).sum(), wide.sin()]
  })
  const said =
    /takes \d{10} bytes \(arguments 64, results 3221\d{6}, 3221\d{6} in between\).*4 GiB.* have 4294901760; 33 % of what is in between would fit: .*checkpoint\(\), or bfloat16; or .*16 GiB$/
  await expect(f.prepare(device.tensor([1]))).rejects.toThrow(said)
  await expect(f(device.tensor([1]))).rejects.toThrow(said)
  expect(device.counters.bytes - before).toBeLessThan(1000)
  device.dispose()
})

test('memory of tensors that nobody holds comes back', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const device = await init({ backend: 'cpu', threads: 1 })
  let w = device.tensor(ramp(1 << 16))
  const round = async () => {
    for (let i = 0; i < 40; i++) w = await w.mul(0.9).add(0.1).evaluate()
  }
  for (let i = 0; i < 5; i++) {
    await round()
    // When finalizers run is up to the engine: give it several chances. A collection takes 50 ms of a shared process.
    for (let k = 0; k < 4 && device.counters.buffers > 5; k++) {
      gc()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  // 200 results were made; without collection all of them would have needed a buffer of their own.
  expect(device.counters.created).toBeLessThan(120)
  expect((await w.data())[0]).toBeCloseTo(1, 3)
  device.dispose()
})

test('unknown backends and missing adapters are clear errors', async () => {
  await expect(init({ backend: 'cuda' as 'cpu' })).rejects.toThrow(/unknown backend 'cuda'/)
  const none = { requestAdapter: async () => null } as unknown as GPU
  await expect(init({ backend: 'webgpu', gpu: none })).rejects.toThrow(/there is no adapter/)
  const fallback = await init({ backend: 'auto', gpu: none })
  expect(fallback.kind).toBe('cpu')
  fallback.dispose()
  await expect(init({ backend: 'cpu', threads: 0 })).rejects.toThrow(/threads/)
})

test('an input that comes again moves to the device for good; one that changes is written into the program', async () => {
  const device = devices.cpu
  const { backend } = device
  const upload = backend.upload.bind(backend)
  const written: number[] = []
  backend.upload = (buffer, data) => {
    written.push(data.length)
    upload(buffer, data)
  }
  try {
    const f = compile((w: Tensor, x: Tensor) => w.mul(x).sum())
    const weight = device.tensor(ramp(100))
    const given = [1, 2, 3, 4].map((x) => device.tensor([x]).broadcastTo([100]))
    const batches = await Promise.all(given.map(async (t) => device.tensor(await t.data())))
    written.length = 0
    const buffers = () => device.counters.buffers
    const sums: number[] = []
    let before = 0
    for (const x of batches) {
      const sum = await f(weight, x)
      sums.push(await sum.item())
      sum.dispose()
      if (sums.length === 2) before = buffers()
    }
    expect(sums[3]).toBeCloseTo(4 * sums[0], 4)
    // The weight once, each batch once.
    expect(written).toEqual([100, 100, 100, 100, 100])
    expect((await weight.data())[1]).toBeCloseTo(Math.sin(1), 6)
    expect(buffers()).toBe(before)
    f.dispose()
  } finally {
    backend.upload = upload
  }
})

test('a loop that never waits for the event loop keeps none of its batches', async () => {
  const f = compile((x: Tensor) => x.sum())
  const device = devices.cpu
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  // A collection frees array buffers in another thread; the next one waits for that.
  const held = () => {
    for (let i = 0; i < 2; i++) gc()
    return process.memoryUsage().arrayBuffers
  }
  const before = held()
  for (let i = 0; i < 400; i++) {
    const x = device.tensor(new Float32Array(25_000).fill(i)) // 100 kB
    const sum = await f(x)
    sum.dispose() // and the batch is left to the collector
  }
  // Of 40 MB; other files of this process may leave some behind.
  expect(held() - before).toBeLessThan(20e6)
  f.dispose()
})
