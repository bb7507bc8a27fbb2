import './methods.ts'

export type { Backend, Counters, KernelTiming, TunedCase } from './backends/backend.ts'
export type { Device, Tuning } from './device.ts'
export { bytesPerElement, type DType, type HostArray, isFloat } from './dtype.ts'
export { DeviceError, DisposedError, DTypeError, ShapeError } from './errors.ts'
export { flatten, mapTensors, type Tree, tensorsOf } from './graph/tree.ts'
export type { NestedNumbers, TensorData } from './host-data.ts'
export { fromDevice, type GpuDeviceLike, type GpuLike, type InitOptions, init, type PinnedKernels } from './init.ts'
export { defineOp, type Op } from './op.ts'
export { abs } from './ops/abs.ts'
export { elu, gelu, hardSigmoid, hardSwish, leakyRelu, relu } from './ops/activations.ts'
export { add } from './ops/add.ts'
export { attention } from './ops/attention/attention.ts'
export { bitcast } from './ops/bitcast.ts'
export { bitwiseAnd, bitwiseOr, bitwiseXor, shiftLeft, shiftRight } from './ops/bitwise.ts'
export { broadcastTo, sum } from './ops/broadcast-sum.ts'
export { cast } from './ops/cast.ts'
export { castStochastic } from './ops/cast-stochastic.ts'
export { clamp } from './ops/clamp.ts'
export { equal, greater, greaterEqual, less, lessEqual, notEqual } from './ops/compare.ts'
export {
  avgPool1d,
  avgPool2d,
  type ConvolutionOptions,
  conv1d,
  conv2d,
  maxPool1d,
  maxPool2d,
  type PoolingOptions,
} from './ops/convolution.ts'
export { barrier } from './ops/copy.ts'
export { crossEntropy } from './ops/cross-entropy.ts'
export { cumprod, cumsum } from './ops/cumulative.ts'
export { div, reciprocal } from './ops/div.ts'
export { einsum } from './ops/einsum.ts'
export { erf } from './ops/erf.ts'
export { exp } from './ops/exp.ts'
export { expm1 } from './ops/expm1.ts'
export { flip, roll } from './ops/flip.ts'
export { floor } from './ops/floor.ts'
export { full, ones, onesLike, zeros, zerosLike } from './ops/full.ts'
export { gather, scatter, scatterAdd } from './ops/gather.ts'
export { iota } from './ops/leaf.ts'
export { linearCrossEntropy } from './ops/linear-cross-entropy.ts'
export { log, log2 } from './ops/log.ts'
export { logSoftmax, logSumExp, softmax } from './ops/log-sum-exp.ts'
export { log1p } from './ops/log1p.ts'
export {
  all,
  any,
  isFinite,
  isNaN,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  nanToNum,
} from './ops/logic.ts'
export { mse, nllLoss } from './ops/losses.ts'
export { matmul } from './ops/matmul/matmul.ts'
export { dequantizeBlocks, type ScaledMatrix, scaledMatmul } from './ops/matmul/scaled-matmul.ts'
export { diag, eye, linspace, meshgrid, oneHot, outer, trace, tril, triu } from './ops/matrices.ts'
export { argMax, max } from './ops/max.ts'
export { maximum } from './ops/maximum.ts'
export { mean } from './ops/mean.ts'
export { minimum } from './ops/minimum.ts'
export { mod } from './ops/mod.ts'
export { mul } from './ops/mul.ts'
export { neg } from './ops/neg.ts'
export { type BatchNormOptions, batchNorm, groupNorm, layerNorm } from './ops/normalization.ts'
export { type PadMode, pad } from './ops/pad.ts'
export { pow } from './ops/pow.ts'
export { categorical, type RandomKey, randomBits, randomNormal, randomUniform } from './ops/random.ts'
export { bernoulli, dropout, permutation, randomInt, splitKey } from './ops/random-draws.ts'
export { reshape } from './ops/reshape.ts'
export { rmsNorm } from './ops/rms-norm.ts'
export { rotary, rotaryTables } from './ops/rotary.ts'
export { ceil, round, trunc } from './ops/rounding.ts'
export { rsqrt } from './ops/rsqrt.ts'
export { expandDims, repeat, split, squeeze, stack, tile } from './ops/shapes.ts'
export { sigmoid } from './ops/sigmoid.ts'
export { sign } from './ops/sign.ts'
export { silu, swiglu } from './ops/silu.ts'
export { cos, sin } from './ops/sin-cos.ts'
export { concatenate, slice, sliceAxis } from './ops/slice-concatenate.ts'
export { logSigmoid, softplus } from './ops/softplus.ts'
export { argSort, sort } from './ops/sort.ts'
export { sqrt } from './ops/sqrt.ts'
export { square } from './ops/square.ts'
export { argMin, min, norm, prod, std, variance } from './ops/statistics.ts'
export { stopGradient } from './ops/stop-gradient.ts'
export { sub } from './ops/sub.ts'
export { scatterAddRows, take, takeLast } from './ops/take.ts'
export { tanh } from './ops/tanh.ts'
export { topK } from './ops/top-k.ts'
export { swapAxes, transpose } from './ops/transpose.ts'
export { acos, asin, atan, atan2, cosh, sinh, tan } from './ops/trigonometry.ts'
export { where } from './ops/where.ts'
export type { ProgramMemory } from './passes/memory.ts'
export {
  type Ceilings,
  chromeTrace,
  measureCeilings,
  type Profile,
  type ProfileRow,
  profile,
  profileRows,
  profileTable,
} from './profile/profile.ts'
export { apply, apply1, isTensor, Tensor } from './tensor.ts'
export { checkpoint } from './transforms/checkpoint.ts'
export { type Argument, type Arguments, type Compiled, compile, type NumbersAreTensors } from './transforms/compile.ts'
export { type CompiledScan, compileScan, type ScanTrace } from './transforms/compile-scan.ts'
export { grad, valueAndGrad } from './transforms/grad.ts'
export { jvp, vjp } from './transforms/jvp.ts'
export { type ScanOptions, scan } from './transforms/scan.ts'
export { vmap } from './transforms/vmap.ts'
