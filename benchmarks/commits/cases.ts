/**
 * What is timed in two checkouts. A case uses only exports of the checkout's packages that exist under the same names
 * in both.
 */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

export interface Prepared {
  /** Does the work `calls` times and waits for the last; resolves to milliseconds. */
  time(calls: number): Promise<number>
  dispose(): void
}

export interface Case {
  readonly name: string
  /** @throws Error if the checkout lacks an export that the case needs; the case is then left out by name */
  prepare(checkout: Checkout): Promise<Prepared>
}

/** A checkout's own modules: its packages, and the contestants of its benchmarks. */
export interface Checkout {
  readonly backend: 'cpu' | 'webgpu'
  readonly threads: number
  readonly gpu: unknown
  // Untyped: the types of the two checkouts may differ.
  import(path: string): Promise<any>
  device(): Promise<any>
}

export function openCheckout(root: string, backend: 'cpu' | 'webgpu', threads: number): Checkout {
  const load = (path: string) => import(pathToFileURL(`${root}/${path}`).href)
  let gpu: unknown
  let device: Promise<any> | undefined
  const make = async () => {
    if (backend === 'webgpu') gpu = (await (await load('benchmarks/common/gpu.ts')).openGpu()).gpu
    return (await load('packages/tensor/src/index.ts')).init({ backend, threads, gpu })
  }
  return {
    backend,
    threads,
    get gpu() {
      return gpu
    },
    import: load,
    device: () => {
      device ??= make()
      return device
    },
  }
}

const elements = 2 ** 20
const ramp = (scale: number, shift: number) =>
  Float32Array.from({ length: elements }, (_, i) => shift + scale * (((i * 7919) % 10007) / 10007 - 0.5))

/**
 * A compiled program over tensors. A call is timed until reading a number back shows that the device has finished it.
 */
async function program(
  checkout: Checkout,
  inputs: (device: any) => any[],
  body: (tensor: any, inputs: any[]) => any,
): Promise<Prepared> {
  const tensor = await checkout.import('packages/tensor/src/index.ts')
  const device = await checkout.device()
  const given = inputs(device)
  const probe = device.tensor([0]).add(0)
  await device.evaluate([...given, probe])
  const run = tensor.compile((x: any[]) => body(tensor, x))
  const dispose = (result: any) => {
    for (const t of Array.isArray(result) ? result : [result]) t.dispose()
  }
  return {
    async time(calls) {
      await probe.data()
      const start = performance.now()
      for (let i = 0; i < calls; i++) {
        dispose(await run(given))
        await probe.data()
      }
      return performance.now() - start
    },
    dispose() {
      run.dispose()
      for (const t of given) t.dispose()
    },
  }
}

const unary = (name: string, scale = 4, shift = 0): Case => ({
  name: `${name}, 2^20`,
  prepare: (c) =>
    program(
      c,
      (d) => [d.tensor(ramp(scale, shift), [1024, 1024])],
      (t, [x]) => t[name](x),
    ),
})
const binary = (name: string): Case => ({
  name: `${name}, 2^20`,
  prepare: (c) =>
    program(
      c,
      (d) => [d.tensor(ramp(4, 0), [1024, 1024]), d.tensor(ramp(2, 1.5), [1024, 1024])],
      (t, [x, y]) => t[name](x, y),
    ),
})

/** Single operations: elementwise, over rows, casts, gathers, and chains of them. */
const operations: readonly Case[] = [
  ...['add', 'mul', 'div', 'maximum', 'minimum', 'less', 'equal'].map(binary),
  ...['neg', 'abs', 'square', 'exp', 'tanh', 'sigmoid', 'silu', 'sin', 'cos', 'floor', 'sign'].map((n) => unary(n)),
  ...['log', 'sqrt', 'rsqrt'].map((n) => unary(n, 3, 2)),
  ...['sum', 'max', 'softmax', 'logSoftmax', 'argMax'].map((name) => ({
    name: `${name} of rows, 1024 x 1024`,
    prepare: (c: Checkout) =>
      program(
        c,
        (d) => [d.tensor(ramp(4, 0), [1024, 1024])],
        (t, [x]) => (/^log|^soft/.test(name) ? t[name](x) : t[name](x, 1)),
      ),
  })),
  ...['bfloat16', 'float16', 'float8_e4m3fn'].map((dtype) => ({
    name: `cast to ${dtype}, 2^20`,
    prepare: (c: Checkout) =>
      program(
        c,
        (d) => [d.tensor(ramp(4, 0), [1024, 1024])],
        (t, [x]) => t.cast(x, dtype),
      ),
  })),
  {
    name: 'take 1,024 rows of 1,024',
    prepare: (c) =>
      program(
        c,
        (d) => [
          d.tensor(ramp(4, 0), [1024, 1024]),
          d.tensor(
            Int32Array.from({ length: 1024 }, (_, i) => (i * 7919) % 1024),
            [1024],
          ),
        ],
        (t, [x, ids]) => t.take(x, ids),
      ),
  },
  {
    name: 'crossEntropy of 1024 x 1024',
    prepare: (c) =>
      program(
        c,
        (d) => [
          d.tensor(ramp(4, 0), [1024, 1024]),
          d.tensor(
            Int32Array.from({ length: 1024 }, (_, i) => (i * 7919) % 1024),
            [1024],
          ),
        ],
        (t, [x, ids]) => t.crossEntropy(x, ids),
      ),
  },
  {
    name: 'a chain of 12 elementwise operations, 2^20',
    prepare: (c) =>
      program(
        c,
        (d) => [d.tensor(ramp(4, 0), [1024, 1024]), d.tensor(ramp(2, 1.5), [1024, 1024])],
        (t, [x, y]) =>
          t.mul(t.add(t.silu(x), t.tanh(y)), t.sub(t.maximum(x, y), t.mul(t.exp(t.neg(t.square(x))), 0.5))),
      ),
  },
  {
    name: '64 products of 4 x 4 in a row',
    prepare: (c) =>
      program(
        c,
        (d) => [d.tensor(new Float32Array(16).fill(0.25), [4, 4])],
        (t, [x]) => Array.from({ length: 64 }).reduce((y) => t.matmul(y, x), x),
      ),
  },
]

