import type { Device } from './device.ts'
import type { DType } from './dtype.ts'
import { abs } from './ops/abs.ts'
import { relu } from './ops/activations.ts'
import { add } from './ops/add.ts'
import { broadcastTo, sum } from './ops/broadcast-sum.ts'
import { cast } from './ops/cast.ts'
import { clamp } from './ops/clamp.ts'
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from './ops/compare.ts'
import { cumsum } from './ops/cumulative.ts'
import { div } from './ops/div.ts'
import { exp } from './ops/exp.ts'
import { floor } from './ops/floor.ts'
import { zerosLike } from './ops/full.ts'
import { log } from './ops/log.ts'
import { logSoftmax, logSumExp, softmax } from './ops/log-sum-exp.ts'
import { matmul } from './ops/matmul/matmul.ts'
import { argMax, max } from './ops/max.ts'
import { maximum } from './ops/maximum.ts'
import { mean } from './ops/mean.ts'
import { minimum } from './ops/minimum.ts'
import { mul } from './ops/mul.ts'
import { neg } from './ops/neg.ts'
import { pow } from './ops/pow.ts'
import { reshape } from './ops/reshape.ts'
import { rsqrt } from './ops/rsqrt.ts'
import { expandDims, squeeze } from './ops/shapes.ts'
import { sigmoid } from './ops/sigmoid.ts'
import { sign } from './ops/sign.ts'
import { silu } from './ops/silu.ts'
import { cos, sin } from './ops/sin-cos.ts'
import { slice } from './ops/slice-concatenate.ts'
import { sqrt } from './ops/sqrt.ts'
import { square } from './ops/square.ts'
import { min, variance } from './ops/statistics.ts'
import { stopGradient } from './ops/stop-gradient.ts'
import { sub } from './ops/sub.ts'
import { take } from './ops/take.ts'
import { tanh } from './ops/tanh.ts'
import { swapAxes, transpose } from './ops/transpose.ts'
import type { Shape } from './shape.ts'
import { Tensor } from './tensor.ts'

type Operand = Tensor | number
type Axes = number | readonly number[]

declare module './tensor.ts' {
  /** Every operation whose first operand is a tensor, as a method. */
  interface Tensor {
    /** Undefined for constants, which go to whatever device they meet. */
    readonly device: Device | undefined
    add(other: Operand): Tensor
    sub(other: Operand): Tensor
    mul(other: Operand): Tensor
    div(other: Operand): Tensor
    maximum(other: Operand): Tensor
    minimum(other: Operand): Tensor
    equal(other: Operand): Tensor
    notEqual(other: Operand): Tensor
    less(other: Operand): Tensor
    lessEqual(other: Operand): Tensor
    greater(other: Operand): Tensor
    greaterEqual(other: Operand): Tensor
    neg(): Tensor
    abs(): Tensor
    sign(): Tensor
    exp(): Tensor
    log(): Tensor
    sqrt(): Tensor
    rsqrt(): Tensor
    square(): Tensor
    sin(): Tensor
    cos(): Tensor
    tanh(): Tensor
    sigmoid(): Tensor
    silu(): Tensor
    floor(): Tensor
    relu(): Tensor
    pow(exponent: Operand): Tensor
    clamp(low?: Operand, high?: Operand): Tensor
    stopGradient(): Tensor
    softmax(axis?: number): Tensor
    logSoftmax(axis?: number): Tensor
    logSumExp(axes?: Axes, keepDims?: boolean): Tensor
    zerosLike(): Tensor
    matmul(other: Tensor): Tensor
    take(ids: Tensor, axis?: number): Tensor
    sum(axes?: Axes, keepDims?: boolean): Tensor
    mean(axes?: Axes, keepDims?: boolean): Tensor
    max(axes?: Axes, keepDims?: boolean): Tensor
    min(axes?: Axes, keepDims?: boolean): Tensor
    variance(axes?: Axes, keepDims?: boolean, correction?: number): Tensor
    argMax(axis?: number): Tensor
    cumsum(axis?: number, reverse?: boolean): Tensor
    squeeze(axes?: Axes): Tensor
    expandDims(axis: number): Tensor
    reshape(shape: Shape): Tensor
    transpose(axes?: readonly number[]): Tensor
    swapAxes(a: number, b: number): Tensor
    broadcastTo(shape: Shape): Tensor
    slice(starts: readonly number[], sizes: Shape): Tensor
    astype(dtype: DType): Tensor
  }
}

const methods: Record<string, (x: any, ...rest: any[]) => Tensor> = {
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  equal,
  notEqual,
  less,
  lessEqual,
  greater,
  greaterEqual,
  neg,
  abs,
  sign,
  exp,
  log,
  sqrt,
  rsqrt,
  square,
  sin,
  cos,
  tanh,
  sigmoid,
  silu,
  floor,
  relu,
  pow,
  clamp,
  stopGradient,
  softmax,
  logSoftmax,
  logSumExp,
  zerosLike,
  matmul,
  take,
  sum,
  mean,
  max,
  min,
  variance,
  argMax,
  cumsum,
  squeeze,
  expandDims,
  reshape,
  transpose,
  swapAxes,
  broadcastTo,
  slice,
  astype: cast,
}

for (const [name, operation] of Object.entries(methods)) {
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value(this: Tensor, ...rest: unknown[]) {
      return operation(this, ...rest)
    },
  })
}

Object.defineProperty(Tensor.prototype, 'device', {
  configurable: true,
  get(this: Tensor) {
    return this.owner
  },
})
