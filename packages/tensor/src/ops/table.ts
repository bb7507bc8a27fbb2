import type { Op } from '../op.ts'
import { absOp } from './abs.ts'
import { addOp } from './add.ts'
import { attentionGradientOp, attentionOp } from './attention/attention.ts'
import { bitcastOp } from './bitcast.ts'
import { bitwiseAndOp, bitwiseOrOp, bitwiseXorOp, shiftLeftOp, shiftRightOp } from './bitwise.ts'
import { broadcastToOp, sumOp } from './broadcast-sum.ts'
import { castOp } from './cast.ts'
import { equalOp, lessEqualOp, lessOp, notEqualOp } from './compare.ts'
import { barrierOp, copyOp } from './copy.ts'
import { crossEntropyOp } from './cross-entropy.ts'
import { cumsumOp } from './cumulative.ts'
import { divOp } from './div.ts'
import { erfOp } from './erf.ts'
import { expOp } from './exp.ts'
import { expm1Op } from './expm1.ts'
import { flipOp } from './flip.ts'
import { floorOp } from './floor.ts'
import { gatherOp, scatterOp } from './gather.ts'
import { constantOp, inputOp, iotaOp, sourceOp } from './leaf.ts'
import { linearCrossEntropyGradientOp, linearCrossEntropyOp } from './linear-cross-entropy.ts'
import { logOp } from './log.ts'
import { logSumExpOp, softmaxGradientOp, softmaxOp } from './log-sum-exp.ts'
import { log1pOp } from './log1p.ts'
import { matmulOp } from './matmul/matmul.ts'
import { scaledMatmulOp } from './matmul/scaled-matmul.ts'
import { argMaxOp, maxOp } from './max.ts'
import { maximumOp } from './maximum.ts'
import { minimumOp } from './minimum.ts'
import { modOp } from './mod.ts'
import { mulOp } from './mul.ts'
import { negOp } from './neg.ts'
import { powOp } from './pow.ts'
import { reshapeOp } from './reshape.ts'
import { rmsNormGradientOp, rmsNormOp } from './rms-norm.ts'
import { rotaryOp } from './rotary.ts'
import { rsqrtOp } from './rsqrt.ts'
import { sigmoidOp } from './sigmoid.ts'
import { signOp } from './sign.ts'
import { siluOp, swigluOp } from './silu.ts'
import { cosOp, sinOp } from './sin-cos.ts'
import { concatenateOp, sliceOp } from './slice-concatenate.ts'
import { softplusOp } from './softplus.ts'
import { sortOp } from './sort.ts'
import { sqrtOp } from './sqrt.ts'
import { squareOp } from './square.ts'
import { stopGradientOp } from './stop-gradient.ts'
import { subOp } from './sub.ts'
import { scatterAddRowsOp, takeOp } from './take.ts'
import { tanhOp } from './tanh.ts'
import { topKOp } from './top-k.ts'
import { transposeOp } from './transpose.ts'
import { acosOp, asinOp, atan2Op, atanOp, coshOp, sinhOp } from './trigonometry.ts'
import { whereOp } from './where.ts'

/** Every op there is. The conformance suite walks this table. */
export const opTable: readonly Op<unknown>[] = [
  sourceOp,
  inputOp,
  constantOp,
  iotaOp,
  addOp,
  subOp,
  mulOp,
  divOp,
  maximumOp,
  minimumOp,
  lessOp,
  lessEqualOp,
  equalOp,
  notEqualOp,
  whereOp,
  negOp,
  absOp,
  signOp,
  expOp,
  logOp,
  sqrtOp,
  rsqrtOp,
  squareOp,
  sinOp,
  cosOp,
  tanhOp,
  sigmoidOp,
  floorOp,
  modOp,
  powOp,
  erfOp,
  log1pOp,
  expm1Op,
  softplusOp,
  sinhOp,
  coshOp,
  asinOp,
  acosOp,
  atanOp,
  atan2Op,
  bitcastOp,
  bitwiseAndOp,
  bitwiseOrOp,
  bitwiseXorOp,
  shiftLeftOp,
  shiftRightOp,
  castOp,
  copyOp,
  barrierOp,
  stopGradientOp,
  reshapeOp,
  transposeOp,
  broadcastToOp,
  sliceOp,
  concatenateOp,
  takeOp,
  scatterAddRowsOp,
  gatherOp,
  scatterOp,
  flipOp,
  cumsumOp,
  sumOp,
  maxOp,
  argMaxOp,
  topKOp,
  sortOp,
  matmulOp,
  scaledMatmulOp,
  siluOp,
  swigluOp,
  softmaxOp,
  softmaxGradientOp,
  logSumExpOp,
  rmsNormOp,
  rmsNormGradientOp,
  rotaryOp,
  attentionOp,
  attentionGradientOp,
  crossEntropyOp,
  linearCrossEntropyOp,
  linearCrossEntropyGradientOp,
]
