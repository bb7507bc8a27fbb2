/** Random programs as plain data, and their execution. */
import * as K from '../../src/index.ts'
import { random } from '../conformance-cases.ts'
import { isFloat, type Known, type Move, type Scene } from './move-kinds.ts'
import { moveTable } from './moves.ts'

export interface ProgramInput {
  readonly shape: readonly number[]
  readonly dtype: K.DType
  /** Multiples of 1/8 between -2 and 2, or small integers: every format holds them. */
  readonly data: readonly number[]
}

/** A computation as plain data. Values are numbered: the inputs, then what the instructions give. */
export interface Program {
  readonly inputs: readonly ProgramInput[]
  readonly instructions: readonly { readonly move: string; readonly args: readonly number[]; readonly attrs?: any }[]
  /** Values that are asked for. */
  readonly outputs: readonly number[]
  /** How often the sum of the float outputs, weighted, is differentiated by the float inputs. */
  readonly gradient: 0 | 1 | 2
}

const shapes = [
  [],
  [1],
  [3],
  [3, 3],
  [4, 4],
  [2, 3, 3],
  [4],
  [7],
  [8],
  [0],
  [2, 3],
  [3, 1],
  [1, 4],
  [4, 4],
  [3, 0],
  [2, 4],
  [5, 7],
  [2, 1, 3],
  [2, 3, 4],
  [1, 8],
  [33],
]
const inputDtypes = [
  'float32',
  'float32',
  'float32',
  'float32',
  'bfloat16',
  'float16',
  'int32',
  'int32',
  'uint32',
] as const

/** The program of a seed. `reference` runs it as it is made, so that every value is finite and of moderate size. */
export async function makeProgram(
  seed: number,
  reference: K.Device,
  options: { readonly only?: ReadonlySet<string>; readonly float32?: boolean } = {},
): Promise<Program> {
  const next = random(seed)
  const int = (n: number) => Math.floor(next() * n)
  const pick = <T>(list: readonly T[]): T => list[int(list.length)]
  const inputs = Array.from({ length: 2 + int(3) }, (): ProgramInput => {
    const shape = pick(shapes)
    const dtype = options.float32 ? pick(['float32', 'float32', 'float32', 'int32'] as const) : pick(inputDtypes)
    const n = shape.reduce((a, b) => a * b, 1)
    const data = Array.from({ length: n }, () => (isFloat(dtype) ? (int(33) - 16) / 8 : int(4)))
    return { shape, dtype, data }
  })
  // Ids that fit one of the others: rows to take, targets of its rows.
  const about = inputs.find((x) => isFloat(x.dtype) && x.shape.length > 0)
  if (about && next() < 0.5) {
    const shape = about.shape.slice(0, next() < 0.7 ? -1 : 1)
    const n = shape.reduce((a, b) => a * b, 1)
    inputs.push({ shape, dtype: 'int32', data: Array.from({ length: n }, () => int(4) - (next() < 0.1 ? 4 : 0)) })
  }
  const tensors: K.Tensor[] = inputs.map((x) => reference.tensor(x.data, x.shape, x.dtype))
  const values: Known[] = inputs.map((x) => ({ ...x, exact: true }))
  const scene: Scene = {
    values,
    random: next,
    int,
    pick,
    find: (fits) => {
      const all = values.flatMap((v, i) => (fits(v) ? [i] : []))
      if (all.length === 0) return undefined
      // The newest half the time: programs are chains as well as bushes.
      return next() < 0.4 ? all[all.length - 1] : pick(all)
    },
  }
  const names = [...moveTable].flatMap(([name, { weight = 1 }]) =>
    !options.only || options.only.has(name) ? new Array<string>(weight).fill(name) : [],
  )
  const instructions: { move: string; args: readonly number[]; attrs?: any }[] = []
  const wanted = 3 + int(10)
  for (let tries = 0; instructions.length < wanted && tries < 200; tries++) {
    const name = pick(names)
    const move = moveTable.get(name)!
    const chosen = move.choose(scene)
    if (
      !chosen ||
      !settled(
        move,
        chosen.args.map((i) => values[i]),
        chosen.attrs,
      )
    )
      continue
    const made = [
      move.build(
        chosen.args.map((i) => tensors[i]),
        chosen.attrs,
      ),
    ].flat() as K.Tensor[]
    if (made.some((t) => t.size > 300)) continue
    const here = made.map((t) => (t.device ? t : t.add(reference.tensor(0, [], t.dtype))))
    await reference.evaluate(here)
    const data = await Promise.all(here.map((t) => t.data()))
    if (!data.every((d, i) => moderate(d, here[i].dtype))) continue
    const exact = move.exact === true && chosen.args.every((i) => values[i].exact)
    here.forEach((t, i) => {
      tensors.push(t)
      values.push({ shape: t.shape, dtype: t.dtype, exact: exact && onGrid(data[i]), data: data[i] })
    })
    instructions.push({ move: name, args: chosen.args, ...(chosen.attrs && { attrs: chosen.attrs }) })
  }
  // The last value, and some of the others: what is kept decides what can be fused and overwritten.
  const outputs = values.flatMap((_, i) => (i >= inputs.length && (i === values.length - 1 || next() < 0.3) ? [i] : []))
  const gradient = pick([0, 0, 1, 1, 2] as const)
  return { inputs, instructions, outputs, gradient }
}

