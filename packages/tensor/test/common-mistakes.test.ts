/** Common mistakes of users who come from NumPy or PyTorch, or who read values in a traced function. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Device, Tensor } from '../src/index.ts'
import * as k from '../src/index.ts'

let device: Device
let x: Tensor
beforeAll(async () => {
  device = await k.init({ backend: 'cpu', threads: 1 })
  x = device.tensor([1, 2, 3, 4], [2, 2])
})
afterAll(() => device.dispose())

describe('a tensor is no JavaScript number', () => {
  const asNumber = /was used as a JavaScript number .*x\.mul\(2\).*await x\.item\(\).*closed over/s
  const n = (t: Tensor) => t as unknown as number
  test.each<[string, (rate: Tensor) => unknown]>([
    ['rate * 2', (rate) => x.mul(n(rate) * 2)],
    ['-rate', (rate) => x.mul(-n(rate))],
    ['x + 1', (rate) => n(rate) + 1],
    ['1 - 0.9 ** step', (step) => x.div(1 - 0.9 ** n(step))],
    ['Math.sqrt(n)', (m) => x.div(Math.sqrt(n(m)))],
    ['if (step > 10)', (step) => (n(step) > 10 ? x : x.mul(2))],
    ['a loop', (m) => Array.from({ length: 1 }, (_, i) => i < n(m))],
  ])('%s throws inside a compiled function and outside', async (_, f) => {
    expect(() => f(x)).toThrow(asNumber)
    await expect(k.compile((a: Tensor, rate: Tensor) => a.add(f(rate) as Tensor))(x, 0.5)).rejects.toThrow(asNumber)
  })

  test('a template string prints it', () => expect(`${x}`).toBe('Tensor(float32[2, 2])'))

  test('the types say Tensor where a number is given', async () => {
    const scale = k.compile((a: Tensor, rate: Tensor) => a.mul(rate))
    expect([...(await (await scale(x, 0.5)).data())]).toEqual([0.5, 1, 1.5, 2])
    // @ts-expect-error a number argument is a Tensor inside a compiled function
    void k.compile((a: Tensor, rate: number) => a.mul(rate))
    // What decides the program is closed over.
    const power = (count: number) =>
      k.compile((a: Tensor) => Array.from({ length: count - 1 }, () => a).reduce((y, a) => y.mul(a), a))
    expect([...(await (await power(3)(x)).data())]).toEqual([1, 8, 27, 64])
  })
})

describe('device.tensor', () => {
  test('takes nested arrays by shape', async () => {
    const cube = device.tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ])
    expect(cube.shape).toEqual([2, 2, 2])
    expect([...(await cube.data())]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(device.tensor([Float32Array.of(1, 2), Float32Array.of(3, 4)]).shape).toEqual([2, 2])
    expect(device.tensor([[], []]).shape).toEqual([2, 0])
    expect(device.tensor([[1, 2, 3, 4]], [2, 2]).shape).toEqual([2, 2])
    expect(device.tensor([]).shape).toEqual([0])
    expect(device.tensor(3).shape).toEqual([])
  })

  test.each<[unknown, RegExp, k.DType?]>([
    [[[1, 2], [3]], /element \[1\] has 1 elements, but others there have 2: arrays must not be ragged/],
    [[[1], 2], /element \[1\] is the number 2, but others there are arrays of 1/],
    [[1, [2]], /element \[1\] is an array, but others there are numbers/],
    [[[], [1]], /element \[1\] has 1 elements, but others there have 0/],
    [[1, undefined, 3], /element \[1\] is undefined, not a number/],
    // biome-ignore lint/suspicious/noSparseArray: the mistake that is tested
    [[1, , 3], /element \[1\] is undefined/],
    [[[1, '2']], /element \[0\]\[1\] is '2', not a number; convert it with Number\(\)/],
    [[true], /element \[0\] is true, not a number; write 1 or 0/],
    [[1n], /the BigInt 1/],
    [[null], /element \[0\] is null/],
    ['12', /data must be a number, an array of numbers .* got '12'/],
    [new BigInt64Array(2), /got BigInt64Array/],
    [{ length: 2 }, /got an object \(Object\)/],
    [Promise.resolve([1]), /got a promise/],
    [[1.5], /element 0 is 1.5, which int32 cannot hold/, 'int32'],
    [[0, NaN], /element 1 is NaN, which uint32 cannot hold/, 'uint32'],
    [[2 ** 32], /which uint32 cannot hold/, 'uint32'],
    [[1], /unknown dtype 'float64'; known are float32/, 'float64' as k.DType],
  ])('%# is refused with its place', (data, message, dtype) => {
    expect(() => device.tensor(data as never, undefined, dtype)).toThrow(message)
  })
})

describe('what is traced waits for nothing', () => {
  test('data() of an argument inside compile', async () => {
    let inner: Promise<unknown> | undefined
    const f = k.compile((a: Tensor) => {
      inner = expect(a.mul(2).data()).rejects.toThrow(/depends on an argument of a function that is being compiled/)
      return a.mul(2)
    })
    await f(x)
    await inner
  })

  test('a compiled function inside another', async () => {
    const inner = k.compile((a: Tensor) => a.mul(2))
    const outer = k.compile((a: Tensor) => inner(a) as unknown as Tensor)
    await expect(outer(x)).rejects.toThrow(/async or returns a promise/)
  })

  test('an async loss, and the gradient of a compiled function', () => {
    const asynchronous = async (w: Tensor) => w.sum()
    expect(() => k.grad(asynchronous as never)(x)).toThrow(
      /grad: the function is async.*compile\(\(w\) => grad\(loss\)\(w\)\)/s,
    )
    expect(() => k.grad(k.compile((w: Tensor) => w.sum()) as never)(x)).toThrow(/promise of a compiled function/)
    expect(() => k.valueAndGrad((() => 3) as never)(x)).toThrow(/must return a scalar tensor.*got 3/)
  })
})

test('numbers where lists are wanted, and the reverse', () => {
  expect(() => k.zeros(3 as never)).toThrow(/full: the shape must be an array of numbers, got 3; write \[3\]/)
  expect(() => k.reshape(x, 4 as never)).toThrow(/reshape: the shape must be an array of numbers, got 4; write \[4\]/)
  expect(() => k.sum(5 as never)).toThrow(/sum: expected a tensor, got number; make one with device.tensor\(\)/)
  expect(() => k.transpose(x, 1 as never)).toThrow(/transpose: axes must be an array of numbers, got 1; write \[1\]/)
  expect(() => x.sum('rows' as never)).toThrow(/sum: axes must be a number or an array of numbers, got 'rows'/)
  expect(() => k.zeros([3], 'float64' as never)).toThrow(/unknown dtype 'float64'/)
  expect(() => k.iota([4], 1)).toThrow(/iota: axis 1 is outside a tensor of 1 dimensions/)
  expect(() => k.iota([2, -1], 0)).toThrow(/iota: shape \[2, -1\]/)
  expect(() => k.randomUniform(42 as never, [2])).toThrow(/a key is two integers .* got 42; write \[42, 0\]/)
  expect(() => k.add(device.tensor(Int32Array.of(1)), 2 ** 40)).toThrow(/does not fit into 32 bits/)
  expect(() => k.scatterAddRows(device.tensor([1, 2]), device.tensor(Int32Array.of(0, 1, 0)), 2)).toThrow(
    /one row for each id, got x \[2\] and ids \[3\]/,
  )
  const ids = device.tensor(Int32Array.of(0, 1))
  for (const zLoss of [Infinity, NaN])
    expect(() => k.crossEntropy(x, ids, { zLoss })).toThrow(/crossEntropy: zLoss must be a finite number/)
  expect(() => k.rmsNorm(x, device.tensor([1, 1]), Infinity)).toThrow(/rmsNorm: epsilon must be a finite number, 0 or/)
  expect(() => k.crossEntropy(x, ids, { zloss: 1 } as never)).toThrow(/no option 'zloss'; options are .* zLoss/)
  expect(() => k.rotaryTables(3, 2 ** 53)).toThrow(/rotaryTables: positions x headDim \/ 2 would be \d+; at most/)
  expect(() => k.splitKey([0, 1], 2 ** 40)).toThrow(/splitKey: keys would be 1099511627776; at most 1048576/)
  expect(() => k.split(k.zeros([2 ** 40, 0]), 1)).toThrow(/split: parts would be 1099511627776; at most/)
  expect(() => k.roll(x, {} as never, 0)).toThrow(/roll: the shift must be an integer, got an object \(Object\)/)
  expect(() => k.compile((y: Tensor) => y, { donate: [{} as never] })).toThrow(
    /positions from 0, got an object \(Object\)/,
  )
})

test('random numbers and constants say how they can be read', async () => {
  await expect(k.randomNormal([1, 2], [3]).data()).rejects.toThrow(
    /have no device until they are combined .* x\.add\(device\.tensor\(0\)\)/,
  )
  const read = await k.randomNormal([1, 2], [3]).add(device.tensor(0)).data()
  expect(read.length).toBe(3)
})

test('two vectors make a scalar, whose gradient is the other vector', async () => {
  const [a, b] = [device.tensor([1, 2, 3]), device.tensor([4, 5, 6])]
  expect(k.matmul(a, b).shape).toEqual([])
  expect(await k.matmul(a, b).item()).toBe(32)
  expect([
    ...(await k
      .grad((w: Tensor) => k.matmul(a, w))(b)
      .data()),
  ]).toEqual([1, 2, 3])
  expect(k.matmul(a, k.zeros([2, 3, 4])).shape).toEqual([2, 4])
  expect(k.matmul(k.zeros([2, 4, 3]), a).shape).toEqual([2, 4])
})

test('where a maximum or minimum ties, each operand has half of the gradient', async () => {
  const v = device.tensor([0, 1, -1])
  const gradient = async (f: (t: Tensor) => Tensor) => [
    ...(await k
      .grad((t: Tensor) => k.sum(f(t)))(v)
      .data()),
  ]
  expect(await gradient((t) => k.maximum(t, 0))).toEqual([0.5, 1, 0])
  expect(await gradient((t) => k.minimum(0, t))).toEqual([0.5, 0, 1])
  expect(await gradient((t) => k.maximum(t, t))).toEqual([1, 1, 1])
})

test('a number meets a narrow tensor as the number its format holds, on every backend', async () => {
  for (const backend of ['reference', 'cpu', 'webgpu'] as const) {
    const d = await k.init({ backend })
    const y = d.tensor([1, 3], [2], 'bfloat16')
    expect([...(await y.mul(0.1).data())], backend).toEqual([0.10009765625, 0.30078125])
    d.dispose()
  }
})
