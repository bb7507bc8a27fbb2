import { afterEach, describe, expect, test } from 'vitest'
import { compile, type Device, grad, init, linearCrossEntropy, matmul, silu, sum, type Tensor } from '../src/index.ts'

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
