/** The memory of a program: known before it runs, and what determines it. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  cast,
  compile,
  type Device,
  grad,
  init,
  linearCrossEntropy,
  matmul,
  silu,
  square,
  sum,
  swiglu,
  type Tensor,
} from '../src/index.ts'

const wave = (n: number, f = 1) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * f) / 8)

describe.each(['cpu', 'webgpu'] as const)('memory on %s', (backend) => {
  let device: Device
  afterEach(() => device.dispose())

  test('what a program will take is known before it runs, to the byte', async () => {
    // One thread: workers are sent code through the same memory.
    device = await init({ backend, threads: 1 })
    const loss = (w: Tensor[], x: Tensor) => sum(w.reduce((h, m) => silu(matmul(h, m)), x))
    const step = compile((w: Tensor[], x: Tensor) => grad((p: Tensor[]) => loss(p, x))(w).map((g, i) => w[i].sub(g)), {
      donate: [0],
    })
    const w = [0.3, 0.7, 1.1].map((f) => device.tensor(wave(48 * 48, f), [48, 48]))
    const x = device.tensor(wave(40 * 48), [40, 48])
    // On the device, so that the counters know them.
    await device.evaluate([...w, x])
    for (const t of [...w, x]) device.bufferOf(t.value.storage!)
    const before = device.counters.bytes
    await step.prepare(w, x)
    const plan = step.memory()
    expect(device.counters.bytes).toBe(before)
    expect(plan.inputBytes).toBe(before)
    let state = await step(w, x)
    expect(device.counters.bytes).toBe(plan.peakBytes)
    for (let i = 0; i < 3; i++) state = await step(state, x)
    expect(device.counters.bytes).toBe(plan.peakBytes)
    expect(plan.peakBytes).toBe(plan.inputBytes + plan.outputBytes + plan.temporaryBytes)
  })

  test('SwiGLU keeps its two inputs, and nothing made of them', async () => {
    device = await init({ backend, threads: 1 })
    const [tokens, width, depth] = [2048, 64, 6]
    const one = tokens * width * 4
    // Every layer keeps its gate, up and, for the products' gradients, its input.
    const f = compile((x: Tensor, w: Tensor[]) =>
      grad((p: Tensor[]) => sum(p.reduce((h, m) => swiglu(matmul(h, m), matmul(h, m.swapAxes(0, 1))), x)))(w),
    )
    await f.prepare(
      device.tensor(wave(tokens * width), [tokens, width]),
      Array.from({ length: depth }, (_, i) => device.tensor(wave(width * width, i + 1), [width, width])),
    )
    expect(f.memory().temporaryBytes).toBeLessThan((3 * depth + 4) * one)
  })

  test('of parts that are worked on one after another only one is there at a time', async () => {
    device = await init({ backend, threads: 1 })
    const [tokens, width, depth] = [1024, 64, 6]
    const bytes = async (parts: number) => {
      const f = compile((xs: Tensor[], ws: Tensor[]) => {
        const each = xs.map((x) =>
          grad((p: Tensor[]) => sum(p.reduce((h, w) => silu(matmul(h, w)), x)).div(sum(square(xs[0]))))(ws),
        )
        return each.reduce((a, b) => a.map((g, i) => g.add(b[i])))
      })
      await f.prepare(
        Array.from({ length: parts }, (_, i) => device.tensor(wave(tokens * width, i + 0.5), [tokens, width])),
        Array.from({ length: depth }, (_, i) => device.tensor(wave(width * width, i + 1), [width, width])),
      )
      return f.memory().temporaryBytes
    }
    expect(await bytes(4)).toBeLessThan(1.3 * (await bytes(1)))
  })

  test('values that wait in a narrow format are stored in it, as soon as they are made', async () => {
    device = await init({ backend, threads: 1 })
    const [side, count] = [256, 12]
    const f = compile((x: Tensor, ws: Tensor[]) => {
      const gradients = ws.map((w) => cast(cast(matmul(x, w), 'bfloat16'), 'float32'))
      // All wait for a norm that needs all of them.
      const norm = gradients.map((g) => sum(square(g))).reduce((a, b) => a.add(b))
      return gradients.map((g, i) => ws[i].sub(g.div(norm)))
    })
    const matrix = (i: number) => device.tensor(wave(side * side, i), [side, side])
    await f.prepare(
      matrix(0.5),
      Array.from({ length: count }, (_, i) => matrix(i + 1)),
    )
    expect(f.memory().temporaryBytes).toBeLessThan((2 * count + 12) * side * side)
  })

  test('a loss over a large vocabulary never holds its logits', async () => {
    device = await init({ backend })
    const [vocabulary, tokens, hidden] = [99584, 4096, 512]
    const f = compile((h: Tensor, w: Tensor, targets: Tensor) =>
      grad((p: Tensor[]) => linearCrossEntropy(p[0], p[1], targets).mean())([h, w]),
    )
    const zeros = (shape: number[]) => device.tensor(new Float32Array(shape[0] * shape[1]), shape)
    // Planned, not run: this is about memory.
    await f.prepare(
      zeros([tokens, hidden]),
      zeros([vocabulary, hidden]),
      device.tensor(new Int32Array(tokens), [tokens]),
    )
    expect(f.memory().temporaryBytes).toBeLessThan(0.25 * vocabulary * tokens * 4)
  })
})
