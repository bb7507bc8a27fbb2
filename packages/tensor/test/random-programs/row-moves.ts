/** Moves: reductions, matrix products, rows by index. */
import * as K from '../../src/index.ts'
import { broadcasts, float, type Known, lastAxis, type Move, reduction, size, within } from './move-kinds.ts'

/** Operations along an axis: reductions, matrix products, rows by their index. */
export const rowMoves: readonly [string, Move][] = [
  reduction('sum', K.sum, () => true),
  reduction('mean', K.mean, (v) => float(v) && size(v.shape) > 0),
  reduction('max', K.max, (v) => size(v.shape) > 0, { exact: true, jumps: 'row tie' }),
  [
    'argMax',
    {
      choose: (s) => {
        const x = s.find((v) => v.shape.length > 0 && size(v.shape) > 0)
        return x === undefined ? undefined : { args: [x], attrs: { axis: s.int(s.values[x].shape.length) } }
      },
      build: ([x], { axis }) => K.argMax(x, axis),
      exact: true,
      jumps: 'row tie',
    },
  ],
  [
    'topK',
    {
      choose: (s) => {
        const x = s.find(lastAxis)
        if (x === undefined) return undefined
        return { args: [x], attrs: { k: 1 + s.int(s.values[x].shape.at(-1)!) } }
      },
      build: ([x], { k }) => {
        const { values, indices } = K.topK(x, k)
        return [values, indices]
      },
      exact: true,
      jumps: 'row tie',
    },
  ],
  [
    'matmul',
    {
      weight: 3,
      choose: (s) => {
        const a = s.find((v) => float(v) && v.shape.length > 0 && within(-60, 60)(v))
        if (a === undefined) return undefined
        const x = s.values[a]
        const inner = x.shape.at(-1)!
        const rows = (v: Known) => (v.shape.length === 1 ? v.shape[0] : v.shape.at(-2))
        const batch = (v: Known) => v.shape.slice(0, -2)
        const b = s.find(
          (v) =>
            float(v) && v.shape.length > 0 && rows(v) === inner && broadcasts(batch(x), batch(v)) && within(-60, 60)(v),
        )
        if (b !== undefined) return { args: [a, b] }
        const transposed = s.find(
          (v) => float(v) && v.shape.length > 1 && v.shape.at(-1) === inner && broadcasts(batch(x), batch(v)),
        )
        return transposed === undefined ? undefined : { args: [a, transposed], attrs: { transposed: true } }
      },
      build: ([a, b], attrs) => K.matmul(a, attrs?.transposed ? K.swapAxes(b, -1, -2) : b),
    },
  ],
  [
    'groupedMatmul',
    {
      weight: 3,
      choose: (s) => {
        const a = s.find((v) => float(v) && v.shape.length === 2 && within(-60, 60)(v))
        if (a === undefined) return undefined
        const [rows, inner] = s.values[a].shape
        const b = s.find((v) => float(v) && v.shape.length === 2 && v.shape[0] === inner && within(-60, 60)(v))
        if (b === undefined) return undefined
        return { args: [a, b], attrs: { sizes: [s.int(rows + 1), s.int(rows + 1) - 1], transposed: s.int(2) === 1 } }
      },
      build: ([a, b], { sizes, transposed }) => {
        const w = K.stack([b, K.mul(b, 0.5)])
        const counts = K.concatenate(sizes.map((n: number) => K.full([1], n, 'int32')))
        return K.groupedMatmul(a, transposed ? K.swapAxes(w, 1, 2) : w, counts, { transposeB: transposed })
      },
    },
  ],
  [
    'take',
    {
      weight: 3,
      choose: (s) => {
        const table = s.find((v) => v.shape.length > 0)
        const ids = s.find((v) => v.dtype === 'int32' && size(v.shape) < 20)
        if (table === undefined || ids === undefined) return undefined
        return { args: [table, ids], attrs: { axis: s.int(s.values[table].shape.length) } }
      },
      build: ([table, ids], { axis }) => K.take(table, ids, axis),
      exact: true,
    },
  ],
  [
    'takeLast',
    {
      weight: 6,
      choose: (s) => {
        const ids = s.find((v) => v.dtype === 'int32')
        if (ids === undefined) return undefined
        const x = s.find(
          (v) => float(v) && v.shape.length > 0 && v.shape.slice(0, -1).join() === s.values[ids].shape.join(),
        )
        return x === undefined ? undefined : { args: [x, ids] }
      },
      build: ([x, ids]) => K.takeLast(x, ids),
      exact: true,
    },
  ],
  [
    'scatterAddRows',
    {
      weight: 3,
      choose: (s) => {
        const ids = s.find((v) => v.dtype === 'int32')
        if (ids === undefined) return undefined
        const { shape } = s.values[ids]
        const x = s.find((v) => float(v) && v.shape.length > shape.length && shape.every((d, i) => d === v.shape[i]))
        return x === undefined ? undefined : { args: [x, ids], attrs: { rows: 1 + s.int(5) } }
      },
      build: ([x, ids], { rows }) => K.scatterAddRows(x, ids, rows),
    },
  ],
  [
    'writeRows',
    {
      weight: 3,
      choose: (s) => {
        const x = s.find((v) => v.shape.length > 1)
        return x === undefined ? undefined : { args: [x], attrs: { at: s.int(4) - 1 } }
      },
      // The first rows again, in another place.
      build: ([x], { at }) => {
        const [b, n] = x.shape
        return K.writeRows(x, K.sliceAxis(x, 1, 0, Math.min(n, 2)), K.full([b], at, 'int32'))
      },
      exact: true,
    },
  ],
]
