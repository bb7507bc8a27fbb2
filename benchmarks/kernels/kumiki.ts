/** The kernels in Kumiki, each compiled. */
import { attention, compile, type Device, matmul, rmsNorm, softmax, type Tensor, valueAndGrad } from '@kumiki/tensor'
import { epsilon, inputValues, type KernelCase } from './cases.ts'
import type { Contestant, PreparedKernel } from './contestant.ts'

export async function kumiki(device: Device): Promise<Contestant> {
  // The queue runs in order, so reading back this number waits for everything that was submitted before.
  const probe = device.tensor([0]).add(0)
  await device.evaluate(probe)
  return { prepare: (c) => prepare(c, device, probe) }
}

async function prepare(c: KernelCase, device: Device, probe: Tensor): Promise<PreparedKernel> {
  const inputs = c.inputs.map((shape, i) => device.tensor(inputValues(shape, i), shape))
  await device.evaluate(inputs)
  const kernel = compile(c.backward ? withGradients(forward(c)) : (x: Tensor[]) => [forward(c)(x)])
  return {
    async results() {
      const outputs = await kernel(inputs)
      const values: Float32Array[] = []
      for (const t of outputs) {
        values.push((await t.data()) as Float32Array)
        t.dispose()
      }
      return values
    },
    async time(calls, queued = false) {
      await probe.data()
      const start = performance.now()
      for (let i = 0; i < calls; i++) {
        for (const t of await kernel(inputs)) t.dispose()
        if (!queued || i === calls - 1) await probe.data()
      }
      return (performance.now() - start) / 1000
    },
    explain: () => kernel.explain(),
    dispose() {
      kernel.dispose()
      for (const t of inputs) t.dispose()
    },
  }
}

function forward(c: KernelCase): (x: Tensor[]) => Tensor {
  const transposed = (x: Tensor, side: number) => (c.layout[side] === 'T' ? x.transpose() : x)
  return {
    matmul: ([a, b]: Tensor[]) => matmul(transposed(a, 0), transposed(b, 1)),
    attention: ([q, k, v]: Tensor[]) => attention(q, k, v),
    softmax: ([x]: Tensor[]) => softmax(x),
    rmsNorm: ([x, weight]: Tensor[]) => rmsNorm(x, weight, epsilon),
  }[c.kernel]
}

function withGradients(f: (x: Tensor[]) => Tensor): (x: Tensor[]) => Tensor[] {
  return (inputs) => {
    const { value, grads } = valueAndGrad((x: Tensor[]) => f(x).square().sum())(inputs)
    return [value, ...grads]
  }
}