/** The kernels that `benchmarks/kernels` times, as that checkout's benchmarks/kernels/kumiki.ts runs them. */
const kernels: readonly Case[] = [
  ...['NN', 'NT', 'TN', 'TT'].map((layout) => ({
    name: `matmul 512 ${layout}`,
    kernel: {
      kernel: 'matmul',
      inputs: [
        [512, 512],
        [512, 512],
      ],
      layout,
      backward: false,
    },
  })),
  ...[false, true].map((backward) => ({
    name: `attention T=512 ${backward ? 'forward+backward' : 'forward'}`,
    kernel: {
      kernel: 'attention',
      inputs: [
        [1, 512, 8, 64],
        [1, 512, 8, 64],
        [1, 512, 8, 64],
      ],
      layout: 'NN',
      backward,
    },
  })),
  {
    name: 'softmax 1024x1024 forward+backward',
    kernel: { kernel: 'softmax', inputs: [[1024, 1024]], layout: 'NN', backward: true },
  },
  {
    name: 'rmsNorm 1024x1024 forward',
    kernel: { kernel: 'rmsNorm', inputs: [[1024, 1024], [1024]], layout: 'NN', backward: false },
  },
].map(({ name, kernel }) => ({
  name,
  async prepare(c: Checkout) {
    const { kumiki } = await c.import('benchmarks/kernels/kumiki.ts')
    const prepared = await (await kumiki(await c.device())).prepare({ name, ...kernel })
    return { time: async (calls: number) => 1000 * (await prepared.time(calls)), dispose: () => prepared.dispose() }
  },
}))

const trainStep: Case = {
  name: 'training step of nano, 4 x 128',
  async prepare(c) {
    await c.device()
    const { startKumiki } = await c.import('benchmarks/train-step/kumiki.ts')
    const { batchOf } = await c.import('benchmarks/train-step/workload.ts')
    const spec = { implementation: 'kumiki', backend: c.backend, threads: c.threads }
    const contestant = await startKumiki(spec, { gpu: c.gpu })
    let step = 0
    return {
      async time(calls) {
        const start = performance.now()
        for (let i = 0; i < calls; i++) await contestant.step(batchOf(++step), step)
        await contestant.settle?.()
        return performance.now() - start
      },
      dispose() {},
    }
  },
}

/** A case without a device. */
function plain(name: string, make: (c: Checkout) => Promise<() => unknown>): Case {
  return {
    name,
    async prepare(c) {
      const work = await make(c)
      return {
        async time(calls) {
          const start = performance.now()
          for (let i = 0; i < calls; i++) await work()
          return performance.now() - start
        },
        dispose() {},
      }
    },
  }
}

const host: readonly Case[] = [
  ...['adamw', 'lion', 'sgd'].map((name) =>
    plain(`${name} over 10^6 parameters`, async (c) => {
      const optimizer = (await c.import('packages/optim/src/index.ts'))[name]({})
      const [params, grads] = [ramp(2, 0), ramp(0.1, 0)]
      const state = optimizer.init(params)
      let step = 0
      return () => optimizer.update(grads, state, params, optimizer.scalars(++step, 3e-4), { inPlace: true })
    }),
  ),
  ...['bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2'].flatMap((format) =>
    ['encode', 'decode'].map((direction) =>
      plain(`${direction} 2^20 values, ${format}`, async (c) => {
        const { encodeArray, decodeArray } = await c.import('packages/numerics/src/index.ts')
        const values = ramp(4, 0)
        const codes = encodeArray(format, values)
        return direction === 'encode'
          ? () => encodeArray(format, values, codes)
          : () => decodeArray(format, codes, values)
      }),
    ),
  ),
  ...[0, 1].map((i) =>
    plain(`planner, search ${i + 1} of benchmarks/planner`, async (c) => {
      const { searches } = await c.import('benchmarks/planner/searches.ts')
      const { plan } = await c.import('packages/planner/src/index.ts')
      return () => plan(searches[i].search)
    }),
  ),
  ...[200_000, 5_000_000].map((bytes) =>
    plain(`tokenizer encode, ${bytes / 1000} kB`, async (c) => {
      const { loadTokenizer } = await c.import('packages/tokenizer/src/index.ts')
      const { modelPath, readTexts } = await c.import('benchmarks/tokenizer/texts.ts')
      const tokenizer = await loadTokenizer(new Uint8Array(readFileSync(modelPath().url)))
      const { lines } = readTexts(bytes)
      return () => {
        for (const line of lines) tokenizer.encode(line)
      }
    }),
  ),
]

export const cases: readonly Case[] = [...operations, ...kernels, trainStep, ...host]
