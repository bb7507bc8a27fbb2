/** Every operation refuses invalid arguments, with an error that names them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device, Tensor } from '../src/index.ts'
import * as k from '../src/index.ts'

let device: Device
let m: Tensor // [2, 3] float32
let ids: Tensor // [2] int32
beforeAll(async () => {
  device = await k.init({ backend: 'reference' })
  m = device.tensor([1, 2, 3, 4, 5, 6], [2, 3])
  ids = device.tensor(Int32Array.of(0, 1))
})
afterAll(() => device.dispose())

const operations = k as unknown as Record<string, (...xs: Tensor[]) => Tensor>
const four = (...shape: number[]) => device.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)

/** Calls that must fail, and what the error must say. An operation that is not here is called without a tensor. */
const ownMisuses: Record<string, readonly [call: () => unknown, message: RegExp][]> = {
  abs: [[() => k.abs(3 as never), /abs: expected a tensor, got number/]],
  add: [
    [() => k.add(m, device.tensor([1, 2])), /add: shapes \[2, 3\] and \[2\] do not broadcast/],
    [() => k.add(m, 'x' as never), /add: expected a tensor or a number, got string/],
    [() => k.add(1, 2), /add: needs at least one tensor/],
  ],
  attention: [
    [() => k.attention(m, m, m), /attention: q, k and v must be \[batch, seq, heads, headDim\]/],
    [() => k.attention(four(1, 2, 3, 4), four(1, 2, 2, 4), four(1, 2, 2, 4)), /3 query heads do not divide among 2/],
    [() => k.attention(four(1, 3, 2, 4), four(1, 2, 2, 4), four(1, 2, 2, 4)), /at least as many keys as queries/],
  ],
  barrier: [[() => k.barrier(3 as never, [m]), /barrier: expected a tensor, got number/]],
  bitcast: [[() => k.bitcast(m.astype('bfloat16'), 'uint32'), /bitcast: needs float32, int32 or uint32 on both sides/]],
  bitwiseAnd: [[() => k.bitwiseAnd(m, 1), /bitwiseAnd: needs int32 or uint32, got float32/]],
  bitwiseOr: [[() => k.bitwiseOr(m, 1), /bitwiseOr: needs int32/]],
  bitwiseXor: [[() => k.bitwiseXor(m, 1), /bitwiseXor: needs int32/]],
  broadcastTo: [[() => k.broadcastTo(m, [2, 4]), /broadcastTo: .*\[2, 3\].*\[2, 4\]/]],
  cast: [[() => k.cast(m, 'float64' as never), /cast: unknown dtype 'float64'; known are/]],
  castStochastic: [
    [() => k.castStochastic(m, null as never, [1, 2]), /castStochastic: unknown dtype null; known are/],
    [
      () => k.castStochastic(m, 'float32', [1, 2]),
      /castStochastic: needs a float32 tensor and a narrower float format/,
    ],
  ],
  categorical: [[() => k.categorical(m, m), /a key is two integers or a uint32 tensor/]],
  concatenate: [
    [() => k.concatenate([]), /needs at least one tensor/],
    [() => k.concatenate([m, four(3, 4)]), /differ outside axis 0/],
  ],
  cos: [[() => k.cos(ids), /cos: needs a float tensor, got int32; cast it/]],
  crossEntropy: [
    [() => k.crossEntropy(m, m), /crossEntropy: targets must be int32/],
    [() => k.crossEntropy(m, device.tensor(Int32Array.of(1, 2, 3))), /targets must be \[2\], got \[3\]/],
  ],
  dequantizeBlocks: [
    [() => k.dequantizeBlocks(m as never), /expected \{ codes, scales \}, two tensors; codes is function/],
    [() => k.dequantizeBlocks({ codes: m, scales: four(2, 2) }), /do not divide the codes into equal blocks/],
  ],
  div: [[() => k.div(ids, 2), /div: needs a float tensor/]],
  equal: [[() => k.equal(m, device.tensor([1, 2])), /equal: shapes/]],
  exp: [[() => k.exp(ids), /exp: needs a float tensor/]],
  floor: [[() => k.floor(ids), /floor: needs a float tensor/]],
  full: [[() => k.full([-1], 0), /full: shape \[-1\]/]],
  greater: [[() => k.greater(m, device.tensor([1, 2])), /less: shapes/]],
  greaterEqual: [[() => k.greaterEqual(m, device.tensor([1, 2])), /lessEqual: shapes/]],
  less: [[() => k.less(m, device.tensor([1, 2])), /less: shapes/]],
  lessEqual: [[() => k.lessEqual(m, device.tensor([1, 2])), /lessEqual: shapes/]],
  linearCrossEntropy: [
    [
      () => k.linearCrossEntropy(m, four(5, 4), ids),
      /x must be \[tokens, hidden\] and the weight \[vocabulary, hidden\]/,
    ],
    [() => k.linearCrossEntropy(m, four(5, 3), ids, { chunk: 0 }), /chunk must be a positive integer/],
  ],
  log: [[() => k.log(ids), /log: needs a float tensor/]],
  logSoftmax: [[() => k.logSoftmax(device.tensor(1)), /logSumExp: needs a last axis/]],
  logSumExp: [[() => k.logSumExp(four(2, 0)), /needs a last axis with at least one element, got \[2, 0\]/]],
  matmul: [
    [
      () => k.matmul(m, m),
      /matmul: inner dimensions differ: a is \[2, 3\], b is \[2, 3\] \(a\.shape\[1\] = 3, b\.shape\[0\] = 2\)/,
    ],
    [() => k.matmul(ids, ids), /matmul: needs float tensors/],
    [() => k.matmul(device.tensor(1), m), /needs at least one dimension/],
  ],
  max: [
    [() => k.max(four(2, 0), 1), /cannot reduce an axis of size 0/],
    [() => k.max(m, 2), /max: axis 2 is outside a tensor of 2 dimensions/],
  ],
  argMax: [[() => k.argMax(four(2, 0)), /argMax: axis 1 of \[2, 0\] is empty/]],
  maximum: [[() => k.maximum(m, device.tensor([1, 2])), /maximum: shapes/]],
  mean: [[() => k.mean(ids), /mean: needs a float tensor/]],
  minimum: [[() => k.minimum(m, device.tensor([1, 2])), /minimum: shapes/]],
  mul: [[() => k.mul(ids, device.tensor(Uint32Array.of(1, 2))), /mul: int32 and uint32 do not mix/]],
  neg: [[() => k.neg(null as never), /neg: expected a tensor, got null/]],
  notEqual: [[() => k.notEqual(m, device.tensor([1, 2])), /notEqual: shapes/]],
  randomBits: [[() => k.randomBits(m, [2]), /a key is two integers/]],
  randomNormal: [[() => k.randomNormal([1, 2], [2.5]), /not a non-negative integer/]],
  randomUniform: [[() => k.randomUniform([1, 2], [-2]), /not a non-negative integer/]],
  reshape: [
    [() => k.reshape(m, [4]), /reshape: \[2, 3\] has 6 elements, \[4\] has 4/],
    [() => k.reshape(m, [-1, -1]), /more than one -1/],
    [() => k.reshape(m, [-1, 4]), /does not divide/],
  ],
  rmsNorm: [
    [() => k.rmsNorm(m, device.tensor([1, 1])), /rmsNorm: the weight must be \[3\] for x \[2, 3\], got \[2\]/],
    [() => k.rmsNorm(m, device.tensor([1, 1, 1]), -1), /epsilon must be a finite number, 0 or more/],
  ],
  rotary: [
    [() => k.rotary(m, m, m), /rotary: x must be \[batch, seq, heads, headDim\]/],
    [() => k.rotary(four(1, 2, 1, 4), four(2, 2), four(2, 3)), /sin must be \[2, 2\]/],
  ],
  rotaryTables: [[() => k.rotaryTables(4, 3), /headDim must be a positive even integer, got 3/]],
  rsqrt: [[() => k.rsqrt(ids), /rsqrt: needs a float tensor/]],
  groupedMatmul: [
    [
      () => k.groupedMatmul(m, four(2, 3, 2), m),
      /needs floats and int32 sizes, got x float32, w float32 and sizes float32/,
    ],
    [() => k.groupedMatmul(m, four(3, 3, 2), ids), /needs x \[rows, in\], w \[groups, in, out\] and sizes \[groups\]/],
    [() => k.groupedMatmul(m, four(2, 2, 3), ids), /groupedMatmul: inner dimensions differ: x \[2, 3\], w \[2, 2, 3\]/],
  ],
  scatterAddRows: [[() => k.scatterAddRows(m, m, 3), /scatterAddRows: needs float rows and int32 ids/]],
  shiftLeft: [[() => k.shiftLeft(m, 1), /shiftLeft: needs int32/]],
  shiftRight: [[() => k.shiftRight(m, 1), /shiftRight: needs int32/]],
  scaledMatmul: [
    [
      () => k.scaledMatmul({ codes: m, scales: four(1, 1) }, m as never),
      /scaledMatmul: b: expected \{ codes, scales \}/,
    ],
    [
      () => k.scaledMatmul({ codes: m, scales: four(1, 1) }, { codes: m, scales: four(1, 3) }),
      /batch and inner dimensions must be equal, got \[2, 3\] and \[2, 3\]/,
    ],
  ],
  sigmoid: [[() => k.sigmoid(ids), /sigmoid: needs a float tensor/]],
  sign: [[() => k.sign(ids), /sign: needs a float tensor/]],
  silu: [[() => k.silu(ids), /silu: needs a float tensor/]],
  sin: [[() => k.sin(ids), /sin: needs a float tensor/]],
  slice: [
    [() => k.slice(m, [0], [1]), /slice: needs 2 starts and sizes/],
    [() => k.slice(m, [0, 2], [2, 2]), /slice: \[2, 4\) is outside axis 1 of \[2, 3\]/],
  ],
  sliceAxis: [[() => k.sliceAxis(m, 2, 0, 1), /slice: axis 2 is outside/]],
  softmax: [[() => k.softmax(four(2, 0)), /softmax: needs a last axis/]],
  sqrt: [[() => k.sqrt(ids), /sqrt: needs a float tensor/]],
  square: [[() => k.square(ids), /square: needs a float tensor/]],
  sub: [[() => k.sub(m, device.tensor([1, 2])), /sub: shapes/]],
  sum: [
    [() => k.sum(m, [0, 0]), /sum: axes \[0, 0\] repeat an axis/],
    [() => k.sum(m, 1.5), /sum: an axis must be an integer, got 1.5/],
  ],
  swapAxes: [[() => k.swapAxes(m, 0, 2), /swapAxes: axis 2 is outside/]],
  swiglu: [
    [() => k.swiglu(ids, ids), /swiglu: needs a float tensor/],
    [() => k.swiglu(m, four(3, 2)), /swiglu: gate and up must have one shape, got \[2, 3\] and \[3, 2\]/],
  ],
  take: [
    [() => k.take(m, m), /take: ids must be int32, got float32/],
    [() => k.take(device.tensor(1), ids), /the table is a scalar/],
    [() => k.take(m, ids, 3), /take: axis 3 is outside/],
  ],
  takeLast: [[() => k.takeLast(m, device.tensor(Int32Array.of(1, 2, 3))), /broadcastTo: /]],
  tanh: [[() => k.tanh(ids), /tanh: needs a float tensor/]],
  topK: [[() => k.topK(m, 4), /topK: k must be an integer from 1 to the last axis of \[2, 3\], got 4/]],
  transpose: [[() => k.transpose(m, [0, 0]), /are not a permutation/]],
  writeRows: [
    [() => k.writeRows(m, m, m), /writeRows: x and rows must share a dtype and at must be int32/],
    [() => k.writeRows(m, m, device.tensor(Int32Array.of(0))), /writeRows: needs x \[batch, seq, \.\.\.\], rows/],
  ],
  where: [[() => k.where(m, m, m), /where: the condition must be uint32/]],
  // What floats alone have.
  ...Object.fromEntries(
    'elu erf expm1 gelu hardSigmoid hardSwish leakyRelu log1p log2 logSigmoid softplus acos asin atan cosh sinh ceil round trunc reciprocal std tan variance norm layerNorm'
      .split(' ')
      .map((name) => [
        name,
        [
          [() => operations[name](ids), /: needs a float tensor, got int32; cast it with astype\('float32'\)/],
          [() => operations[name](3 as never), new RegExp(`${name}: expected a tensor, got number`)],
        ],
      ]),
  ),
  // What takes any tensor.
  ...Object.fromEntries(
    'relu isNaN isFinite nanToNum logicalNot any all min argMin prod cumsum cumprod sort argSort squeeze flip onesLike stopGradient diag'
      .split(' ')
      .map((name) => [
        name,
        [[() => operations[name](3 as never), new RegExp(`${name}: expected a tensor, got number`)]],
      ]),
  ),
  ...Object.fromEntries(
    'logicalAnd logicalOr logicalXor'
      .split(' ')
      .map((name) => [
        name,
        [[() => operations[name](m, 1 as never), new RegExp(`${name}: expected a tensor, got number`)]],
      ]),
  ),
  atan2: [[() => k.atan2(m, device.tensor([1, 2])), /atan2: shapes/]],
  avgPool1d: [[() => k.avgPool1d(m, 2), /avgPool1d: x must be \[batch, channels, length\], got \[2, 3\]/]],
  avgPool2d: [[() => k.avgPool2d(four(1, 1, 2, 2), 3), /avgPool2d: a window of 3 does not fit into axis 3/]],
  batchNorm: [
    [() => k.batchNorm(device.tensor([1])), /batchNorm: x must be \[batch, channels, \.\.\.\]/],
    [() => k.batchNorm(m, { mean: four(3) }), /batchNorm: give mean and variance, or neither/],
    [() => k.batchNorm(m, { weight: four(2) }), /batchNorm: the weight must be \[3\]/],
  ],
  bernoulli: [[() => k.bernoulli([1, 2], 1.5, [2]), /bernoulli: p must be a number from 0 to 1, got 1.5/]],
  clamp: [[() => k.clamp(m), /clamp: give low, high or both/]],
  conv1d: [
    [() => k.conv1d(four(1, 3, 5), four(2, 2, 3)), /conv1d: the weight must be \[out, 3 \/ 1/],
    [() => k.conv1d(four(1, 3, 5), four(2, 3, 3), four(3)), /conv1d: the bias must be \[2\], got \[3\]/],
    [() => k.conv1d(four(1, 3, 5), four(2, 3, 3), undefined, { stride: 0 }), /stride must be an integer from 1/],
    [() => k.conv1d(four(1, 3, 5), four(2, 3, 6)), /a window of 6 does not fit into axis 2/],
  ],
  conv2d: [[() => k.conv2d(m, four(1, 1, 1, 1)), /conv2d: x must be \[batch, channels, height, width\]/]],
  dropout: [
    [() => k.dropout(m, 2, [1, 2]), /dropout: the rate must be a number from 0 to 1, got 2/],
    [() => k.dropout(m, 0.5, 3 as never), /a key is two integers/],
  ],
  einsum: [
    [() => k.einsum('ij,jk->ik', m), /einsum: 'ij,jk->ik' has 2 terms, but there are 1 tensors/],
    [() => k.einsum('ij,jk->ik', m, m), /einsum: axis 'j' of 'ij,jk->ik' is 3 and 2 long/],
    [() => k.einsum('ij->ik', m), /einsum: 'k' of the result/],
    [() => k.einsum('i->i', m), /einsum: 'i' does not name the axes of \[2, 3\]/],
    [() => k.einsum('i1->i', m), /is not an equation/],
  ],
  expandDims: [[() => k.expandDims(m, 4), /expandDims: axis 4 is outside/]],
  eye: [[() => k.eye(-1), /eye: rows must be an integer, 0 or more, got -1/]],
  gather: [
    [() => k.gather(m, m), /gather: ids must be int32, got float32/],
    [() => k.gather(m, ids), /gather: needs as many dimensions of both/],
  ],
  groupNorm: [[() => k.groupNorm(m, 2), /channels that divide into 2 groups, got \[2, 3\]/]],
  hessian: [
    [() => k.hessian(3 as never), /hessian: expected a function, got 3/],
    [() => k.hessian((x: Tensor) => x.exp())(m), /hessian: the result must be a scalar, got \[2, 3\]/],
  ],
  jacobian: [
    [() => k.jacobian(3 as never), /jacobian: expected a function, got 3/],
    [() => k.jacobian((x: Tensor) => x)(ids), /jacobian: needs a float argument and result, got int32 and int32/],
  ],
  jvp: [[() => k.jvp((x: Tensor) => x.exp(), m, ids), /jvp: tangents .*must be \[2, 3\], got \[2\]/]],
  linspace: [[() => k.linspace(0, NaN, 3), /linspace: end must be a finite number, got NaN/]],
  maxPool1d: [[() => k.maxPool1d(four(1, 1, 5), 2, { padding: 2 }), /padding 2 is more than half of the window 2/]],
  maxPool2d: [[() => k.maxPool2d(m, 2), /maxPool2d: x must be \[batch, channels, height, width\]/]],
  meshgrid: [[() => k.meshgrid([m]), /meshgrid: needs vectors, got \[2, 3\]/]],
  mod: [[() => k.mod(m, device.tensor([1, 2])), /mod: shapes/]],
  mse: [[() => k.mse(m, ids), /mse: prediction and target must have one shape/]],
  nllLoss: [[() => k.nllLoss(m, m), /nllLoss: targets must be int32/]],
  oneHot: [[() => k.oneHot(m, 3), /oneHot: ids must be int32 or uint32, got float32/]],
  outer: [[() => k.outer(m, m), /outer: needs two vectors/]],
  pad: [
    [() => k.pad(m, [[1, 1]]), /pad: widths must be one \[before, after\] for each axis of \[2, 3\]/],
    [
      () =>
        k.pad(
          m,
          [
            [0, 0],
            [3, 0],
          ],
          'reflect',
        ),
      /pad: 'reflect' can add up to 2 to axis 1 of \[2, 3\], got 3/,
    ],
    [
      () =>
        k.pad(
          m,
          [
            [0, 0],
            [0, 0],
          ],
          'mirror' as never,
        ),
      /the mode must be 'constant', .* got 'mirror'/,
    ],
  ],
  permutation: [[() => k.permutation([1, 2], -1), /permutation: n must be an integer/]],
  pow: [[() => k.pow(ids, 2), /pow: needs a float tensor, got int32/]],
  randomInt: [[() => k.randomInt([1, 2], [3], 5, 5), /randomInt: high must be above low, got 5 and 5/]],
  repeat: [[() => k.repeat(m, -1), /repeat: count must be an integer/]],
  roll: [[() => k.roll(m, 0.5), /roll: the shift must be an integer, got 0.5/]],
  scan: [
    [() => k.scan((c: Tensor, x: Tensor) => [x, c], m, m), /scan: the carry must stay what it is/],
    [() => k.scan((c: Tensor) => c as never, m, m), /scan: the function must return \[carry, y\]/],
    [() => k.scan((c: Tensor) => [c, c], m, undefined), /xs has no tensor; say how many steps by \{ length \}/],
    [
      () => k.scan((c: Tensor) => [c, c], m, four(1025)),
      /1025 steps are more than one graph may hold \(1024\); use compileScan/,
    ],
  ],
  scatter: [
    [() => k.scatter(m, ids, m), /scatter: ids and the source must have the shape of x \[2, 3\] outside axis 1/],
  ],
  scatterAdd: [[() => k.scatterAdd(m, m, m), /scatterAdd: ids must be int32/]],
  split: [
    [() => k.split(m, 0), /split: size must be an integer, 1 or more, got 0/],
    [() => k.split(m, [1, 2], 0), /split: sizes \[1, 2\] add up to 3, axis 0 of \[2, 3\] has 2/],
  ],
  splitKey: [[() => k.splitKey([1, 2], 0), /splitKey: count must be an integer, 1 or more/]],
  stack: [[() => k.stack([m, ids]), /stack: shapes differ: \[2, 3\] and \[2\]/]],
  tile: [[() => k.tile(m, [-1]), /tile: a count must be an integer/]],
  trace: [[() => k.trace(ids), /trace: needs at least two dimensions, got \[2\]/]],
  tril: [[() => k.tril(m, 0.5), /tril: the diagonal must be an integer, got 0.5/]],
  triu: [[() => k.triu(ids), /triu: needs at least two dimensions, got \[2\]/]],
  vjp: [[() => k.vjp((x: Tensor) => x.exp(), m).pull(ids), /vjp: gradients .*must be \[2, 3\], got \[2\]/]],
  vmap: [
    [() => k.vmap((a: Tensor, b: Tensor) => a.add(b))(m, four(3)), /different numbers of examples: 2 and 3/],
    [() => k.vmap((a: Tensor) => a, null)(m), /no argument is a tensor with an axis of examples/],
  ],
}

const notOperations = new Set([
  'apply',
  'apply1',
  'checkpoint',
  'chromeTrace',
  'compile',
  'compileScan',
  'defineOp',
  'flatten',
  'fromDevice',
  'grad',
  'init',
  'iota',
  'isFloat',
  'isTensor',
  'mapTensors',
  'ones',
  'measureCeilings',
  'profile',
  'profileRows',
  'profileTable',
  'tensorsOf',
  'valueAndGrad',
  'zeros',
  'zerosLike',
])

const withoutTensor: [string, [() => unknown, RegExp][]][] = Object.entries(k).flatMap(([name, value]) =>
  typeof value === 'function' && /^[a-z]/.test(name) && !notOperations.has(name) && !(name in ownMisuses)
    ? [[name, [[() => operations[name](3 as never), new RegExp(`^${name}: `)]]]]
    : [],
)
const misuses: typeof ownMisuses = { ...ownMisuses, ...Object.fromEntries(withoutTensor) }

const kinds = ['ShapeError', 'DTypeError', 'TypeError', 'RangeError', 'DeviceError']

test.each(Object.entries(misuses))('%s refuses what it cannot do', (_, calls) => {
  for (const [call, message] of calls) {
    let error: Error | undefined
    try {
      call()
    } catch (e) {
      error = e as Error
    }
    expect(error, `${call} must throw`).toBeDefined()
    expect(kinds, error!.stack).toContain(error!.name)
    expect(error!.message).toMatch(message)
  }
})
