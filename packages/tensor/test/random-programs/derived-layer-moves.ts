/** Moves: composite layers, losses, transforms and random numbers. */
import * as K from '../../src/index.ts'
import { alike, all, float, hasElements, isMatrix, lastAxis, type Move, size, unary, within } from './move-kinds.ts'

/** All elements in order as one float32 array of another shape. */
const flatRow = (x: K.Tensor, shape: readonly number[]) => K.reshape(K.cast(x, 'float32'), shape)

/** Layers, losses, transforms and random draws that are made of other operations. */
export const derivedLayerMoves: readonly [string, Move][] = [
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
    (v) => float(v) && lastAxis(v) && hasElements(v),
  ),
  unary(
    'groupNorm',
    (x) => [K.groupNorm(x, 1, undefined, undefined, 0.5), K.batchNorm(x, { epsilon: 0.5 })][x.shape[1] % 2],
    (v) => float(v) && isMatrix(v) && hasElements(v),
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
    (v) => float(v) && hasElements(v),
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
    (v) => float(v) && hasElements(v) && v.shape[0] < 9,
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
