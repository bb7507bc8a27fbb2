/** The kernels and shapes that are timed, for all implementations. */

export const layouts = ['NN', 'NT', 'TN', 'TT'] as const

export interface KernelCase {
  readonly name: string
  readonly kernel: 'matmul' | 'attention' | 'softmax' | 'rmsNorm'
  /** Shapes of the inputs as stored. Attention (causal): q, k, v [batch, tokens, heads, size]; rmsNorm: x, weight. */
  readonly inputs: readonly (readonly number[])[]
  /** A letter for each operand of a matmul: T is transposed before it is multiplied, N is not. */
  readonly layout: (typeof layouts)[number]
  /** Whether the gradients of all inputs are computed too, of the sum of the squared results. */
  readonly backward: boolean
  /** Useful FLOPs: of attention only the unmasked half; its backward pass counts as 2.5 forward passes. */
  readonly flops?: number
}

export const epsilon = 1e-5
const heads = 8
const headSize = 64

export function matmulCases(sizes: readonly number[]): KernelCase[] {
  return sizes.flatMap((n) =>
    layouts.map((layout) => {
      const square = [n, n]
      return {
        name: `matmul ${n} ${layout}`,
        kernel: 'matmul' as const,
        inputs: [square, square],
        layout,
        backward: false,
        flops: 2 * n ** 3,
      }
    }),
  )
}

export function attentionCases(lengths: readonly number[]): KernelCase[] {
  return lengths.flatMap((tokens) =>
    [false, true].map((backward) => {
      const shape = [1, tokens, heads, headSize]
      return {
        name: `attention T=${tokens} ${backward ? 'forward+backward' : 'forward'}`,
        kernel: 'attention' as const,
        inputs: [shape, shape, shape],
        layout: 'NN' as const,
        backward,
        flops: 2 * tokens ** 2 * headSize * heads * (backward ? 3.5 : 1),
      }
    }),
  )
}

const rows = { inputs: [[1024, 1024]], layout: 'NN' } as const
export const rowCases: readonly KernelCase[] = [
  { ...rows, name: 'softmax 1024x1024 forward', kernel: 'softmax', backward: false },
  { ...rows, name: 'softmax 1024x1024 forward+backward', kernel: 'softmax', backward: true },
  { ...rows, name: 'rmsNorm 1024x1024 forward', kernel: 'rmsNorm', inputs: [[1024, 1024], [1024]], backward: false },
]

export const comparedCases: readonly KernelCase[] = [
  ...matmulCases([256, 512, 1024]),
  ...attentionCases([256, 512]),
  ...rowCases,
]

/** @param pattern a regular expression for names @throws RangeError if no case matches */
export function selectCases(cases: readonly KernelCase[], pattern: string): KernelCase[] {
  const expression = new RegExp(pattern)
  const selected = cases.filter((c) => expression.test(c.name))
  if (selected.length === 0)
    throw new RangeError(`--cases: ${pattern} matches none of\n  ${cases.map((c) => c.name).join('\n  ')}`)
  return selected
}

/** Uniform numbers between -1 and 1, the same in every process. @param index of the input, which seeds the generator */
export function inputValues(shape: readonly number[], index: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  let state = 0x9e3779b9 * (index + 1)
  for (let i = 0; i < values.length; i++) {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let h = Math.imul(state ^ (state >>> 15), state | 1)
    h ^= h + Math.imul(h ^ (h >>> 7), h | 61)
    values[i] = (((h ^ (h >>> 14)) >>> 0) / 2 ** 32) * 2 - 1
  }
  return values
}

/** Largest difference of results (see `largestDifference`) with which a kernel is timed. */
export const tolerance = 1e-3

/** The largest difference of any two values, relative to the root mean square of the second result; NaN counts. */
export function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  if (a.length !== b.length) return Number.NaN
  let worst = 0
  for (const [i, expected] of b.entries()) {
    if (a[i].length !== expected.length) return Number.NaN
    let squares = 0
    let largest = 0
    for (let j = 0; j < expected.length; j++) {
      const difference = Math.abs(a[i][j] - expected[j])
      if (Number.isNaN(difference)) return Number.NaN
      largest = Math.max(largest, difference)
      squares += expected[j] ** 2
    }
    worst = Math.max(worst, largest / Math.sqrt(squares / expected.length))
  }
  return worst
}
