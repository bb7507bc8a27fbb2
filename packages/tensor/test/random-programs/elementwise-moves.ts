/** Moves: elementwise operations. */
import * as K from '../../src/index.ts'
import { binary, broadcasts, float, integers, isFloat, lastAxis, type Move, unary, within } from './move-kinds.ts'

/** Operations of each element by itself. */
export const elementwiseMoves: readonly [string, Move][] = [
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
]
