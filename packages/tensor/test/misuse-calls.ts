/**
 * Random calls of every public operation with arguments that are often invalid. Each must fail at once with one of the
 * package's own errors that names what was given, or return a tensor that equals the reference's.
 */
import type { Tensor } from '../src/index.ts'
import * as k from '../src/index.ts'
import { random } from './conformance-cases.ts'

type Argument = { readonly tensor: number } | { readonly value: unknown }
type Draw = () => Argument

interface TensorSpec {
  readonly shape: number[]
  readonly dtype: k.DType
  readonly data: number[]
}

export interface Misuse {
  readonly calls: number
  readonly thrown: number
  readonly computed: number
  /** What was wrong, with the call. */
  readonly faults: string[]
}

/** JavaScript's own words for misuse: an operation ought to have noticed before. */
const unclear =
  /Cannot read prop|is not a function|is not iterable|Cannot convert|Invalid (typed )?array length|undefined \(reading|Cannot mix BigInt|Spread syntax|Reduce of empty|\[object Object\]|out of memory|Cannot destructure|unreachable|Maximum call|is not defined|Cannot create|object is not|Invalid array/i
const own = /^(ShapeError|DTypeError|RangeError|TypeError|DeviceError|DisposedError)$/

const shapes = [
  [],
  [0],
  [1],
  [3],
  [4],
  [2, 3],
  [3, 2],
  [1, 3],
  [0, 3],
  [2, 0],
  [2, 3, 4],
  [2, 5, 2, 8],
  [1, 5, 1, 8],
  [5, 4],
  [8],
  [4, 8],
]
const dtypes: k.DType[] = ['float32', 'int32', 'uint32', 'bfloat16', 'float16']
const senseless: readonly unknown[] = [
  undefined,
  null,
  NaN,
  'x',
  {},
  [],
  -1,
  1.5,
  2 ** 53,
  [1, -1],
  [NaN],
  ['a'],
  true,
  Float32Array.of(1, 2),
  Infinity,
  () => 1,
  [
    [1, 2],
    [3, 4],
  ],
  Symbol('s'),
  10n,
  new Date(0),
  [undefined],
  [1.5],
  '2',
  [-1, -1],
  Promise.resolve(1),
]

function text(argument: Argument, specs: readonly TensorSpec[]): string {
  if ('tensor' in argument) return `${specs[argument.tensor].dtype}[${specs[argument.tensor].shape}]`
  const v = argument.value
  if (typeof v === 'symbol' || typeof v === 'function' || typeof v === 'bigint') return typeof v
  return JSON.stringify(v, (_, x) =>
    typeof x === 'bigint' || (typeof x === 'number' && !Number.isFinite(x)) ? String(x) : x,
  )
}

/** How each operation is called. */
function signatures(next: () => number, specs: readonly TensorSpec[]): Record<string, readonly Draw[]> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]
  const tensor: Draw = () => (next() < 0.9 ? { tensor: Math.floor(next() * specs.length) } : { value: pick(senseless) })
  const one =
    (sensible: readonly unknown[]): Draw =>
    () => ({ value: pick(next() < 0.6 ? sensible : senseless) })
  const operand: Draw = () => (next() < 0.6 ? tensor() : { value: pick(next() < 0.5 ? [0, 1, -1, 0.5, 2] : senseless) })
  const options =
    (keys: Record<string, unknown>): Draw =>
    () => {
      if (next() < 0.15) return { value: pick(senseless) }
      const made = Object.entries(keys).flatMap(([key, good]) =>
        next() < 0.6 ? [[key, next() < 0.6 ? good : pick(senseless)] as const] : [],
      )
      return { value: Object.fromEntries(made) }
    }
  const axis = one([0, 1, 2, -1, -2, 5])
  const axes = one([undefined, [0], [1], [0, 1], [-1], 0, [0, 0], [3]])
  const shape = one([...shapes, [-1], [2, -1], [6], [12], [3, 4, 2]])
  const dtype = one([...dtypes, 'float64', 'bool', 'float8_e4m3fn'])
  const whole = one([1, 2, 3, 0, 5])
  const number = one([1e-5, 0, 1, 0.5, -1])
  const boolean = one([true, false])
  const key = one([[1, 2]])
  const unary =
    'relu erf log1p expm1 softplus logSigmoid hardSigmoid hardSwish elu gelu leakyRelu ceil round trunc reciprocal log2 tan asin acos atan sinh cosh isNaN isFinite nanToNum logicalNot diag trace squeeze flip stopGradient onesLike tril triu layerNorm batchNorm ' +
    'abs cos exp floor log neg rsqrt sigmoid sign silu sin sqrt square tanh zerosLike'
  const binary =
    'pow mod atan2 logicalAnd logicalOr logicalXor outer mse ' +
    'add sub mul div maximum minimum equal notEqual less lessEqual greater greaterEqual bitwiseAnd bitwiseOr bitwiseXor shiftLeft shiftRight'
  return {
    ...Object.fromEntries(unary.split(' ').map((name) => [name, [tensor]])),
    ...Object.fromEntries(binary.split(' ').map((name) => [name, [operand, operand]])),
    sum: [tensor, axes, boolean],
    mean: [tensor, axes, boolean],
    max: [tensor, axes, boolean],
    argMax: [tensor, axis],
    argMin: [tensor, axis],
    min: [tensor, axes, boolean],
    prod: [tensor, axes, boolean],
    any: [tensor, axes, boolean],
    all: [tensor, axes, boolean],
    variance: [tensor, axes, boolean, one([0, 1])],
    std: [tensor, axes, boolean],
    norm: [tensor, options({ p: 2, axes: 0, keepDims: true })],
    softmax: [tensor, axis],
    logSoftmax: [tensor, axis],
    logSumExp: [tensor, axes, boolean],
    clamp: [tensor, operand, operand],
    cumsum: [tensor, axis, boolean],
    cumprod: [tensor, axis, boolean],
    sort: [tensor, axis, boolean],
    argSort: [tensor, axis, boolean],
    gather: [tensor, tensor, axis],
    scatter: [tensor, tensor, tensor, axis],
    scatterAdd: [tensor, tensor, tensor, axis],
    oneHot: [tensor, whole, dtype],
    expandDims: [tensor, axis],
    repeat: [tensor, whole, axis],
    tile: [tensor, shape],
    roll: [tensor, whole, axis],
    pad: [
      tensor,
      one([
        [[1, 1]],
        [
          [0, 1],
          [2, 0],
        ],
      ]),
      one(['constant', 'reflect', 'edge', 'wrap', 'symmetric']),
    ],
    eye: [whole, whole, dtype],
    linspace: [number, number, whole],
    einsum: [one(['ij->ji', 'ij,jk->ik', 'i->', 'i,i', '...->...']), tensor, tensor],
    groupNorm: [tensor, whole],
    conv1d: [tensor, tensor, one([undefined]), options({ stride: 1, padding: 1, dilation: 1, groups: 1 })],
    conv2d: [tensor, tensor, one([undefined]), options({ stride: 1, padding: 1, dilation: 1, groups: 1 })],
    maxPool1d: [tensor, whole, options({ stride: 1, padding: 1 })],
    avgPool2d: [tensor, whole, options({ stride: 1, padding: 1 })],
    nllLoss: [tensor, tensor],
    dropout: [tensor, one([0, 0.5, 1]), key],
    bernoulli: [key, one([0, 0.5, 1]), shape],
    randomInt: [key, shape, one([-3, 0]), one([4, 100])],
    permutation: [key, whole],
    reshape: [tensor, shape],
    transpose: [tensor, axes],
    swapAxes: [tensor, axis, axis],
    broadcastTo: [tensor, shape],
    slice: [tensor, shape, shape],
    sliceAxis: [tensor, axis, whole, whole],
    cast: [tensor, dtype],
    bitcast: [tensor, dtype],
    castStochastic: [tensor, dtype, key],
    where: [tensor, operand, operand],
    take: [tensor, tensor, axis],
    takeLast: [tensor, tensor],
    scatterAddRows: [tensor, tensor, whole],
    writeRows: [tensor, tensor, tensor],
    concatenate: [tensor, tensor, axis],
    matmul: [tensor, tensor, options({ dtype: 'float32' })],
    groupedMatmul: [tensor, tensor, tensor, options({ transposeB: true })],
    rmsNorm: [tensor, tensor, number],
    rotary: [tensor, tensor, tensor],
    swiglu: [tensor, tensor],
    attention: [tensor, tensor, tensor, options({ causal: true, scale: 0.5 })],
    crossEntropy: [tensor, tensor, options({ zLoss: 0.1 })],
    linearCrossEntropy: [tensor, tensor, tensor, options({ zLoss: 0.1, chunk: 2 })],
    topK: [tensor, whole],
    full: [shape, number, dtype],
    zeros: [shape, dtype],
    iota: [shape, axis, dtype],
    randomBits: [key, shape],
    randomUniform: [key, shape],
    randomNormal: [key, shape],
    categorical: [key, tensor],
    rotaryTables: [whole, whole, number],
    tensor: [
      one([
        [1, 2, 3],
        Float32Array.of(1, 2),
        5,
        [
          [1, 2],
          [3, 4],
        ],
      ]),
      shape,
      dtype,
    ],
    tensorFromCodes: [one([Uint16Array.of(1, 2), Uint8Array.of(1)]), shape, dtype],
    barrier: [tensor, one([[]])],
    dequantizeBlocks: [options({ codes: 0, scales: 0 })],
  }
}

