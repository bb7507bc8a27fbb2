/** Moves: random bits, and operations that change how a graph is computed but not its values. */
import * as K from '../../src/index.ts'
import { type Move, within } from './move-kinds.ts'

/** Random bits, and what changes how a graph is computed, not its values. */
export const graphMoves: readonly [string, Move][] = [
  [
    'random',
    {
      choose: (s) => {
        const x = s.find((v) => v.dtype === 'float32')
        return x === undefined ? undefined : { args: [x], attrs: { key: [s.int(1000), 7] } }
      },
      build: ([x], { key }) => [
        K.bitwiseXor(K.randomBits(key, x.shape), K.cast(K.mul(x, 0), 'uint32')),
        K.add(K.mul(x, 0), K.randomUniform(key, x.shape)),
        K.castStochastic(x, 'bfloat16', key),
      ],
      covers: ['randomBits', 'randomUniform', 'castStochastic'],
    },
  ],
  [
    'barrier',
    {
      choose: (s) => ({ args: [s.find(() => true)!, s.find(() => true)!] }),
      build: ([x, after]) => K.barrier(x, [after]),
      exact: true,
    },
  ],
  [
    'readTwice',
    {
      weight: 3,
      covers: [],
      // A result that one reader takes as it is and another through a view.
      choose: (s) => {
        const x = s.find((v) => within(-6, 5)(v) && v.shape.length > 0)
        if (x === undefined) return undefined
        const { shape } = s.values[x]
        const views = ['rolled', 'there and back', 'barrier']
        if (shape.length > 1 && shape.at(-1) === shape.at(-2)) views.push('transposed', 'transposed', 'transposed')
        return { args: [x], attrs: { view: s.pick(views), first: s.int(4), second: s.int(4), kept: s.random() < 0.4 } }
      },
      build: ([x], { view, first, second, kept }) => {
        const e = [K.exp, K.sigmoid, (y: K.Tensor) => K.mul(y, 0.5), K.tanh][first](x)
        const n = x.shape[0]
        const seen = {
          rolled: () => K.concatenate([K.sliceAxis(e, 0, n >> 1, n), K.sliceAxis(e, 0, 0, n >> 1)]),
          'there and back': () => K.reshape(K.mul(K.reshape(e, [x.size]), 1.5), x.shape),
          barrier: () => K.barrier(e, [K.sin(x)]),
          transposed: () => K.swapAxes(e, -1, -2),
        }[view as 'transposed']()
        const r = [K.add, K.mul, K.sub, (a: K.Tensor, b: K.Tensor) => K.mul(K.add(b, 1), a)][second](e, seen)
        return kept ? [e, r] : r
      },
    },
  ],
  [
    'checkpoint',
    {
      choose: (s) => {
        const x = s.find(within(-6, 5))
        return x === undefined ? undefined : { args: [x], attrs: { form: s.int(3) } }
      },
      build: ([x], { form }) =>
        K.checkpoint((y: K.Tensor) =>
          form === 0 ? K.sin(y) : form === 1 ? K.silu(K.mul(y, 0.5)) : K.mul(K.tanh(y), y),
        )(x),
    },
  ],
]
