/** Moves: layers and losses. */
import * as K from '../../src/index.ts'
import { float, type Known, lastAxis, type Move, size, within } from './move-kinds.ts'

/** Operations of a network's layers and losses. */
export const layerMoves: readonly [string, Move][] = [
  [
    'rmsNorm',
    {
      weight: 3,
      choose: (s) => {
        // Rows near zero are all sensitivity.
        const x = s.find(
          (v) => float(v) && lastAxis(v) && Array.prototype.every.call(v.data, (e: number) => Math.abs(e) > 0.05),
        )
        if (x === undefined) return undefined
        const w = s.find((v) => float(v) && v.shape.length === 1 && v.shape[0] === s.values[x].shape.at(-1))
        return w === undefined ? undefined : { args: [x, w] }
      },
      build: ([x, w]) => K.rmsNorm(x, w),
    },
  ],
  [
    'rotary',
    {
      choose: (s) => {
        const x = s.find((v) => float(v) && size(v.shape) > 0 && size(v.shape) % 4 === 0)
        return x === undefined ? undefined : { args: [x] }
      },
      build: ([x]) => {
        const pairs = K.reshape(x, [1, x.size / 4, 1, 4])
        const angles = K.mul(K.cast(K.iota([x.size / 4, 2], 0), 'float32'), 0.25)
        return K.rotary(pairs, K.cos(angles), K.sin(angles))
      },
      covers: ['rotary', 'iota'],
    },
  ],
  [
    'attention',
    {
      weight: 3,
      choose: (s) => {
        const fits = (v: Known) => float(v) && size(v.shape) > 0 && size(v.shape) % 8 === 0 && within(-8, 8)(v)
        const [q, k, v] = [s.find(fits), s.find(fits), s.find(fits)]
        if (q === undefined || k === undefined || v === undefined) return undefined
        const [a, b, c] = [q, k, v].map((i) => size(s.values[i].shape) / 8)
        if (a > 12 || b !== c) return undefined
        return { args: [q, k, v], attrs: { causal: a <= b && s.random() < 0.6 } }
      },
      build: ([q, k, v], { causal }) =>
        K.attention(
          K.reshape(K.cast(q, 'float32'), [1, q.size / 8, 2, 4]),
          K.reshape(K.cast(k, 'float32'), [1, k.size / 8, 2, 4]),
          K.reshape(K.cast(v, 'float32'), [1, v.size / 8, 2, 4]),
          { causal },
        ),
    },
  ],
  [
    'crossEntropy',
    {
      weight: 6,
      choose: (s) => {
        const t = s.find((v) => v.dtype === 'int32')
        if (t === undefined) return undefined
        const x = s.find(
          (v) =>
            float(v) &&
            lastAxis(v) &&
            v.shape.slice(0, -1).join() === s.values[t].shape.join() &&
            Array.prototype.every.call(s.values[t].data, (id: number) => id < v.shape.at(-1)!),
        )
        return x === undefined ? undefined : { args: [x, t], attrs: { zLoss: s.pick([0, 0.01]) } }
      },
      build: ([x, t], { zLoss }) => K.crossEntropy(x, t, { zLoss }),
    },
  ],
  [
    'linearCrossEntropy',
    {
      weight: 6,
      choose: (s) => {
        const t = s.find((v) => v.dtype === 'int32' && v.shape.length === 1)
        if (t === undefined) return undefined
        const x = s.find(
          (v) => float(v) && v.shape.length === 2 && v.shape[0] === s.values[t].shape[0] && within(-9, 9)(v),
        )
        if (x === undefined) return undefined
        const w = s.find(
          (v) =>
            float(v) &&
            v.shape.length === 2 &&
            v.shape[1] === s.values[x].shape[1] &&
            v.shape[0] > 0 &&
            Array.prototype.every.call(s.values[t].data, (id: number) => id < v.shape[0]) &&
            within(-9, 9)(v),
        )
        if (w === undefined) return undefined
        return { args: [x, w, t], attrs: { chunk: s.pick([undefined, 2, 3]) } }
      },
      build: ([x, w, t], { chunk }) => K.linearCrossEntropy(x, w, t, chunk === undefined ? {} : { chunk }),
    },
  ],
  [
    'scaledMatmul',
    {
      choose: (s) => {
        const fits = (v: Known) =>
          float(v) && v.shape.length === 2 && v.shape[0] > 0 && v.shape[1] > 0 && within(-60, 60)(v)
        const a = s.find(fits)
        if (a === undefined) return undefined
        const b = s.find((v) => fits(v) && v.shape[1] === s.values[a].shape[1])
        return b === undefined ? undefined : { args: [a, b] }
      },
      build: ([a, b]) => {
        const scaled = (x: K.Tensor) => ({ codes: x, scales: K.full([1, 1], 0.5) })
        return [K.scaledMatmul(scaled(a), scaled(b), { transposeB: true }), K.dequantizeBlocks(scaled(a))]
      },
      covers: ['scaledMatmul', 'dequantizeBlocks'],
    },
  ],
]
