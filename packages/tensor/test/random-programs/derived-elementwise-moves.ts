/** Moves: composite elementwise operations. */
import * as K from '../../src/index.ts'
import { alike, all, binary, float, type Move, unary, within } from './move-kinds.ts'

const numberOf =
  (list: readonly number[]): Move['choose'] =>
  (s) => {
    const x = s.find(float)
    return x === undefined ? undefined : { args: [x], attrs: { number: s.pick(list) } }
  }

/** Operations of each element by itself that are made of others. */
export const derivedElementwiseMoves: readonly [string, Move][] = [
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
  // Halves of what is far from integers.
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
]
