/** The kernels that are checked and timed: operands, computation, and FLOPs and bytes. */
import {
  attention,
  cast,
  compile,
  type Device,
  type DType,
  groupedMatmul,
  matmul,
  mul,
  profile,
  rmsNorm,
  scatterAddRows,
  softmax,
  sum,
  swapAxes,
  type Tensor,
  valueAndGrad,
} from '@kumiki/tensor'
import { inputValues } from '../kernels/cases.ts'

export interface Operand {
  readonly shape: readonly number[]
  /** Format of random values between -1 and 1; not used where `ids` are given. */
  readonly dtype?: DType
  readonly ids?: Int32Array
}

export interface GpuKernel {
  readonly name: string
  /** Format of the operands. */
  readonly dtype: DType
  readonly operands: readonly Operand[]
  /** For the same kernel elsewhere: a product's [m, k, n] and layout, or attention's [b, t, heads, kv heads, size]. */
  readonly product?: { readonly shape: readonly number[]; readonly layout: string }
  readonly attention?: readonly number[]
  readonly run: (x: readonly Tensor[]) => readonly Tensor[]
  /** Useful FLOPs, and bytes that must be read or written at least once. */
  readonly flops: number
  readonly bytes: number
  /** Largest difference from the cpu backend, relative to the root mean square, that rounding explains. */
  readonly tolerance: number
}

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
const width = (dtype: DType) => (dtype === 'float32' || dtype === 'int32' ? 4 : dtype.startsWith('float8') ? 1 : 2)
const toleranceOf = (dtype: DType) => (dtype === 'float16' ? 4e-3 : 1e-3)

/** @param layout a letter for each operand: N, or T where it is stored transposed */
export function product(
  [m, k, n]: readonly number[],
  layout: string,
  dtype: DType,
  label = `${m} x ${k} x ${n}`,
): GpuKernel {
  const a = layout[0] === 'T' ? [k, m] : [m, k]
  const b = layout[1] === 'T' ? [n, k] : [k, n]
  const transposed = (x: Tensor, side: number) => (layout[side] === 'T' ? swapAxes(x, 0, 1) : x)
  return {
    name: `matmul ${label} ${layout} ${dtype}`,
    dtype,
    product: { shape: [m, k, n], layout },
    operands: [
      { shape: a, dtype },
      { shape: b, dtype },
    ],
    run: ([x, y]) => [cast(matmul(transposed(x, 0), transposed(y, 1)), 'float32')],
    flops: 2 * m * k * n,
    bytes: width(dtype) * (m * k + k * n) + 4 * m * n,
    // Sums of thousands of products are added in another order.
    tolerance: toleranceOf(dtype),
  }
}

export function attentionKernel(
  [batch, tokens, heads, kvHeads, size]: readonly number[],
  dtype: DType,
  backward: boolean,
): GpuKernel {
  const q = [batch, tokens, heads, size]
  const kv = [batch, tokens, kvHeads, size]
  const forward = ([a, b, c]: readonly Tensor[]) => attention(a, b, c, { causal: true })
  const both = (x: Tensor[]) => {
    const { value, grads } = valueAndGrad((y: Tensor[]) => sum(cast(forward(y), 'float32').square()))(x)
    return [value, ...grads.map((g) => cast(g, 'float32'))]
  }
  const flops = 2 * batch * heads * tokens ** 2 * size
  return {
    name: `attention B${batch} T${tokens} H${heads}/${kvHeads} D${size} ${dtype}${backward ? ' forward+backward' : ''}`,
    dtype,
    attention: backward ? [batch, tokens, heads, kvHeads, size] : undefined,
    operands: [q, kv, kv].map((shape) => ({ shape, dtype })),
    run: backward ? (x) => both([...x]) : (x) => [cast(forward(x), 'float32')],
    flops: flops * (backward ? 3.5 : 1),
    bytes: width(dtype) * (count(q) * (backward ? 4 : 2) + count(kv) * (backward ? 4 : 2)),
    tolerance: dtype === 'float32' ? 1e-3 : 2e-2,
  }
}

export function rows([m, n]: readonly number[], kind: 'softmax' | 'rmsNorm' | 'sum'): GpuKernel {
  const shape = [m, n]
  return {
    name: `${kind} ${m} x ${n}`,
    dtype: 'float32',
    operands: kind === 'rmsNorm' ? [{ shape }, { shape: [n] }] : [{ shape }],
    run: ([x, w]) => [kind === 'softmax' ? softmax(x) : kind === 'rmsNorm' ? rmsNorm(x, w) : sum(x, -1)],
    flops: 4 * m * n,
    bytes: kind === 'sum' ? 4 * m * n : 8 * m * n,
    tolerance: 1e-3,
  }
}

/** The gradient of an embedding table: rows of tokens with the same id are summed. */
export function embeddingGradient([tokens, hidden, vocabulary]: readonly number[]): GpuKernel {
  const ids = Int32Array.from({ length: tokens }, (_, i) => Math.floor(vocabulary * ((i * 0.618034) % 1) ** 2))
  return {
    name: `embedding gradient ${tokens} of ${vocabulary} x ${hidden}`,
    dtype: 'float32',
    operands: [{ shape: [tokens, hidden] }, { shape: [tokens], ids }],
    run: ([x, at]) => [scatterAddRows(x, at, vocabulary)],
    flops: tokens * hidden,
    bytes: 4 * hidden * (tokens + vocabulary),
    tolerance: 1e-4,
  }
}

