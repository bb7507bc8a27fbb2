// `@kumiki/tensor`: lazy tensors with gradients. Operations that are also methods of tensors are exported by
// method-list.ts.
import './methods.ts'

export type { Backend, Counters, KernelTiming, TunedCase } from './backends/backend.ts'
export { cpuAddressableBytes } from './backends/cpu/addressing.ts'
export type { Device, Tuning } from './device.ts'
export { bytesPerElement, type DType, type HostArray, isFloat } from './dtype.ts'
export { DeviceError, DisposedError, DTypeError, ShapeError } from './errors.ts'
export { flatten, mapTensors, type Tree, tensorsOf } from './graph/tree.ts'
export type { NestedNumbers, TensorData } from './host-data.ts'
export { fromDevice, type GpuDeviceLike, type GpuLike, type InitOptions, init, type PinnedKernels } from './init.ts'
export * from './method-list.ts'
export type { Method, Methods } from './methods.ts'
export { defineOp, type Op } from './op.ts'
export { elu, gelu, hardSigmoid, hardSwish, leakyRelu } from './ops/activations.ts'
export { attention } from './ops/attention/attention.ts'
export { bitcast } from './ops/bitcast.ts'
export { bitwiseAnd, bitwiseOr, bitwiseXor, shiftLeft, shiftRight } from './ops/bitwise.ts'
export { cast } from './ops/cast.ts'
export { castStochastic } from './ops/cast-stochastic.ts'
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
export { cumprod } from './ops/cumulative.ts'
export { reciprocal } from './ops/div.ts'
export { einsum } from './ops/einsum.ts'
export { erf } from './ops/erf.ts'
export { expm1 } from './ops/expm1.ts'
export { flip, roll } from './ops/flip.ts'
export { full, ones, onesLike, zeros } from './ops/full.ts'
export { gather, scatter, scatterAdd } from './ops/gather.ts'
export { groupedMatmul } from './ops/grouped-matmul/grouped-matmul.ts'
export { iota } from './ops/leaf.ts'
export { linearCrossEntropy } from './ops/linear-cross-entropy.ts'
export { log2 } from './ops/log.ts'
export { log1p } from './ops/log1p.ts'
export { all, any, isFinite, isNaN, logicalAnd, logicalNot, logicalOr, logicalXor, nanToNum } from './ops/logic.ts'
export { mse, nllLoss } from './ops/losses.ts'
export { dequantizeBlocks, type ScaledMatrix, scaledMatmul } from './ops/matmul/scaled-matmul.ts'
export { diag, eye, linspace, meshgrid, oneHot, outer, trace, tril, triu } from './ops/matrices.ts'
export { mod } from './ops/mod.ts'
export { type BatchNormOptions, batchNorm, groupNorm, layerNorm } from './ops/normalization.ts'
export { type PadMode, pad } from './ops/pad.ts'
export { categorical, type RandomKey, randomBits, randomNormal, randomUniform } from './ops/random.ts'
export { bernoulli, dropout, permutation, randomInt, splitKey } from './ops/random-draws.ts'
export { rmsNorm } from './ops/rms-norm.ts'
export { rotary, rotaryTables } from './ops/rotary.ts'
export { ceil, round, trunc } from './ops/rounding.ts'
export { repeat, split, stack, tile } from './ops/shapes.ts'
export { swiglu } from './ops/silu.ts'
export { concatenate, sliceAxis } from './ops/slice-concatenate.ts'
export { logSigmoid, softplus } from './ops/softplus.ts'
export { argSort, sort } from './ops/sort.ts'
export { argMin, norm, prod, std } from './ops/statistics.ts'
export { scatterAddRows, takeLast } from './ops/take.ts'
export { topK } from './ops/top-k.ts'
export { acos, asin, atan, atan2, cosh, sinh, tan } from './ops/trigonometry.ts'
export { where } from './ops/where.ts'
export { writeRows } from './ops/write-rows.ts'
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
export { compile } from './transforms/compile.ts'
export { type CompiledScan, compileScan, type ScanTrace } from './transforms/compile-scan.ts'
export type { Argument, Arguments, Compiled, NumbersAreTensors } from './transforms/compiled.ts'
export { grad, valueAndGrad } from './transforms/grad.ts'
export { hessian, jacobian } from './transforms/jacobian.ts'
export { jvp, vjp } from './transforms/jvp.ts'
export { type ScanOptions, scan } from './transforms/scan.ts'
export { vmap } from './transforms/vmap.ts'
