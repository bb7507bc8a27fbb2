/** Moves: operations that rearrange elements without arithmetic. */
import * as K from '../../src/index.ts'
import { type Known, type Move, size } from './move-kinds.ts'

/** Operations that rearrange elements and compute none. */
export const shapeMoves: readonly [string, Move][] = [
  [
    'reshape',
    {
      choose: (s) => {
        const x = s.find(() => true)!
        const n = size(s.values[x].shape)
        const cuts = [[n], [1, n], [n, 1], [-1]]
        for (const d of [2, 3, 4, 5]) if (n % d === 0 && n > 0) cuts.push([d, n / d], [n / d, 1, d])
        if (n === 1) cuts.push([])
        return { args: [x], attrs: { shape: s.pick(cuts) } }
      },
      build: ([x], { shape }) => K.reshape(x, shape),
      exact: true,
    },
  ],
  [
    'transpose',
    {
      choose: (s) => {
        const x = s.find((v) => v.shape.length > 1)
        if (x === undefined) return undefined
        const axes = [...s.values[x].shape.keys()]
        for (let i = axes.length - 1; i > 0; i--) {
          const j = s.int(i + 1)
          ;[axes[i], axes[j]] = [axes[j], axes[i]]
        }
        return { args: [x], attrs: s.random() < 0.3 ? {} : { axes } }
      },
      build: ([x], { axes }) => K.transpose(x, axes),
      exact: true,
    },
  ],
  [
    'swapAxes',
    {
      choose: (s) => {
        const x = s.find((v) => v.shape.length > 1)
        return x === undefined ? undefined : { args: [x], attrs: { a: 0, b: -1 } }
      },
      build: ([x], { a, b }) => K.swapAxes(x, a, b),
      exact: true,
    },
  ],
  [
    'slice',
    {
      choose: (s) => {
        const x = s.find((v) => v.shape.length > 0)
        if (x === undefined) return undefined
        const { shape } = s.values[x]
        const starts = shape.map((d) => s.int(d + 1))
        return { args: [x], attrs: { starts, sizes: shape.map((d, i) => (s.random() < 0.1 ? 0 : d - starts[i])) } }
      },
      build: ([x], { starts, sizes }) => K.slice(x, starts, sizes),
      exact: true,
    },
  ],
  [
    'sliceAxis',
    {
      choose: (s) => {
        const x = s.find((v) => v.shape.length > 0)
        if (x === undefined) return undefined
        const axis = s.int(s.values[x].shape.length)
        const d = s.values[x].shape[axis]
        const start = s.int(d + 1)
        return { args: [x], attrs: { axis, start, end: start + s.int(d - start + 1) } }
      },
      build: ([x], { axis, start, end }) => K.sliceAxis(x, axis, start, end),
      exact: true,
    },
  ],
  [
    'broadcastTo',
    {
      choose: (s) => {
        const x = s.find((v) => size(v.shape) < 40)
        if (x === undefined) return undefined
        const shape = s.values[x].shape.map((d) => (d === 1 ? s.pick([1, 3, 4]) : d))
        return { args: [x], attrs: { shape: s.random() < 0.4 ? [2, ...shape] : shape } }
      },
      build: ([x], { shape }) => K.broadcastTo(x, shape),
      exact: true,
    },
  ],
  [
    'concatenate',
    {
      choose: (s) => {
        const x = s.find((v) => v.shape.length > 0)
        if (x === undefined) return undefined
        const { shape, dtype } = s.values[x]
        const axis = s.int(shape.length)
        const fits = (v: Known) =>
          v.dtype === dtype && v.shape.length === shape.length && v.shape.every((d, i) => i === axis || d === shape[i])
        const args = [x, ...Array.from({ length: 1 + s.int(3) }, () => s.find(fits)!)]
        return { args, attrs: { axis } }
      },
      build: (list, { axis }) => K.concatenate(list, axis),
      exact: true,
    },
  ],
]
