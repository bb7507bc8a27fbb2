import { expect, test } from 'vitest'
import {
  attention,
  checkpoint,
  compile,
  grad,
  init,
  linearCrossEntropy,
  type Tensor,
  valueAndGrad,
} from '../src/index.ts'

test('lazy arithmetic and gradients on the reference backend', async () => {
  const device = await init({ backend: 'reference' })
  const x = device.tensor([1, 2, 3])
  expect([...(await x.mul(2).add(1).data())]).toEqual([3, 5, 7])
  const g = grad((w: Tensor) => w.mul(w).sum())(x)
  expect([...(await g.data())]).toEqual([2, 4, 6])
  const q = device.tensor(
    Float32Array.from({ length: 2 * 5 * 2 * 4 }, (_, i) => Math.sin(i)),
    [2, 5, 2, 4],
  )
  const f = (q: Tensor) => attention(q, q, q).square().sum()
  const a = await grad(f)(q).data()
  const b = await grad(checkpoint(f))(q).data()
  expect([...a]).toEqual([...b])
  const step = compile(
    (w: Tensor, lr: number) => {
      const { value, grads } = valueAndGrad((w: Tensor) => w.mul(w).sum())(w)
      return { w: w.sub(grads.mul(lr)), value }
    },
    { donate: [0] },
  )
  let r = await step(x, 0.1)
  r = await step(r.w, 0.1)
  expect(await r.value.item()).toBeCloseTo(14 * 0.64, 4)
  await expect(x.data()).rejects.toThrow(/donated/)
  const h = device.tensor(
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    [3, 4],
  )
  const w = device.tensor(
    Float32Array.from({ length: 40 }, (_, i) => Math.cos(i)),
    [10, 4],
  )
  const t = device.tensor(Int32Array.of(3, 9, -1))
  const l1 = await linearCrossEntropy(h, w, t, { zLoss: 0.01 }).data()
  const l2 = await linearCrossEntropy(h, w, t, { zLoss: 0.01, chunk: 3 }).data()
  console.log(l1, l2)
})
