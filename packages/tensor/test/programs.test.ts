/** Programs: cache keys, lifetimes of buffers, reuse of memory, concurrent readers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  apply,
  apply1,
  compile,
  type Device,
  DeviceError,
  DisposedError,
  defineOp,
  init,
  matmul,
  sliceAxis,
  sum,
  type Tensor,
  where,
} from '../src/index.ts'
import { crossEntropyOp } from '../src/ops/cross-entropy.ts'

describe.each(['cpu', 'webgpu'] as const)('programs on %s', (backend) => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend, threads: 2 })
  })
  afterAll(() => device.dispose())

  const list = async (t: Tensor) => [...(await t.data())]

  test('constants that JSON cannot tell apart are different programs', async () => {
    const x = device.tensor([1, 2])
    const yes = device.tensor(Uint32Array.of(1, 0))
    for (const other of [7, -7, 7]) expect(await list(where(yes, x, other))).toEqual([1, other])
  })

  test('two ops of one name and different meaning do not share a program', async () => {
    const op = (by: number) =>
      defineOp<unknown>({ name: 'scaled', kind: 'composite', infer: ([x]) => [x], definition: ([x]) => [x.mul(by)] })
    const x = device.tensor([1, 2])
    const [twice, thrice] = [op(2), op(3)]
    expect(await list(apply1(twice, [x], {}))).toEqual([2, 4])
    expect(await list(apply1(thrice, [x], {}))).toEqual([3, 6])
    const both = await compile((x: Tensor) => [apply1(twice, [x], {}), apply1(thrice, [x], {})])(x)
    expect(await Promise.all(both.map(list))).toEqual([
      [2, 4],
      [3, 6],
    ])
  })

  test.skipIf(backend === 'webgpu')('one kernel reads a hundred parts of one tensor, on several threads', async () => {
    // Each part is an argument of its own to the kernel, and all threads are handed them.
    const [parts, width] = [90, 20_000]
    const values = Float32Array.from({ length: parts * width }, (_, i) => i % 7)
    const x = device.tensor(values, [parts, width])
    let total = sliceAxis(x, 0, 0, 1)
    for (let i = 1; i < parts; i++) total = total.add(sliceAxis(x, 0, i, i + 1))
    const sums = Float32Array.from({ length: width }, (_, j) => {
      let sum = 0
      for (let i = 0; i < parts; i++) sum += values[i * width + j]
      return sum
    })
    expect(await total.data()).toEqual(sums)
  })

  test('a node of which one result is computed runs again where another is wanted', async () => {
    const x = device.tensor([1, 2, 3, 0, 5, 1], [2, 3])
    const ids = device.tensor(Int32Array.of(2, 1))
    const both = () => apply(crossEntropyOp, [x, ids], { zLoss: 0 })
    const [losses, logSums] = both()
    const expected = await list(losses)
    // An equal node becomes the first one, whose losses are there and whose sums are not.
    const [again] = both()
    const [twice, more] = [again.mul(2), logSums.add(1)]
    await device.evaluate([twice, more])
    expect(await list(twice)).toEqual(expected.map((v) => Math.fround(v * 2)))
    expect((await list(more))[0]).toBeCloseTo(1 + Math.log(Math.E + Math.E ** 2 + Math.E ** 3), 5)
  })

  test('what is read on the way while a graph that needs it is planned', async () => {
    for (let round = 0; round < 3; round++) {
      const x = device.tensor([1, 2, 3, 4 + round], [2, 2])
      const middle = x.mul(2)
      const last = matmul(middle, middle).add(round)
      const [a, b] = await Promise.all([list(last), list(middle)])
      expect(b).toEqual([2, 4, 6, 8 + 2 * round])
      expect(a).toEqual(await list(matmul(x, x).mul(4).add(round)))
    }
  })

  test('compile takes functions, Maps and instances by identity, and strings whole', async () => {
    const x = device.tensor([1, 2])
    const f = compile((x: Tensor, g: (x: Tensor) => Tensor) => g(x))
    expect(await list(await f(x, (t) => t.mul(2)))).toEqual([2, 4])
    expect(await list(await f(x, (t) => t.mul(3)))).toEqual([3, 6])
    const g = compile((x: Tensor, m: Map<string, number>) => x.mul(m.get('by')!))
    expect(await list(await g(x, new Map([['by', 5]])))).toEqual([5, 10])
    expect(await list(await g(x, new Map([['by', 6]])))).toEqual([6, 12])
    const h = compile((x: Tensor, a: string, b: string) => x.mul(a.length * 10 + b.length))
    expect(await list(await h(x, 'a|string:b', 'c'))).toEqual([101, 202])
    expect(await list(await h(x, 'a', 'b|string:c'))).toEqual([20, 40])
  })

  test('numbers that change from call to call are inputs of one program', async () => {
    let x = device.tensor([1, 2])
    const before = device.programs.size
    for (let i = 0; i < 60; i++) {
      const next = x.mul(1 + i / 1000).add(0.5)
      await next.evaluate()
      x = next
    }
    let [a, b] = [1, 2]
    for (let i = 0; i < 60; i++) {
      a = Math.fround(Math.fround(a * Math.fround(1 + i / 1000)) + 0.5)
      b = Math.fround(Math.fround(b * Math.fround(1 + i / 1000)) + 0.5)
    }
    const [c, d] = await list(x)
    expect(Math.abs(c - a) / a).toBeLessThan(1e-5)
    expect(Math.abs(d - b) / b).toBeLessThan(1e-5)
    expect(device.programs.size - before).toBeLessThanOrEqual(2)
  })

  test('ever new shapes give their memory back', async () => {
    const own = await init({ backend })
    const f = compile((x: Tensor) => x.reshape([x.size, 1]).mul(x).sum(0).add(1))
    const run = async (from: number, to: number) => {
      for (let n = from; n < to; n++) (await f(own.tensor(new Float32Array(64 * n).fill(1)))).dispose()
    }
    await run(1, 9)
    const { buffers } = own.counters
    await run(9, 25)
    // A free buffer may wait for the next who wants its size; what a program held is gone.
    expect(own.counters.buffers - buffers).toBeLessThanOrEqual(16)
    f.dispose()
    own.dispose()
  })

  test('concurrent readers of one tensor compute it once', async () => {
    const y = device.tensor([1, 2]).mul(3).exp()
    const before = device.counters.dispatches
    await y.add(1).data()
    const once = device.counters.dispatches - before
    const z = device.tensor([1, 2]).mul(3).exp()
    const start = device.counters.dispatches
    const all = await Promise.all(Array.from({ length: 20 }, () => z.data()))
    expect(device.counters.dispatches - start).toBeLessThanOrEqual(once)
    for (const data of all) expect(data).toEqual(all[0])
  })

  test('an operand disposed while a result is being computed stays until it is', async () => {
    const x = device.tensor([1, 2])
    const w = await x.mul(2).evaluate()
    const pending = w.add(1).data()
    w.dispose()
    expect([...(await pending)]).toEqual([3, 5])
    await expect(w.data()).rejects.toThrow(/was disposed/)
  })

  describe('donation', () => {
    const fresh = async () => device.tensor([1, 2, 3, 4]).mul(1).evaluate()
    const twoNames = compile((a: Tensor, b: Tensor) => [a.mul(2), sum(b)], { donate: [0] })

    test('of a tensor that is also another argument is an error that names both', async () => {
      const w = await fresh()
      await expect(twoNames(w, w)).rejects.toThrow(DeviceError)
      await expect(twoNames(w, w)).rejects.toThrow(/arguments 0 and 1 are one tensor/)
      const host = device.tensor([1, 2, 3, 4])
      await expect(twoNames(host, host)).rejects.toThrow(/are one tensor/)
      const state = compile((s: { p: Tensor; e: Tensor }) => [s.p.mul(2), s.e.mul(0.5)], { donate: [0] })
      await expect(state({ p: w, e: w })).rejects.toThrow(/arguments 0\.p and 0\.e are one tensor/)
      // Nothing ran, and the tensor is as it was.
      expect(await list(w)).toEqual([1, 2, 3, 4])
      const [twice, total] = await twoNames(w, await fresh())
      expect([await list(twice), await total.item()]).toEqual([[2, 4, 6, 8], 10])
    })

    test('of a tensor that the function closes over is an error', async () => {
      const w = await fresh()
      const closes = compile((a: Tensor) => [a.mul(2), sum(w)], { donate: [0] })
      await expect(closes(w)).rejects.toThrow(/argument 0 is donated, but the function also reads that tensor/)
      const [twice, total] = await closes(await fresh())
      expect([await list(twice), await total.item()]).toEqual([[2, 4, 6, 8], 10])
    })

    test('waits for what is being computed from the tensor', async () => {
      const w = await fresh()
      const reading = w.add(1).data()
      const [twice] = await twoNames(w, await fresh())
      expect([...(await reading)]).toEqual([2, 3, 4, 5])
      expect(await list(twice)).toEqual([2, 4, 6, 8])
    })

    test('of an argument that is not there is an error', async () => {
      const f = compile((a: Tensor) => a.mul(2), { donate: [7] })
      await expect(f(await fresh())).rejects.toThrow(/donate lists argument 7, but the call has 1 argument /)
    })
  })

  test('a disposed device says so', async () => {
    const own = await init({ backend })
    const x = own.tensor([1, 2])
    const y = x.mul(2)
    const f = compile((t: Tensor) => t.add(1))
    await f(x)
    own.dispose()
    own.dispose()
    await expect(y.data()).rejects.toThrow(DisposedError)
    await expect(f(x)).rejects.toThrow(/was disposed; make another one with init\(\)/)
    expect(() => own.tensor([1])).toThrow(DisposedError)
    y.dispose()
    f.dispose()
  })
})
