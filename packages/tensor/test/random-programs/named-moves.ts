import * as K from '../../src/index.ts'
import { binary, float, type Known, lastAxis, type Move, reduction, size, unary, within } from './move-kinds.ts'

/** Operations that are made of others, or that people look for by name; see `moves.ts`. */

const some = (v: Known) => v.shape.length > 0 && size(v.shape) > 0
const matrix = (v: Known) => v.shape.length > 1
const all = (v: Known, f: (x: number) => boolean) => Array.prototype.every.call(v.data, f)
const spread = (v: Known) => float(v) && Math.max(...Array.from(v.data)) - Math.min(...Array.from(v.data)) > 0.5

/** One operand and an axis of it. */
const along = (
  name: string,
  build: (x: K.Tensor, axis: number) => K.Tensor | readonly K.Tensor[],
  fits: (v: Known) => boolean,
  more: Partial<Move> = {},
): [string, Move] => [
  name,
  {
    choose: (s) => {
      const x = s.find((v) => v.shape.length > 0 && fits(v))
      return x === undefined ? undefined : { args: [x], attrs: { axis: s.int(s.values[x].shape.length) } }
    },
    build: ([x], { axis }) => build(x, axis),
    ...more,
  },
]

/** Operands of one shape and dtype. */
const alike = (
  name: string,
  build: (a: K.Tensor, b: K.Tensor) => K.Tensor,
  fits: (v: Known) => boolean,
  more: Partial<Move> = {},
): [string, Move] => [
  name,
  {
    choose: (s) => {
      const a = s.find(fits)
      if (a === undefined) return undefined
      const x = s.values[a]
      return { args: [a, s.find((v) => v.dtype === x.dtype && v.shape.join() === x.shape.join())!] }
    },
    build: ([a, b]) => build(a, b),
    ...more,
  },
]

/** Ids 3 k + 1 along an axis, wrapped: some stand twice, some not at all. */
const idsAlong = (shape: readonly number[], axis: number, count: number, n: number) =>
  K.mod(
    K.add(
      K.mul(
        K.iota(
          shape.map((d, i) => (i === axis ? count : d)),
          axis,
        ),
        3,
      ),
      1,
    ),
    n,
  )

const flatRow = (x: K.Tensor, shape: readonly number[]) => K.reshape(K.cast(x, 'float32'), shape)
const numberOf =
  (list: readonly number[]): Move['choose'] =>
  (s) => {
    const x = s.find(float)
    return x === undefined ? undefined : { args: [x], attrs: { number: s.pick(list) } }
  }

