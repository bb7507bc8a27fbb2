/** Moves: composite operations along axes. */
import * as K from '../../src/index.ts'
import {
  alike,
  along,
  float,
  hasElements,
  isMatrix,
  type Known,
  type Move,
  reduction,
  size,
  unary,
  within,
} from './move-kinds.ts'

const varies = (v: Known) => float(v) && Math.max(...Array.from(v.data)) - Math.min(...Array.from(v.data)) > 0.5

/** Ids (3 k + 1) mod n along an axis: some occur twice, some not at all. */
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

/** Operations along axes, and of rows and columns, that are made of others. */
export const derivedAxisMoves: readonly [string, Move][] = [
  reduction('min', K.min, (v) => size(v.shape) > 0, { exact: true, jumps: 'row tie' }),
  along('argMin', K.argMin, hasElements, { exact: true, jumps: 'row tie' }),
  reduction('prod', K.prod, (v) => within(-2, 2)(v) && size(v.shape) < 20),
  reduction('any', K.any, (v) => v.exact, { exact: true }),
  reduction('all', K.all, (v) => v.exact, { exact: true }),
  reduction(
    'variance',
    (x, axes, keep) => K.variance(x, axes, keep, 0),
    (v) => float(v) && size(v.shape) > 0,
  ),
  unary('std', (x) => K.std(x), varies),
  unary('norm', (x) => K.norm(x, { p: 3 }), varies),
  along(
    'softmaxAxis',
    (x, axis) => [K.softmax(x, axis), K.logSoftmax(x, axis)],
    (v) => float(v) && hasElements(v),
    {
      covers: [],
    },
  ),
  reduction(
    'logSumExpAxes',
    (x, axes, keep) => K.logSumExp(x, axes ?? [...x.shape.keys()], keep),
    (v) => float(v) && hasElements(v),
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
  along('gather', (x, axis) => K.gather(x, idsAlong(x.shape, axis, 5, x.shape[axis]), axis), hasElements, {
    exact: true,
  }),
  along(
    'scatterAdd',
    (x, axis) => K.scatterAdd(K.mul(x, 0.5), idsAlong(x.shape, axis, x.shape[axis], x.shape[axis]), x, axis),
    (v) => float(v) && hasElements(v),
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
    (v) => float(v) && hasElements(v),
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
  along('split', (x, axis) => K.split(x, 2, axis), hasElements, { exact: true }),
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
    hasElements,
    { exact: true },
  ),
  unary('tril', (x) => K.tril(x, -1), isMatrix, { exact: true }),
  unary('triu', (x) => K.triu(x), isMatrix, { exact: true }),
  unary('trace', K.trace, isMatrix),
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
]
