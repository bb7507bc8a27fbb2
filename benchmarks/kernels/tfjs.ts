/** TensorFlow.js on its WebAssembly backend: matmul alone. */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { inputValues } from './cases.ts'
import type { Contestant, ContestantSpec } from './contestant.ts'

const require = createRequire(import.meta.url)

export async function startTfjs({ backend, threads }: ContestantSpec): Promise<Contestant> {
  if (backend !== 'cpu' || threads !== 1) throw new Error('tfjs is compared on one thread of the cpu backend')
  const tf = await import('@tensorflow/tfjs-core')
  const wasm = await import('@tensorflow/tfjs-backend-wasm')
  // The package's .wasm files are in the folder of its code.
  wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  await tf.setBackend('wasm')
  await tf.ready()
  return {
    async prepare(c) {
      if (c.kernel !== 'matmul')
        throw new Error(`tfjs is compared in matmul alone, not in ${c.name}; use --cases matmul`)
      const [a, b] = c.inputs.map((shape, i) => tf.tensor(inputValues(shape, i), [...shape]))
      const call = () => tf.matMul(a, b, c.layout[0] === 'T', c.layout[1] === 'T')
      return {
        async results() {
          const out = call()
          const values = (await out.data()) as Float32Array
          out.dispose()
          return [values.slice()]
        },
        // The backend computes synchronously, so there is nothing to wait for.
        async time(calls) {
          const start = performance.now()
          for (let i = 0; i < calls; i++) call().dispose()
          return (performance.now() - start) / 1000
        },
        dispose() {
          a.dispose()
          b.dispose()
        },
      }
    },
  }
}
