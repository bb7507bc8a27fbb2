/** `vmap`, `jvp`, `vjp` and `scan`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../src/index.ts'
import * as k from '../src/index.ts'
import { apply } from '../src/tensor.ts'
import { nameOf, valuesOf } from './conformance-cases.ts'
import { opTable } from './op-table.ts'

const devices: k.Device[] = []
let device: k.Device
beforeAll(async () => {
  for (const backend of ['reference', 'cpu', 'webgpu'] as const)
    devices.push(await k.init(backend === 'cpu' ? { backend, threads: 1 } : { backend }))
  device = devices[0]
})
afterAll(() => {
  for (const d of devices) d.dispose()
})

const wave = (n: number, by = 1) => Array.from({ length: n }, (_, i) => Math.sin(1 + i * by))
const near = async (a: Tensor, b: Tensor, digits = 5) => {
  expect(a.shape).toEqual(b.shape)
  const [x, y] = await Promise.all([a, b].map((t) => (t.device ? t : t.add(device.tensor(0))).data()))
  expect(x.length).toBe(y.length)
  x.forEach((v, i) => {
    expect(v).toBeCloseTo(y[i], digits)
  })
}

describe('vmap', () => {
  const cases = opTable.flatMap((op) =>
    (op.samples ?? [])
      .filter(
        (s) =>
          op.kind !== 'leaf' && s.inputs.length > 0 && s.inputs.every((i) => i.shape.reduce((a, b) => a * b, 1) < 2000),
      )
      .slice(0, 2)
      .map((sample) => ({ op, sample, name: nameOf(op, sample) })),
  )
  const without = ['scaledMatmul', 'attentionGradient', 'linearCrossEntropyGradient']

  test.each(cases.filter(({ op }) => !without.includes(op.name)))(
    '$name for three examples',
    async ({ op, sample }) => {
      const examples = [3, 5, 7].map((seed) => {
        const values = valuesOf(sample, seed)
        return sample.inputs.map(({ shape, dtype }, i) => device.tensor(values[i], shape, dtype ?? 'float32'))
      })
      const stacked = sample.inputs.map((_, i) => k.stack(examples.map((e) => e[i])))
      // All operands, then the first alone with the others shared.
      for (const shared of [false, true]) {
        if (shared && sample.inputs.length === 1) continue
        const axes = sample.inputs.map((_, i) => (shared && i > 0 ? null : 0))
        const given = stacked.map((t, i) => (axes[i] === null ? examples[0][i] : t))
        const mapped = k.vmap((...xs: Tensor[]) => apply(op, xs, sample.attrs ?? {}), axes)(...given)
        const each = examples.map((e) =>
          apply(
            op,
            e.map((t, i) => (axes[i] === null ? examples[0][i] : t)),
            sample.attrs ?? {},
          ),
        )
        for (let n = 0; n < mapped.length; n++) await near(mapped[n], k.stack(each.map((outs) => outs[n])), 4)
      }
    },
  )

  test('an op without a rule is named', () => {
    const codes = device.tensor([1, 2, 3, 4], [2, 1, 2])
    const scales = k.ones([1, 1])
    const f = (x: Tensor) => k.scaledMatmul({ codes: x, scales }, { codes: x, scales })
    if (opTable.find((op) => op.name === 'scaledMatmul')?.definition) return
    expect(() => k.vmap(f)(codes)).toThrow(/vmap: the op scaledMatmul has no batching rule/)
  })

  test('gradients of every example, nested, with other axes', async () => {
    const xs = device.tensor(wave(12), [3, 4])
    const w = device.tensor(wave(4, 2))
    const f = (x: Tensor, v: Tensor) => k.sum(k.tanh(k.mul(x, v)))
    const mapped = k.vmap(k.grad(f), [0, null])(xs, w)
    await near(mapped, k.stack([0, 1, 2].map((i) => k.grad(f)(k.reshape(k.sliceAxis(xs, 0, i, i + 1), [4]), w))))
    const pairs = k.vmap((x: Tensor) => k.vmap((y: Tensor) => k.sum(k.mul(x, y)))(xs))(xs)
    await near(pairs, k.matmul(xs, k.transpose(xs)))
    const columns = k.vmap((c: Tensor) => k.cumsum(c), 1, 1)(xs)
    await near(columns, k.cumsum(xs, 0))
    // The gradient through vmap.
    await near(
      k.grad((v: Tensor) => k.sum(k.vmap(f, [0, null])(xs, v)))(w),
      k.grad((v: Tensor) => k.sum(k.tanh(k.mul(xs, v))))(w),
    )
  })
})

describe('jvp and vjp', () => {
  test('a Jacobian from both sides is one', async () => {
    const x = device.tensor(wave(4))
    const f = (v: Tensor) => k.mul(k.cumsum(k.exp(v)), k.softmax(v))
    const basis = k.eye(4)
    const columns = k.vmap((e: Tensor) => k.jvp(f, x, e).tangent)(k.add(basis, device.tensor(0)))
    const rows = k.vmap((e: Tensor) => k.vjp(f, x).pull(e))(k.add(basis, device.tensor(0)))
    await near(k.transpose(columns), rows)
  })

  test('trees, integers and what does not move', async () => {
    const params = { a: device.tensor([1, 2]), n: device.tensor(Int32Array.of(1, 0)) }
    const { value, tangent } = k.jvp(
      ({ a, n }: typeof params) => ({ y: k.square(a), ids: n, fixed: device.tensor([7]) }),
      params,
      { a: device.tensor([1, 10]), n: params.n },
    )
    expect(Array.from(await value.y.data())).toEqual([1, 4])
    expect(Array.from(await tangent.y.data())).toEqual([2, 40])
    expect([tangent.ids.shape, tangent.fixed.shape]).toEqual([[2], [1]])
  })
})

describe('scan', () => {
  const body = (c: { h: Tensor; n: Tensor }, x: Tensor): [{ h: Tensor; n: Tensor }, { out: Tensor }] => {
    const h = k.tanh(k.add(k.mul(c.h, 0.5), x))
    return [{ h, n: k.add(c.n, 1) }, { out: k.mul(h, x) }]
  }

  test.each([false, true])('is the loop (checkpoint: %s), with gradients, compiled', async (checkpoint) => {
    for (const d of devices) {
      const xs = d.tensor(wave(15), [5, 3])
      const init = () => ({ h: d.tensor(wave(3, 2)), n: d.tensor(Int32Array.of(0)) })
      let traced = 0
      const loss = (x: Tensor) => {
        const [last, ys] = k.scan(
          (c: ReturnType<typeof init>, row: Tensor) => {
            traced++
            return body(c, row)
          },
          init(),
          x,
          { checkpoint, reverse: checkpoint },
        )
        return k.add(k.sum(last.h), k.sum(ys.out))
      }
      const plain = (x: Tensor) => {
        let c = init()
        let total: Tensor = d.tensor(0)
        for (const i of checkpoint ? [4, 3, 2, 1, 0] : [0, 1, 2, 3, 4]) {
          const [next, { out }] = body(c, k.reshape(k.sliceAxis(x, 0, i, i + 1), [3]))
          c = next
          total = k.add(total, k.sum(out))
        }
        return k.add(k.sum(c.h), total)
      }
      await near(k.grad(loss)(xs), k.grad(plain)(xs))
      expect(traced).toBe(1)
      const compiled = k.compile((x: Tensor) => k.valueAndGrad(loss)(x))
      await near((await compiled(xs)).value, plain(xs))
      compiled.dispose()
    }
  })

  test('jacobian and hessian: of a product, of a cubic form, eager and compiled', async () => {
    for (const device of devices) {
      const w = device.tensor([
        [1, 2, 3],
        [4, 5, 6],
      ])
      const x = device.tensor([1, -1, 2])
      const product = k.jacobian((x: Tensor) => k.matmul(w, k.reshape(x, [3, 1])).reshape([2]))
      await near(product(x), w)
      // d2 of (sum x)^3 is 6 sum x everywhere; of sum x^3 it is 6 x on the diagonal.
      const second = k.compile(k.hessian((x: Tensor) => k.add(k.pow(k.sum(x), 3), k.sum(k.pow(x, 3)))))
      await near(await second(x), k.add(k.mul(k.ones([3, 3]), 12), k.mul(k.diag(x), 6)))
    }
  })

  test('compileScan: one program for all steps, memory that does not grow, gradients', async () => {
    const step = (h: Tensor, x: Tensor, w: Tensor): [Tensor, Tensor] => {
      const next = k.tanh(k.add(k.matmul(h, w), x))
      return [next, k.sum(next)]
    }
    const steps = 52
    const inputs = (d: k.Device) => ({
      h: d.tensor(wave(3), [3]),
      xs: d.tensor(wave(3 * steps), [steps, 3]),
      w: d.tensor(wave(9, 3), [3, 3]),
      g: d.tensor(wave(steps, 0.1)),
    })
    // The unrolled loop, on the reference.
    const { g, ...params } = inputs(device)
    const unrolled = (p: typeof params) => k.scan((s: Tensor, x: Tensor) => step(s, x, p.w), p.h, p.xs)
    const [lastWanted, ysWanted] = unrolled(params)
    const want = k.grad((p: typeof params) => {
      const [c, y] = unrolled(p)
      return k.add(k.sum(c), k.sum(k.mul(y, g)))
    })(params)
    for (const d of devices) {
      const run = k.compileScan(step)
      const { h, xs, w, g: gYs } = inputs(d)
      const [last, ys] = await run(h, xs, w)
      await near(last, lastWanted)
      await near(ys, ysWanted)
      const trace = await run.vjp(h, xs, w)
      const grads = await trace.pull({ carry: d.tensor([1, 1, 1]), ys: gYs })
      await near(grads.init, want.h, 4)
      await near(grads.xs, want.xs, 4)
      await near(grads.params, want.w, 4)
      trace.dispose()
      const again = async () => {
        for (const t of await run(h, xs, w)) t.dispose()
        return d.counters.bytes
      }
      const before = await again()
      expect(await again()).toBe(before)
      run.dispose()
    }
  })
})

test('stopGradient, dropout and random draws', async () => {
  for (const d of devices) {
    const x = d.tensor(wave(1000))
    const y = k.dropout(x, 0.25, [1, 2])
    const kept = (await y.data()).filter((v) => v !== 0).length
    expect(kept).toBeGreaterThan(700)
    expect(kept).toBeLessThan(800)
    await near(
      k.grad((v: Tensor) => k.sum(k.dropout(v, 0.25, [1, 2])))(x),
      k.mul(k.notEqual(y, 0).astype('float32'), 4 / 3),
    )
    const order = await k.add(k.permutation([3, 4], 100), d.tensor(Int32Array.of(0))).data()
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(100).keys()])
    const dice = await k.add(k.randomInt([5, 6], [6000], 1, 7), d.tensor(Int32Array.of(0))).data()
    for (const n of [1, 2, 3, 4, 5, 6]) expect(Math.abs(dice.filter((v) => v === n).length - 1000)).toBeLessThan(120)
    expect(Math.max(...dice)).toBe(6)
    const wide = await k.add(k.randomInt([5, 6], [100], -(2 ** 31), 2 ** 31), d.tensor(Int32Array.of(0))).data()
    expect(Math.min(...wide)).toBeLessThan(-(2 ** 30))
    const [a, b] = k.splitKey([1, 2])
    expect(await k.add(a, d.tensor(Uint32Array.of(0))).data()).not.toEqual(
      await k.add(b, d.tensor(Uint32Array.of(0))).data(),
    )
  }
})