/** Rows sorted by expert, times the matrix of their expert. */
export function grouped([tokens, k, n, experts]: readonly number[], dtype: DType): GpuKernel {
  const sizes = new Int32Array(experts)
  for (let i = 0; i < tokens; i++) sizes[(i * i) % experts]++
  return {
    name: `groupedMatmul ${tokens} x ${k} x ${n}, ${experts} experts ${dtype}`,
    dtype,
    operands: [
      { shape: [tokens, k], dtype },
      { shape: [experts, k, n], dtype },
      { shape: [experts], ids: sizes },
    ],
    run: ([x, w, at]) => [cast(groupedMatmul(x, w, at), 'float32')],
    flops: 2 * tokens * k * n,
    bytes: width(dtype) * (tokens * k + experts * k * n) + 4 * tokens * n,
    tolerance: toleranceOf(dtype),
  }
}

/** Host values of the operands: every variant of a kernel has the same ones. */
const valuesOf = new WeakMap<GpuKernel, (Int32Array | Float32Array<ArrayBuffer>)[]>()

function hostValues(kernel: GpuKernel): (Int32Array | Float32Array<ArrayBuffer>)[] {
  const values = valuesOf.get(kernel) ?? kernel.operands.map(({ shape, ids }, i) => ids ?? inputValues(shape, i))
  valuesOf.set(kernel, values)
  return values
}

/** Seconds that queued calls should take together: far longer than waiting for them. */
const turnSeconds = 0.05

/** A compiled kernel, with its operands on the device. */
export class PreparedKernel {
  private readonly inputs: Tensor[]
  private readonly program
  private readonly sums
  private readonly probe: Tensor
  private readonly device: Device
  private kernelNames: readonly string[] = []

  constructor(device: Device, kernel: GpuKernel) {
    this.device = device
    const values = hostValues(kernel)
    this.inputs = kernel.operands.map(({ shape, dtype = 'float32', ids }, i) =>
      ids ? device.tensor(ids, shape) : cast(device.tensor(values[i] as Float32Array, shape), dtype),
    )
    this.program = compile((x: Tensor[]) => [...kernel.run(x)])
    this.sums = compile((x: Tensor[]) =>
      kernel.run(x).map((y) => {
        if (y.shape.length === 0) return y
        const width = y.shape.at(-1)!
        return sum(mul(y, device.tensor(inputValues([width], 7), [width])), -1)
      }),
    )
    this.probe = device.tensor([0]).add(0)
  }

  private async ready(): Promise<void> {
    await this.device.evaluate([...this.inputs, this.probe])
  }

  async results(): Promise<Float32Array[]> {
    await this.ready()
    return read(await this.program(this.inputs))
  }

  /**
   * Sums of the rows of each result, with random weights: of large results as good a fingerprint as all their values,
   * and quick to read.
   */
  async rowSums(): Promise<Float32Array[]> {
    await this.ready()
    return read(await this.sums(this.inputs))
  }

  /** Seconds of the kernels of one call, by the device's clock where it has one. */
  async deviceSeconds(): Promise<number> {
    await this.ready()
    const { kernels } = await profile(this.device, async () => {
      for (const t of await this.program(this.inputs)) t.dispose()
    })
    this.kernelNames = kernels.map(({ name }) => name)
    return kernels.reduce((total, { duration }) => total + duration, 0) / 1e6
  }

  /** Seconds per call, of as many queued calls as take a while. Reading back a number waits for all of them. */
  async queuedSeconds(): Promise<number> {
    await this.ready()
    await this.probe.data()
    for (let calls = 1; ; calls *= 2) {
      const start = performance.now()
      for (let i = 0; i < calls; i++) for (const t of await this.program(this.inputs)) t.dispose()
      await this.probe.data()
      const seconds = (performance.now() - start) / 1000
      if (seconds > turnSeconds || calls >= 1024) return seconds / calls
    }
  }

  /** The variant of an op that the program runs. */
  async variant(op: string): Promise<string> {
    const [, name] =
      this.program.explain().match(new RegExp(`^ {2}${op}\\b[^\\n]*?: (.+?)( \\(measured\\))?$`, 'm')) ?? []
    if (name !== undefined) return name
    // A choice that the tuner cannot make is known by the kernel's name.
    if (this.kernelNames.length === 0) await this.deviceSeconds()
    return this.kernelNames.find((kernel) => kernel.startsWith(`${op} `))?.slice(op.length + 1) ?? 'the only one'
  }

  /** @returns for each product or attention of the program what the tuner chooses, with its milliseconds */
  async tune(op: string): Promise<string[]> {
    const tuned = await this.program.tune(this.inputs)
    return tuned
      .filter(({ key }) => key.startsWith(`${op} `))
      .map(({ key, chosen, microseconds }) => {
        const direction = /^attention (\w+) /.exec(key)?.[1]
        return `${direction ? `${direction} ` : ''}${chosen} (${((microseconds[chosen] ?? Number.NaN) / 1000).toPrecision(3)} ms)`
      })
  }

  dispose(): void {
    this.program.dispose()
    this.sums.dispose()
    for (const t of [...this.inputs, this.probe]) t.dispose()
  }
}

async function read(results: readonly Tensor[]): Promise<Float32Array[]> {
  const values: Float32Array[] = []
  for (const t of results) {
    values.push((await t.data()) as Float32Array)
    t.dispose()
  }
  return values
}
