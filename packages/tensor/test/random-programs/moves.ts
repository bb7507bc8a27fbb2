import * as K from '../../src/index.ts'
import {
  binary,
  broadcasts,
  float,
  integers,
  isFloat,
  type Known,
  lastAxis,
  type Move,
  reduction,
  size,
  unary,
  within,
} from './move-kinds.ts'
import { namedMoves } from './named-moves.ts'

const moves: readonly [string, Move][] = [
  unary('abs', K.abs, () => true, { exact: true, jumps: 'zero' }),
  unary('neg', K.neg, () => true, { exact: true }),
  unary('square', K.square, within(-30, 30)),
  unary('exp', K.exp, within(-6, 5)),
  unary('log', K.log, within(0.05, 1e4)),
  unary('sqrt', K.sqrt, within(0.05, 1e4)),
  unary('rsqrt', K.rsqrt, within(0.05, 1e4)),
  unary('sin', K.sin, within(-30, 30)),
  unary('cos', K.cos, within(-30, 30)),
  unary('tanh', K.tanh),
  unary('sigmoid', K.sigmoid),
  unary('silu', K.silu),
  unary('sign', K.sign, float, { exact: true, jumps: 'zero' }),
  unary('floor', K.floor, float, { exact: true, jumps: 'whole' }),
  unary('softmax', K.softmax, (v) => float(v) && lastAxis(v)),
  unary('logSoftmax', K.logSoftmax, (v) => float(v) && lastAxis(v)),
  unary('logSumExp', K.logSumExp, (v) => float(v) && lastAxis(v)),
  unary(
    'zerosLike',
    (x) => K.add(K.zerosLike(x), x),
    () => true,
    { covers: ['zerosLike', 'zeros', 'full'] },
  ),
  binary('add', K.add, { exact: true }),
  binary('sub', K.sub, { exact: true }),
  binary('mul', K.mul),
  binary('div', (a, b) => K.div(a, b), {
    fits: float,
    other: (v) => float(v) && (within(0.1, 1e4)(v) || within(-1e4, -0.1)(v)),
  }),
  binary('maximum', K.maximum, { exact: true, jumps: 'tie' }),
  binary('minimum', K.minimum, { exact: true, jumps: 'tie' }),
  binary('equal', K.equal, { exact: true, jumps: 'tie' }),
  binary('notEqual', K.notEqual, { exact: true, jumps: 'tie' }),
  binary('less', K.less, { exact: true, jumps: 'tie' }),
  binary('lessEqual', K.lessEqual, { exact: true, jumps: 'tie' }),
  binary('greater', K.greater, { exact: true, jumps: 'tie' }),
  binary('greaterEqual', K.greaterEqual, { exact: true, jumps: 'tie' }),
  binary('bitwiseAnd', K.bitwiseAnd, { fits: integers, other: integers, exact: true }),
  binary('bitwiseOr', K.bitwiseOr, { fits: integers, other: integers, exact: true }),
  binary('bitwiseXor', K.bitwiseXor, { fits: integers, other: integers, exact: true }),
  [
    'shiftLeft',
    {
      choose: (s) => {
        const x = s.find(integers)
        return x === undefined ? undefined : { args: [x], attrs: { by: s.int(8) } }
      },
      build: ([x], { by }) => K.shiftLeft(x, by),
      exact: true,
    },
  ],
  [
    'shiftRight',
    {
      choose: (s) => {
        const x = s.find(integers)
        return x === undefined ? undefined : { args: [x], attrs: { by: s.int(8) } }
      },
      build: ([x], { by }) => K.shiftRight(x, by),
      exact: true,
    },
  ],
  [
    'swiglu',
    {
      choose: (s) => {
        const a = s.find(float)
        if (a === undefined) return undefined
        const b = s.find((v) => float(v) && v.shape.join() === s.values[a].shape.join())
        return { args: [a, b!] }
      },
      build: ([a, b]) => K.swiglu(a, b),
    },
  ],
  [
    'where',
    {
      choose: (s) => {
        const c = s.find((v) => !float(v))
        if (c === undefined) return undefined
        const a = s.find((v) => broadcasts(v.shape, s.values[c].shape))
        if (a === undefined) return undefined
        const x = s.values[a]
        const b = s.find(
          (v) =>
            broadcasts(v.shape, s.values[c].shape) &&
            broadcasts(v.shape, x.shape) &&
            (float(v) === float(x) ? float(v) || v.dtype === x.dtype : true),
        )
        return b === undefined || s.random() < 0.2
          ? { args: [c, a], attrs: { number: isFloat(x.dtype) ? -1.5 : 3 } }
          : { args: [c, a, b] }
      },
      build: ([c, a, b], attrs) => K.where(c, a, b ?? attrs.number),
      exact: true,
    },
  ],
  [
    'cast',
    {
      choose: (s) => {
        const x = s.find(() => true)!
        const dtype = s.pick([
          'float32',
          'float32',
          'bfloat16',
          'float16',
          'float8_e4m3fn',
          'float8_e5m2',
          'int32',
        ] as const)
        if (dtype === 'int32' && !s.values[x].exact) return undefined
        // What a narrow float cannot hold saturates or overflows by the format's own rule; that has tests of its own.
        const limit = dtype === 'float8_e4m3fn' ? 400 : 3e4
        if (dtype !== 'int32' && Array.prototype.some.call(s.values[x].data, (v: number) => Math.abs(v) > limit))
          return undefined
        return { args: [x], attrs: { dtype } }
      },
      build: ([x], { dtype }) => K.cast(x, dtype),
      exact: true,
      jumps: 'whole',
    },
  ],
  [
    'bitcast',
    {
      choose: (s) => {
        const x = s.find((v) => (v.dtype === 'int32' || v.dtype === 'uint32') && v.exact)
        return x === undefined ? undefined : { args: [x] }
      },
      build: ([x]) => K.bitcast(x, x.dtype === 'int32' ? 'uint32' : 'int32'),
      exact: true,
    },
  ],
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

export const moveTable: ReadonlyMap<string, Move> = new Map([...moves, ...namedMoves])
