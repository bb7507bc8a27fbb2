/** What a move is, and moves of common shapes. */
import type * as K from '../../src/index.ts'

/** A value of the program so far. */
export interface Known {
  readonly shape: readonly number[]
  readonly dtype: K.DType
  /** Whether every backend computes it exactly: then ties and integers in it are no accident. */
  readonly exact: boolean
  /** Its elements on the reference backend. */
  readonly data: ArrayLike<number>
}

/** What a move may ask while it chooses its operands. */
export interface Scene {
  readonly values: readonly Known[]
  random(): number
  /** An integer from 0 to n - 1. */
  int(n: number): number
  pick<T>(list: readonly T[]): T
  /** The place of a random value that fits, newer ones more often; undefined if none does. */
  find(fits: (v: Known) => boolean): number | undefined
}

export interface Chosen {
  /** Places of the operands among the values. */
  readonly args: readonly number[]
  /** Plain data: it is written into the vectors. */
  readonly attrs?: any
}

/** One operation: how its operands are chosen, and how it is called. */
export interface Move {
  choose(scene: Scene): Chosen | undefined
  build(args: readonly K.Tensor[], attrs: any): K.Tensor | readonly K.Tensor[]
  /** Whether exact operands give an exact result. */
  readonly exact?: boolean
  /**
   * Jumps where an operand crosses an integer, zero, or another operand: such operands must be exact or far from
   * it.
   */
  readonly jumps?: 'whole' | 'zero' | 'tie' | 'row tie'
  /** How much more often than others it is made; 1 unless said. */
  readonly weight?: number
  /** Operations it stands for, if not its own name. */
  readonly covers?: readonly string[]
}

export const isFloat = (d: K.DType) => !/int/.test(d)

export const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
export const float = (v: Known) => isFloat(v.dtype)
export const integers = (v: Known) => !float(v)
export const within = (low: number, high: number) => (v: Known) =>
  float(v) && Array.prototype.every.call(v.data, (x: number) => x >= low && x <= high)
/** At least one axis, and no axis of length 0. */
export const hasElements = (v: Known) => v.shape.length > 0 && size(v.shape) > 0
/** Whether the condition holds for every element. */
export const all = (v: Known, f: (x: number) => boolean) => Array.prototype.every.call(v.data, f)
/** At least two axes. */
export const isMatrix = (v: Known) => v.shape.length > 1
export const lastAxis = (v: Known) => v.shape.length > 0 && v.shape[v.shape.length - 1] > 0

export function broadcasts(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 1; i <= Math.min(a.length, b.length); i++) {
    const [x, y] = [a[a.length - i], b[b.length - i]]
    if (x !== y && x !== 1 && y !== 1) return false
  }
  return true
}

export const unary = (
  name: string,
  build: (x: K.Tensor) => K.Tensor,
  fits: (v: Known) => boolean = float,
  more: Partial<Move> = {},
): [string, Move] => [
  name,
  {
    choose: (s) => {
      const x = s.find(fits)
      return x === undefined ? undefined : { args: [x] }
    },
    build: ([x]) => build(x),
    ...more,
  },
]

/** Two operands that broadcast, or one and a number. */
export const binary = (
  name: string,
  build: (a: K.Tensor, b: K.Tensor | number) => K.Tensor,
  {
    fits = () => true,
    other = () => true,
    ...more
  }: Partial<Move> & { fits?(v: Known): boolean; other?(v: Known): boolean } = {},
): [string, Move] => [
  name,
  {
    choose: (s) => {
      const a = s.find(fits)
      if (a === undefined) return undefined
      const x = s.values[a]
      if (s.random() < 0.25) {
        const number = isFloat(x.dtype) ? s.pick([0.5, -1, 2, 1, 1.5, 0.25]) : s.pick([1, 2, 3])
        const known: Known = { shape: [], dtype: x.dtype, exact: true, data: [number] }
        return other(known) ? { args: [a], attrs: { number } } : undefined
      }
      const mixed = (v: Known) => isFloat(v.dtype) || isFloat(x.dtype) || v.dtype === x.dtype
      const b = s.find((v) => broadcasts(x.shape, v.shape) && mixed(v) && other(v))
      return b === undefined ? undefined : { args: [a, b] }
    },
    build: ([a, b], attrs) => build(a, b ?? attrs.number),
    ...more,
  },
]

/** Some axes of a value, or all of them. */
export const reduction = (
  name: string,
  build: (x: K.Tensor, axes: readonly number[] | undefined, keep: boolean) => K.Tensor,
  fits: (v: Known) => boolean,
  more: Partial<Move> = {},
): [string, Move] => [
  name,
  {
    choose: (s) => {
      const x = s.find(fits)
      if (x === undefined) return undefined
      const rank = s.values[x].shape.length
      const axes = s.random() < 0.2 ? undefined : [...Array(rank).keys()].filter(() => s.random() < 0.5)
      return { args: [x], attrs: { axes: axes?.length === 0 ? undefined : axes, keep: s.random() < 0.4 } }
    },
    build: ([x], { axes, keep }) => build(x, axes, keep),
    ...more,
  },
]

/** One operand and an axis of it. */
export const along = (
  name: string,
  build: (x: K.Tensor, axis: number) => K.Tensor | readonly K.Tensor[],
  fits: (v: Known) => boolean,
  more: Partial<Move> = {},
): [string, Move] => [
  name,
  {
    choose: (s) => {
      const x = s.find((v) => v.shape.length > 0 && fits(v))
      return x === undefined ? undefined : { args: [x], attrs: { axis: s.int(s.values[x].shape.length) } }
    },
    build: ([x], { axis }) => build(x, axis),
    ...more,
  },
]

/** Two operands of one shape and dtype. */
export const alike = (
  name: string,
  build: (a: K.Tensor, b: K.Tensor) => K.Tensor,
  fits: (v: Known) => boolean,
  more: Partial<Move> = {},
): [string, Move] => [
  name,
  {
    choose: (s) => {
      const a = s.find(fits)
      if (a === undefined) return undefined
      const x = s.values[a]
      return { args: [a, s.find((v) => v.dtype === x.dtype && v.shape.join() === x.shape.join())!] }
    },
    build: ([a, b]) => build(a, b),
    ...more,
  },
]
