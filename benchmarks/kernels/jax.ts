/** The kernels in jax-js, each in one jit. */
import type * as Jax from '@jax-js/jax'
import type { numpy } from '@jax-js/jax'
import { provideWebPlatform } from '../common/web-platform.ts'
import { epsilon, inputValues, type KernelCase } from './cases.ts'
import type { Contestant, ContestantSpec } from './contestant.ts'

type Arr = numpy.Array

export async function startJax({ backend, threads }: ContestantSpec, gpu?: GPU): Promise<Contestant> {
  provideWebPlatform({ threads, gpu }) // first: jax-js looks for them while it is loaded
  const jax = await import('@jax-js/jax')
  const device = backend === 'cpu' ? 'wasm' : 'webgpu'
  if (!(await jax.init(device)).includes(device)) throw new Error(`jax-js has no device ${device} here`)
  jax.defaultDevice(device)
  return {
    async prepare(c) {
      const inputs = c.inputs.map((shape, i) => jax.numpy.array(inputValues(shape, i), { shape: [...shape] }))
      await jax.blockUntilReady(inputs)
      const f = forward(jax, c)
      const kernel = jax.jit(c.backward ? withGradients(jax, f) : (x: Arr[]) => [f(x)])
      const call = () => kernel(inputs.map((x) => x.ref)) as Arr[]
      return {
        async results() {
          const values: Float32Array[] = []
          for (const x of call()) values.push((await x.data()) as Float32Array)
          return values
        },
        async time(calls) {
          const start = performance.now()
          for (let i = 0; i < calls; i++) {
            const outputs = call()
            // The outputs of a jit become ready together, so waiting for one is enough.
            await outputs.at(-1)!.blockUntilReady()
            for (const x of outputs) x.dispose()
          }
          return (performance.now() - start) / 1000
        },
        dispose() {
          kernel.dispose()
          for (const x of inputs) x.dispose()
        },
      }
    },
  }
}

function forward({ numpy: np, nn }: typeof Jax, c: KernelCase): (x: Arr[]) => Arr {
  const transposed = (x: Arr, side: number) => (c.layout[side] === 'T' ? x.transpose() : x)
  return {
    matmul: ([a, b]: Arr[]) => np.matmul(transposed(a, 0), transposed(b, 1)),
    attention: ([q, k, v]: Arr[]) => nn.dotProductAttention(q, k, v, { isCausal: true }),
    softmax: ([x]: Arr[]) => nn.softmax(x, -1),
    rmsNorm([x, weight]: Arr[]) {
      const meanSquare = np.square(x.ref).mean(-1, { keepdims: true }).add(epsilon)
      return x.mul(np.reciprocal(np.sqrt(meanSquare))).mul(weight)
    },
  }[c.kernel]
}

function withGradients({ numpy: np, valueAndGrad }: typeof Jax, f: (x: Arr[]) => Arr): (x: Arr[]) => Arr[] {
  return (inputs) => {
    const [value, grads] = valueAndGrad((x: Arr[]) => np.square(f(x)).sum())(inputs)
    return [value, ...(grads as Arr[])]
  }
}