export const namedMoves: readonly [string, Move][] = [
  unary('relu', K.relu, () => true, { exact: true, jumps: 'zero' }),
  unary('leakyRelu', (x) => K.leakyRelu(x, 0.25), float, { jumps: 'zero' }),
  unary('elu', K.elu, within(-20, 1e3), { jumps: 'zero' }),
  unary('gelu', K.gelu, within(-8, 8)),
  unary('geluTanh', (x) => K.gelu(x, 'tanh'), within(-8, 8), { covers: [] }),
  unary('softplus', K.softplus),
  unary('logSigmoid', K.logSigmoid),
  unary('hardSigmoid', K.hardSigmoid, float, { jumps: 'whole' }),
  unary('hardSwish', K.hardSwish, (v) => float(v) && all(v, (x) => Math.abs(Math.abs(x) - 3) > 0.01), {}),
  unary('erf', K.erf, within(-5, 5)),
  unary('log1p', K.log1p, within(-0.9, 1e4)),
  unary('expm1', K.expm1, within(-6, 5)),
  unary('log2', K.log2, within(0.05, 1e4)),
  unary('reciprocal', K.reciprocal, within(0.1, 1e4)),
  unary('tan', K.tan, within(-1.2, 1.2)),
  unary('asin', K.asin, within(-0.9, 0.9)),
  unary('acos', K.acos, within(-0.9, 0.9)),
  unary('atan', K.atan),
  unary('sinh', K.sinh, within(-5, 5)),
  unary('cosh', K.cosh, within(-5, 5)),
  unary('ceil', K.ceil, float, { exact: true, jumps: 'whole' }),
  unary('trunc', K.trunc, float, { exact: true, jumps: 'whole' }),
  // Halves of what is far from whole numbers.
  unary('round', (x) => K.round(K.sub(x, 0.5)), float, { exact: true, jumps: 'whole' }),
  unary(
    'isNaN',
    (x) => K.add(K.isNaN(x), K.mul(K.isFinite(x), 2)),
    () => true,
    {
      exact: true,
      covers: ['isNaN', 'isFinite'],
    },
  ),
  unary('nanToNum', K.nanToNum, () => true, { exact: true }),
  unary('logicalNot', K.logicalNot, () => true, { exact: true, jumps: 'zero' }),
  unary(
    'stopGradient',
    (x) => K.add(K.stopGradient(x), x),
    () => true,
    { exact: true },
  ),
  alike('logicalAnd', K.logicalAnd, (v) => v.exact, { exact: true }),
  alike('logicalOr', K.logicalOr, (v) => v.exact, { exact: true }),
  alike('logicalXor', K.logicalXor, (v) => v.exact, { exact: true }),
  binary('atan2', (a, b) => K.atan2(a, b), {
    fits: float,
    other: (v) => float(v) && (within(0.1, 1e4)(v) || within(-1e4, -0.1)(v)),
    jumps: 'zero',
  }),
  binary('mod', K.mod, {
    fits: (v) => v.exact,
    other: (v) => v.exact && all(v, (x) => x > 0.2 || x < -0.2),
  }),
  ['powNumber', { choose: numberOf([2, 3, 4]), build: ([x], { number }) => K.pow(x, number), covers: [] }],
  binary('pow', (a, b) => K.pow(a, b), { fits: within(0.2, 10), other: (v) => float(v) && within(-3, 3)(v) }),
  [
    'clamp',
    {
      choose: numberOf([-0.5, 0.25, 1]),
      build: ([x], { number }) => K.clamp(x, number),
      exact: true,
      jumps: 'tie',
    },
  ],
  reduction('min', K.min, (v) => size(v.shape) > 0, { exact: true, jumps: 'row tie' }),
  along('argMin', K.argMin, some, { exact: true, jumps: 'row tie' }),
  reduction('prod', K.prod, (v) => within(-2, 2)(v) && size(v.shape) < 20),
  reduction('any', K.any, (v) => v.exact, { exact: true }),
  reduction('all', K.all, (v) => v.exact, { exact: true }),
  reduction(
    'variance',
    (x, axes, keep) => K.variance(x, axes, keep, 0),
    (v) => float(v) && size(v.shape) > 0,
  ),
  unary('std', (x) => K.std(x), spread),
  unary('norm', (x) => K.norm(x, { p: 3 }), spread),
  along(
    'softmaxAxis',
    (x, axis) => [K.softmax(x, axis), K.logSoftmax(x, axis)],
    (v) => float(v) && some(v),
    {
      covers: [],
    },
  ),
  reduction(
    'logSumExpAxes',
    (x, axes, keep) => K.logSumExp(x, axes ?? [...x.shape.keys()], keep),
    (v) => float(v) && some(v),
    { covers: [] },
  ),
  along(
    'cumsum',
    (x, axis) => [K.cumsum(x, axis), K.cumsum(x, axis, true)],
    () => true,
  ),
  along(
    'cumprod',
    (x, axis) => [K.cumprod(x, axis), K.cumprod(x, axis, true)],
    (v) => within(-2, 2)(v) && size(v.shape) < 20,
  ),
  along(
    'sort',
    (x, axis) => K.sort(x, axis).values,
    () => true,
    { exact: true, jumps: 'row tie' },
  ),
  along(
    'argSort',
    (x, axis) => K.argSort(x, axis, true),
    () => true,
    { exact: true, jumps: 'row tie' },
  ),
  along('gather', (x, axis) => K.gather(x, idsAlong(x.shape, axis, 5, x.shape[axis]), axis), some, {
    exact: true,
  }),
  along(
    'scatterAdd',
    (x, axis) => K.scatterAdd(K.mul(x, 0.5), idsAlong(x.shape, axis, x.shape[axis], x.shape[axis]), x, axis),
    (v) => float(v) && some(v),
  ),
  along(
    'scatter',
    (x, axis) =>
      K.scatter(
        K.neg(x),
        K.roll(
          K.iota(
            x.shape.map((d, i) => (i === axis ? (d + 1) >> 1 : d)),
            axis,
          ),
          1,
          axis,
        ),
        K.sliceAxis(x, axis, 0, (x.shape[axis] + 1) >> 1),
        axis,
      ),
    (v) => float(v) && some(v),
    { exact: true },
  ),
  [
    'oneHot',
    {
      choose: (s) => {
        const ids = s.find((v) => v.dtype === 'int32' && size(v.shape) < 20)
        return ids === undefined ? undefined : { args: [ids] }
      },
      build: ([ids]) => K.oneHot(ids, 4),
      exact: true,
    },
  ],
  alike(
    'stack',
    (a, b) => K.stack([a, b], -1),
    () => true,
    { exact: true },
  ),
  along('split', (x, axis) => K.split(x, 2, axis), some, { exact: true }),
  unary('squeeze', K.squeeze, () => true, { exact: true }),
  along(
    'expandDims',
    (x, axis) => K.expandDims(x, axis),
    () => true,
    { exact: true },
  ),
  along(
    'pad',
    (x, axis) => {
      const widths = x.shape.map((_, i): [number, number] => (i === axis ? [1, 1] : [0, 0]))
      return [K.pad(x, widths, 'edge'), K.pad(x, widths, 'symmetric'), K.pad(x, widths, 'constant', 2)]
    },
    some,
    { exact: true },
  ),
  unary('tril', (x) => K.tril(x, -1), matrix, { exact: true }),
  unary('triu', (x) => K.triu(x), matrix, { exact: true }),
  unary('trace', K.trace, matrix),
  unary('diag', K.diag, (v) => v.shape.length === 1 || v.shape.length === 2, { exact: true }),
  along(
    'flip',
    (x, axis) => K.flip(x, axis),
    () => true,
    { exact: true },
  ),
  along(
    'roll',
    (x, axis) => K.roll(x, 2, axis),
    () => true,
    { exact: true },
  ),
  along(
    'repeat',
    (x, axis) => K.repeat(x, 2, axis),
    () => true,
    { exact: true },
  ),
  unary(
    'tile',
    (x) => K.tile(x, [2, 1]),
    (v) => v.shape.length > 0 && v.shape.length < 3,
    { exact: true },
  ),
  [
    'outer',
    {
      choose: (s) => {
        const fits = (v: Known) => float(v) && v.shape.length === 1
        const [a, b] = [s.find(fits), s.find(fits)]
        return a === undefined || b === undefined ? undefined : { args: [a, b] }
      },
      build: ([a, b]) => [K.outer(a, b), ...K.meshgrid([a, b])],
      covers: ['outer', 'meshgrid'],
    },
  ],
  unary(
    'constants',
    (x) => K.add(K.mul(x, K.onesLike(x)), K.sum(K.mul(K.mul(K.eye(2, 3), K.linspace(0, 1, 3)), K.ones([3])))),
    float,
    { covers: ['onesLike', 'ones', 'eye', 'linspace'] },
  ),
  [
    'einsum',
    {
      weight: 2,
      choose: (s) => {
        const a = s.find((v) => v.shape.length === 2 && within(-60, 60)(v))
        if (a === undefined) return undefined
        const [, n] = s.values[a].shape
        const b = s.find((v) => v.shape.length === 2 && v.shape[0] === n && within(-60, 60)(v))
        const equation =
          b === undefined
            ? s.pick(['ij->ji', 'ij->j', 'ij->', 'ij,ij->i'])
            : s.pick(['ij,jk->ik', 'ij,jk->k', 'ij,jk->ijk'])
        return { args: b === undefined ? [a] : [a, b], attrs: { equation } }
      },
      build: ([a, b], { equation }) => K.einsum(equation, ...(equation === 'ij,ij->i' ? [a, a] : b ? [a, b] : [a])),
    },
  ],
  unary(
    'layerNorm',
    (x) => K.layerNorm(x, undefined, undefined, 0.5),
    (v) => float(v) && lastAxis(v) && some(v),
  ),
  unary(
    'groupNorm',
    (x) => [K.groupNorm(x, 1, undefined, undefined, 0.5), K.batchNorm(x, { epsilon: 0.5 })][x.shape[1] % 2],
    (v) => float(v) && matrix(v) && some(v),
    { covers: ['groupNorm', 'batchNorm'] },
  ),
  unary(
    'conv1d',
    (x) => {
      const row = flatRow(x, [1, 2, x.size / 2])
      return K.conv1d(row, K.sliceAxis(row, 2, 0, 2), undefined, { padding: 1 })
    },
    (v) => within(-8, 8)(v) && size(v.shape) >= 4 && size(v.shape) % 2 === 0,
  ),
  unary(
    'conv2d',
    (x) => {
      const image = flatRow(x, [1, 1, 2, x.size / 2])
      const y = K.conv2d(image, K.sliceAxis(image, 3, 0, 2), undefined, { stride: [1, 2] })
      return K.add(K.sum(y), K.avgPool2d(image, [1, 2]))
    },
    (v) => within(-8, 8)(v) && size(v.shape) >= 4 && size(v.shape) % 2 === 0,
    { covers: ['conv2d', 'avgPool2d'] },
  ),
  unary(
    'pools',
    (x) => {
      const row = flatRow(x, [1, 1, x.size])
      const image = flatRow(x, [1, 1, 1, x.size])
      return K.add(
        K.add(K.maxPool1d(row, 2, { stride: 1 }), K.avgPool1d(row, 2, { stride: 1 })),
        K.squeeze(K.maxPool2d(image, [1, 2], { stride: [1, 1] }), 0),
      )
    },
    (v) => float(v) && size(v.shape) >= 2,
    { jumps: 'row tie', covers: ['maxPool1d', 'avgPool1d', 'maxPool2d'] },
  ),
  alike('mse', K.mse, (v) => within(-30, 30)(v) && size(v.shape) > 0),
  [
    'nllLoss',
    {
      weight: 4,
      choose: (s) => {
        const t = s.find((v) => v.dtype === 'int32')
        if (t === undefined) return undefined
        const x = s.find(
          (v) =>
            float(v) &&
            lastAxis(v) &&
            v.shape.slice(0, -1).join() === s.values[t].shape.join() &&
            all(s.values[t], (id) => id < v.shape.at(-1)!),
        )
        return x === undefined ? undefined : { args: [x, t] }
      },
      build: ([x, t]) => K.nllLoss(K.logSoftmax(x), t),
    },
  ],
  unary('jvp', (x) => K.add(K.jvp(K.sin, x, K.cos(x)).tangent, K.vjp(K.tanh, x).pull(x)), within(-6, 5), {
    covers: ['jvp', 'vjp'],
  }),
  unary(
    'vmap',
    (x) => K.vmap((row: K.Tensor) => K.mul(K.tanh(row), K.sum(row)))(x),
    (v) => float(v) && some(v),
  ),
  unary(
    'scan',
    (x) => {
      const [last, ys] = K.scan(
        (c: K.Tensor, row: K.Tensor): [K.Tensor, K.Tensor] => [K.tanh(K.add(c, row)), K.mul(c, row)],
        K.zeros(x.shape.slice(1)),
        K.cast(x, 'float32'),
        { checkpoint: x.ndim > 1 },
      )
      return K.add(ys, last)
    },
    (v) => float(v) && some(v) && v.shape[0] < 9,
  ),
  [
    'draws',
    {
      choose: (s) => {
        const x = s.find((v) => v.dtype === 'float32' && v.shape.length > 0)
        return x === undefined ? undefined : { args: [x], attrs: { key: [s.int(1000), 3] } }
      },
      build: ([x], { key }) => [
        K.dropout(x, 0.5, K.splitKey(key)[1]),
        K.add(K.mul(x, 0), K.bernoulli(key, 0.25, x.shape)),
        K.add(K.mul(x, 0), K.randomInt(key, x.shape, -3, 9)),
        K.take(x, K.permutation(key, x.shape[0])),
      ],
      covers: ['dropout', 'splitKey', 'bernoulli', 'randomInt', 'permutation'],
    },
  ],
]
