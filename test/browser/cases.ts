/** Programs whose values and gradients the browser test compares with Node's. */
import { attention, type Device, grad, matmul, type Tensor } from '@kumiki/tensor'

const wave = (n: number, frequency: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(frequency * i + 1))

/** What the page computes on each backend, and Node on the definitions: values and gradients by name. */
export async function compute(device: Device): Promise<Record<string, number[]>> {
  const x = device.tensor(wave(2 * 5 * 8, 0.7), [2, 5, 8])
  const w = device.tensor(wave(8 * 8, 1.3), [8, 8])
  const loss = ({ x, w }: { x: Tensor; w: Tensor }) => {
    const q = matmul(x, w).reshape([2, 5, 2, 4])
    return attention(q, q, x.reshape([2, 5, 2, 4]))
      .square()
      .mean()
  }
  const gradients = grad(loss)({ x, w })
  // Large enough for several threads.
  const a = device.tensor(wave(160 * 96, 0.31), [160, 96])
  const b = device.tensor(wave(96 * 160, 0.17), [96, 160])
  const rows = matmul(a, b).softmax().sum(0)
  const packed = device.tensor(wave(33, 0.9), [33], 'float8_e4m3fn').mul(2)
  const results = { loss: loss({ x, w }), gradX: gradients.x, gradW: gradients.w, rows, packed }
  const values: Record<string, number[]> = {}
  for (const [name, tensor] of Object.entries(results)) values[name] = [...(await tensor.data())]
  return values
}
