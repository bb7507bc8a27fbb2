/** The kernels that are checked and timed: operands, computation, and FLOPs and bytes. */
import {
  attention,
  cast,
  compile,
  type Device,
  type DType,
  groupedMatmul,
  matmul,
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
  readonly operands: readonly Operand[]
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

/** A compiled kernel, with its operands on the device. */
export class PreparedKernel {
  private readonly inputs: Tensor[]
  private readonly program
  private readonly probe: Tensor
  private readonly device: Device

  constructor(device: Device, { operands, run }: GpuKernel) {
    this.device = device
    this.inputs = operands.map(({ shape, dtype = 'float32', ids }, i) =>
      ids ? device.tensor(ids, shape) : cast(device.tensor(inputValues(shape, i), shape), dtype),
    )
    this.program = compile((x: Tensor[]) => [...run(x)])
    this.probe = device.tensor([0]).add(0)
  }

  async results(): Promise<Float32Array[]> {
    await this.device.evaluate([...this.inputs, this.probe])
    const values: Float32Array[] = []
    for (const t of await this.program(this.inputs)) {
      values.push((await t.data()) as Float32Array)
      t.dispose()
    }
    return values
  }

  /** Seconds of `calls` queued calls. Reading back a number then waits for all that was submitted before. */
  async time(calls: number): Promise<number> {
    await this.device.evaluate([...this.inputs, this.probe])
    await this.probe.data()
    const start = performance.now()
    for (let i = 0; i < calls; i++) for (const t of await this.program(this.inputs)) t.dispose()
    await this.probe.data()
    return (performance.now() - start) / 1000
  }

  /** The variant of an op that the program runs, from its `explain()`. */
  variant(op: string): string {
    const [, name] = this.program.explain().match(new RegExp(`^ {2}${op}\\b[^\\n]*: (.+)$`, 'm')) ?? []
    return name ?? 'the only one'
  }

  dispose(): void {
    this.program.dispose()
    for (const t of [...this.inputs, this.probe]) t.dispose()
  }
}