function call(device: k.Device, name: string, args: readonly Argument[], specs: readonly TensorSpec[]): unknown {
  const real = args.map((a) => {
    if (!('tensor' in a)) return a.value
    const { data, shape, dtype } = specs[a.tensor]
    return device.tensor(data, shape, dtype)
  })
  if (name === 'tensor' || name === 'tensorFromCodes') return (device as any)[name](...real)
  if (name === 'concatenate') return (k as any).concatenate(real.slice(0, -1), real[real.length - 1])
  return (k as any)[name](...real)
}

const tensorsOf = (result: unknown): Tensor[] =>
  k.isTensor(result)
    ? [result]
    : k.isTensor((result as any)?.values)
      ? [(result as any).values, (result as any).indices]
      : []

const read = (t: Tensor, device: k.Device) => (t.device ? t : k.add(k.cast(t, 'float32'), device.tensor(0))).data()

export async function misuse(device: k.Device, reference: k.Device, count: number, seed: number): Promise<Misuse> {
  const next = random(seed)
  const specs = shapes.flatMap((shape): TensorSpec[] =>
    dtypes.map((dtype) => ({
      shape,
      dtype,
      data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
        /int/.test(dtype) ? Math.floor(next() * 4) : Math.round((next() * 4 - 2) * 8) / 8,
      ),
    })),
  )
  const draw = signatures(next, specs)
  const names = Object.keys(draw)
  const faults: string[] = []
  let thrown = 0
  let computed = 0
  for (let i = 0; i < count; i++) {
    const name = names[i % names.length]
    const args = draw[name].map((f) => f())
    const fault = (what: string) => faults.push(`${name}(${args.map((a) => text(a, specs)).join(', ')}): ${what}`)
    let outputs: Tensor[]
    try {
      outputs = tensorsOf(call(device, name, args, specs))
    } catch (error) {
      thrown++
      const { name: kind, message } = error as Error
      if (!(error instanceof Error) || !own.test(kind) || unclear.test(message)) fault(`${kind}: ${message}`)
      continue
    }
    if (outputs.length === 0 && name !== 'rotaryTables') fault('gave no tensor')
    for (const [n, t] of outputs.entries()) {
      if (t.shape.some((d) => !Number.isSafeInteger(d) || d < 0) || !(t.dtype in k.bytesPerElement)) {
        fault(`made an impossible tensor ${t}`)
        continue
      }
      if (t.size > 1e6) continue
      try {
        const got = await read(t, device)
        const want = await read(tensorsOf(call(reference, name, args, specs))[n], reference)
        computed++
        // Where the last bits of float32 differ, a narrow result may be rounded to the next number of its format.
        const step =
          { float16: 2 ** -10, bfloat16: 2 ** -7, float8_e4m3fn: 2 ** -3, float8_e5m2: 2 ** -2 }[t.dtype as string] ?? 0
        const at = got.findIndex((x, j) => {
          const near =
            Math.abs(x - want[j]) <= Math.max(1e-4 * Math.max(1, Math.abs(want[j])), step * Math.abs(want[j]))
          return !(near || Object.is(x, want[j]))
        })
        if (got.length !== want.length) fault(`has ${got.length} elements, the reference ${want.length}`)
        else if (at >= 0) fault(`element ${at} is ${got[at]}, the reference has ${want[at]}`)
      } catch (error) {
        fault(`failed late: ${(error as Error).name}: ${(error as Error).message}`)
      }
    }
  }
  return { calls: count, thrown, computed, faults }
}
