import type { Op } from '../op.ts'
import { absOp } from './abs.ts'
import { addOp } from './add.ts'
import { attentionGradientOp, attentionOp } from './attention/attention.ts'
import { bitcastOp } from './bitcast.ts'
import { bitwiseAndOp, bitwiseOrOp, bitwiseXorOp, shiftLeftOp, shiftRightOp } from './bitwise.ts'
import { broadcastToOp } from './broadcast-to.ts'
import { castOp } from './cast.ts'
import { equalOp, lessEqualOp, lessOp, notEqualOp } from './compare.ts'
import { concatenateOp } from './concatenate.ts'
import { barrierOp, copyOp } from './copy.ts'
import { cosOp } from './cos.ts'
import { crossEntropyOp } from './cross-entropy.ts'
import { divOp } from './div.ts'
import { expOp } from './exp.ts'
import { floorOp } from './floor.ts'
import { constantOp, inputOp, iotaOp, sourceOp } from './leaf.ts'
import { linearCrossEntropyGradientOp, linearCrossEntropyOp } from './linear-cross-entropy.ts'
import { logOp } from './log.ts'
import { logSumExpOp, softmaxGradientOp, softmaxOp } from './log-sum-exp.ts'
import { matmulOp } from './matmul/matmul.ts'
import { scaledMatmulOp } from './matmul/scaled-matmul.ts'
import { maximumOp } from './maximum.ts'
import { minimumOp } from './minimum.ts'
import { mulOp } from './mul.ts'
import { negOp } from './neg.ts'
import { argMaxOp, maxOp, sumOp } from './reduce.ts'
import { reshapeOp } from './reshape.ts'
import { rmsNormGradientOp, rmsNormOp } from './rms-norm.ts'
import { rotaryOp } from './rotary.ts'
import { rsqrtOp } from './rsqrt.ts'
import { sigmoidOp } from './sigmoid.ts'
import { signOp } from './sign.ts'
import { siluOp, swigluOp } from './silu.ts'
import { sinOp } from './sin.ts'
import { sliceOp } from './slice.ts'
import { sqrtOp } from './sqrt.ts'
import { squareOp } from './square.ts'
import { subOp } from './sub.ts'
import { scatterAddRowsOp, takeOp } from './take.ts'
import { tanhOp } from './tanh.ts'
import { topKOp } from './top-k.ts'
import { transposeOp } from './transpose.ts'
import { whereOp } from './where.ts'

/** Every op there is. The conformance suite walks this table. */
export const opTable: readonly Op<any>[] = [
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
  bitcastOp,
  bitwiseAndOp,
  bitwiseOrOp,
  bitwiseXorOp,
  shiftLeftOp,
  shiftRightOp,
  castOp,
  copyOp,
  barrierOp,
  reshapeOp,
  transposeOp,
  broadcastToOp,
  sliceOp,
  concatenateOp,
  takeOp,
  scatterAddRowsOp,
  sumOp,
  maxOp,
  argMaxOp,
  topKOp,
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
