/** Comparison with Transformers for one vector. */
import { compile, type Device, sliceAxis, type Tensor, valueAndGrad } from '@kumiki/tensor'
import { expect } from 'vitest'
import { type DecoderModel, decoderModel, type Parameters } from '../src/index.ts'
import { loadModel } from '../src/node.ts'
import { type Projection, projectionOf, type Vector, vectorTokens, writeVectorFolder } from './transformers-vectors.ts'

export const far = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from({ length: Math.max(a.length, b.length) }, (_, i) => Math.abs(a[i] - b[i])))

export interface Loaded {
  readonly device: Device
  readonly vector: Vector
  readonly model: DecoderModel
  readonly parameters: Parameters
}

/** Columns of both rows of tokens. */
const columns = ({ device }: Loaded, from: number, to: number) => {
  const rows = [0, 20].map((row) => vectorTokens().subarray(row + from, row + to))
  return device.tensor(Int32Array.from(rows.flatMap((row) => [...row])), [2, to - from])
}

/** Reads the folders Transformers wrote, whole and in shards: the same parameters, by the names it gave. */
export async function loadBoth(device: Device, vector: Vector, root: string): Promise<Loaded> {
  const load = async (kind: 'single' | 'sharded') =>
    loadModel(device, await writeVectorFolder(vector, kind, `${root}/${vector.name}/${kind}`))
  const [{ architecture, parameters, warnings }, sharded] = [await load('single'), await load('sharded')]
  expect([...warnings, ...sharded.warnings]).toEqual([])
  expect(sharded.architecture).toEqual(architecture)
  expect(Object.keys(inFiles(parameters)).sort()).toEqual(Object.keys(vector.gradients).sort())
  for (const [name, t] of Object.entries(parameters))
    expect(await sharded.parameters[name].data(), name).toEqual(await t.data())
  return { device, vector, model: decoderModel(architecture), parameters }
}

export async function expectLogits(loaded: Loaded): Promise<void> {
  const { model, parameters, vector } = loaded
  const logits = await model
    .forward(parameters, columns(loaded, 0, 20))
    .logits()
    .data()
  expect(far(logits, vector.logits)).toBeLessThan(1e-5)
}

/** A pass in two pieces. */
export async function expectPieces(loaded: Loaded): Promise<void> {
  const { model, parameters, vector } = loaded
  const { cache } = model.forward(parameters, columns(loaded, 0, 11), { cache: 'begin' })
  const next = await model
    .forward(parameters, columns(loaded, 11, 20), { cache })
    .logits()
    .data()
  for (const row of [0, 1]) {
    const expected = vector.logits.subarray(row * 800 + 440, row * 800 + 800)
    expect(far(next.slice(row * 360, row * 360 + 360), expected)).toBeLessThan(1e-5)
  }
}

/** Parameters by the names files have: an expert each where the decoder has one tensor for all. */
function inFiles(parameters: Parameters): Parameters {
  const separate = ([name, t]: [string, Tensor]): [string, Tensor][] =>
    t.ndim !== 3
      ? [[name, t]]
      : Array.from({ length: t.shape[0] }, (_, e) => [
          name.replace('.experts.', `.experts.${e}.`),
          sliceAxis(t, 0, e, e + 1).reshape(t.shape.slice(1)),
        ])
  return Object.fromEntries(Object.entries(parameters).flatMap(separate))
}

async function expectProjections(all: Parameters, expected: Readonly<Record<string, Projection>>): Promise<void> {
  const tensors = inFiles(all)
  for (const [name, projection] of Object.entries(expected))
    expect(far(projectionOf(name, await tensors[name].data()), projection), name).toBeLessThan(1e-4)
}

/** Loss and gradients, then ten steps of AdamW as torch.optim has it. */
export async function expectTraining(loaded: Loaded, steps: number): Promise<void> {
  const { device, model, vector } = loaded
  const [inputs, targets] = [columns(loaded, 0, 19), columns(loaded, 1, 20)]
  const run = compile(valueAndGrad((p: Parameters) => model.forward(p, inputs).losses(targets).mean()))
  const [rate, beta1, beta2, epsilon, decay] = [2e-3, 0.9, 0.95, 1e-6, 0.1]
  const state = new Map<string, { m: Float64Array; v: Float64Array }>()
  let parameters = loaded.parameters
  for (let step = 1; step <= Math.max(steps, 1); step++) {
    const { value, grads } = await run(parameters)
    if (step === 1) await expectProjections(grads, vector.gradients)
    expect(Math.abs(((await value.item()) as number) - vector.losses[step - 1])).toBeLessThan(step === 1 ? 1e-5 : 1e-4)
    if (steps === 0) break
    const updated: Parameters = {}
    for (const [name, t] of Object.entries(parameters)) {
      const [p, g] = [Float32Array.from(await t.data()), await grads[name].data()]
      const { m, v } = state.get(name) ?? { m: new Float64Array(p.length), v: new Float64Array(p.length) }
      state.set(name, { m, v })
      for (let i = 0; i < p.length; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
        const size = Math.sqrt(v[i] / (1 - beta2 ** step)) + epsilon
        p[i] = p[i] * (1 - rate * decay) - (rate * m[i]) / (1 - beta1 ** step) / size
      }
      updated[name] = device.tensor(p, t.shape)
    }
    parameters = updated
  }
  if (steps === 10) await expectProjections(parameters, vector.trained)
  run.dispose()
}