/** Whether every backend must come to the same side of every jump. */
function settled(move: Move, args: readonly Known[], attrs: any): boolean {
  if (!move.jumps || args.every((v) => v.exact)) return true
  const margin = 1e-2
  const all = (v: Known, f: (x: number) => boolean) => Array.prototype.every.call(v.data, f)
  switch (move.jumps) {
    case 'zero':
      return args.every((v) => all(v, (x) => Math.abs(x) > margin))
    case 'whole':
      // Rounding to a format jumps too, by its step; the tolerance knows of that.
      return attrs?.dtype !== undefined
        ? isFloat(attrs.dtype)
        : args.every((v) => all(v, (x) => Math.abs(x - Math.round(x)) > margin))
    case 'tie':
      if (args.length === 1) return all(args[0], (x) => Math.abs(x - attrs.number) > margin)
      return apart([...Array.from(args[0].data), ...Array.from(args[1].data)], margin)
    case 'row tie':
      return apart(Array.from(args[0].data), margin)
  }
}

function apart(values: number[], margin: number): boolean {
  values.sort((a, b) => a - b)
  return values.every((x, i) => i === 0 || x - values[i - 1] > margin)
}

function moderate(data: ArrayLike<number>, dtype: K.DType): boolean {
  const limit = isFloat(dtype) ? 1e3 : Number.POSITIVE_INFINITY
  return Array.prototype.every.call(data, (x: number) => Number.isFinite(x) && Math.abs(x) <= limit)
}

/** Multiples of 1/64 of small size: sums of them are exact in float32 in any order. */
function onGrid(data: ArrayLike<number>): boolean {
  return Array.prototype.every.call(data, (x: number) => Number.isInteger(x * 64))
}

/** The outputs of a program as graph, followed by the gradients it asks for. */
export function build(program: Program, inputs: readonly K.Tensor[]): K.Tensor[] {
  const forward = (given: readonly K.Tensor[]): K.Tensor[] => {
    const values = [...given]
    for (const { move, args, attrs } of program.instructions)
      values.push(
        ...([
          moveTable.get(move)!.build(
            args.map((i) => values[i]),
            attrs,
          ),
        ].flat() as K.Tensor[]),
      )
    return program.outputs.map((i) => values[i])
  }
  if (program.gradient === 0) return forward(inputs)
  const floats = inputs.flatMap((x, i) => (isFloat(x.dtype) ? [i] : []))
  const withFloats = (f: (given: readonly K.Tensor[]) => K.Tensor[]) => (params: readonly K.Tensor[]) => {
    const given = [...inputs]
    floats.forEach((i, k) => {
      given[i] = params[k]
    })
    const outs = f(given)
    return [weighted(outs), outs] as const
  }
  const own = floats.map((i) => inputs[i])
  const once = (params: readonly K.Tensor[]) => K.valueAndGrad(withFloats(forward))(params)
  if (program.gradient === 1) {
    const { aux, grads } = once(own)
    return [...aux, ...grads]
  }
  const { aux, grads } = K.valueAndGrad((params: readonly K.Tensor[]) => {
    const first = once(params)
    return [weighted(first.grads), [...first.aux, ...first.grads]] as const
  })(own)
  return [...aux, ...grads]
}

/** The sum of all float results, each element with a weight of its own. */
function weighted(outs: readonly K.Tensor[]): K.Tensor {
  let total: K.Tensor = K.full([], 0)
  for (const out of outs) {
    if (!isFloat(out.dtype) || out.size === 0) continue
    const weights = K.cos(K.cast(K.iota([out.size], 0), 'float32'))
    total = K.add(total, K.sum(K.mul(K.cast(K.reshape(out, [out.size]), 'float32'), weights)))
  }
  return total
}

/**
 * The step of the coarsest format in a program: what one value that lies between two codes may differ by, relative to
 * its size.
 */
export function coarsestStep(program: Program): number {
  const formats = new Set<string>(program.inputs.map((x) => x.dtype))
  for (const { move, attrs } of program.instructions) {
    if (move === 'cast') formats.add(attrs.dtype)
    if (move === 'random') formats.add('bfloat16')
  }
  if (formats.has('float8_e5m2')) return 2 ** -2
  if (formats.has('float8_e4m3fn')) return 2 ** -3
  if (formats.has('bfloat16')) return 2 ** -8
  if (formats.has('float16')) return 2 ** -11
  return 0
}
