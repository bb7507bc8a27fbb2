// What an optimizer is, and how one is made from a formula for one array.

import { arithmeticOf, type Elementwise } from './arithmetic.ts'
import { checkInteger, checkNumber, describeValue } from './check.ts'
import { leavesOf, mapTree, zipTrees } from './tree.ts'

/** State of an optimizer: for each moment a tree like the parameters. Plain, so it can be saved, moved and compiled over. */
export type OptimizerState<P> = { readonly [moment: string]: P }

export interface UpdateOptions {
  /** Write into the given parameters, state and gradients where they are typed arrays, and return them. Default false. */
  inPlace?: boolean
}

export interface UpdateResult<P> {
  params: P
  state: OptimizerState<P>
  /** What was seen on the way, such as `gradNorm` from clipping: numbers, or 0-d arrays where gradients are array objects. */
  metrics: Record<string, any>
}

/**
 * An optimizer without hidden state. P is a tree of Float32Array, Float64Array or array objects (tensors).
 *
 * ```ts
 * let state = optimizer.init(params)
 * for (let step = 1; step <= steps; step++)
 *   ({ params, state } = optimizer.update(grads, state, params, optimizer.scalars(step, schedule(step - 1))))
 * ```
 */
export interface Optimizer {
  readonly name: string
  /** State before the first step: zeros. @throws TypeError where a leaf is no array */
  init<P>(params: P): OptimizerState<P>
  /**
   * Everything that changes from step to step, as numbers: a compiled step takes them as inputs.
   * @param step 1 for the first update
   * @throws RangeError where step is below 1 or learningRate is negative or not finite
   */
  scalars(step: number, learningRate: number): Record<string, number>
  /**
   * One update.
   * @param grads tree like params
   * @param scalars what `scalars` gave, as numbers or (for array objects) as 0-d arrays
   * @throws TypeError where the trees differ or a leaf is of the wrong kind; RangeError where sizes differ or a scalar is missing
   */
  update<P>(
    grads: P,
    state: OptimizerState<P>,
    params: P,
    scalars: Record<string, any>,
    options?: UpdateOptions,
  ): UpdateResult<P>
}

/** Which parameters decay. */
export type Mask = (path: string, leaf: any) => boolean

/** Matrices decay, vectors and scalars (norms, biases) do not; arrays that do not know their shape decay. */
export const decayMatrices: Mask = (path, leaf) => (arithmeticOf(leaf, path).rank(leaf) ?? 2) >= 2

/** The update of one array, elementwise. */
export interface ElementwiseRule {
  readonly name: string
  /** Names of the moments it keeps. */
  readonly moments: readonly string[]
  /** See Optimizer.scalars; arguments are checked already. */
  scalars(step: number, learningRate: number): Record<string, number>
  /**
   * @param decays whether this parameter is subject to weight decay
   * @returns the new parameter, then the new moments in the order of `moments`
   */
  update<A, S>(
    ops: Elementwise<A, S>,
    param: A,
    grad: A,
    moments: readonly A[],
    scalars: Record<string, S | number>,
    decays: boolean,
  ): readonly A[]
}

/** An optimizer that updates every array by itself with an elementwise formula. */
export function elementwiseOptimizer(rule: ElementwiseRule, mask: Mask = decayMatrices): Optimizer {
  return {
    name: rule.name,
    init: (params) =>
      Object.fromEntries(
        rule.moments.map((moment) => [
          moment,
          mapTree(params, (leaf, path) => arithmeticOf(leaf, `params.${path}`).zeros(leaf)),
        ]),
      ),
    scalars(step, learningRate) {
      checkInteger(`${rule.name}: step`, step, 1)
      checkNumber(`${rule.name}: learningRate`, learningRate, 0)
      return rule.scalars(step, learningRate)
    },
    update<P>(
      grads: P,
      state: OptimizerState<P>,
      params: P,
      scalars: Record<string, any>,
      { inPlace = false }: UpdateOptions = {},
    ) {
      checkScalars(rule, scalars, params)
      const trees = [
        ['params', params],
        ['grads', grads],
        ...rule.moments.map((moment) => [`state.${moment}`, state[moment]] as const),
      ] as const
      const [newParams, ...moments] = zipTrees(rule.name, trees, (leaves, path) => {
        const arithmetic = sameArithmetic(rule.name, trees, leaves, path)
        const [param, , ...old] = leaves
        const decays = mask(path, param)
        return arithmetic.elementwise(leaves, [param, ...old], inPlace, (ops, [p, g, ...m]) =>
          rule.update(ops, p, g, m, scalars, decays),
        )
      })
      return {
        params: newParams as P,
        state: Object.fromEntries(rule.moments.map((moment, i) => [moment, moments[i] as P])),
        metrics: {},
      }
    },
  }
}

function sameArithmetic(
  what: string,
  trees: readonly (readonly [string, unknown])[],
  leaves: readonly unknown[],
  path: string,
) {
  const arithmetic = arithmeticOf(leaves[0], `${what}: params.${path}`)
  const size = arithmetic.size(leaves[0])
  for (let i = 1; i < leaves.length; i++) {
    const name = `${trees[i][0]}.${path}`
    if (arithmeticOf(leaves[i], `${what}: ${name}`) !== arithmetic)
      throw new TypeError(
        `${what}: ${name} is ${describeValue(leaves[i])} where params.${path} is ${describeValue(leaves[0])}`,
      )
    const other = arithmetic.size(leaves[i])
    if (other !== size) throw new RangeError(`${what}: ${name} has ${other} elements where params.${path} has ${size}`)
  }
  return arithmetic
}

function checkScalars(rule: ElementwiseRule, scalars: Record<string, any>, params: unknown): void {
  const typed = leavesOf(params).some(({ leaf }) => ArrayBuffer.isView(leaf))
  for (const name of Object.keys(rule.scalars(1, 0))) {
    if (scalars[name] === undefined)
      throw new RangeError(
        `${rule.name}: scalars.${name} is missing; pass what scalars(step, learningRate) gave (it has ${Object.keys(scalars).join(', ') || 'nothing'})`,
      )
    if (typed && typeof scalars[name] !== 'number')
      throw new TypeError(`${rule.name}: scalars.${name} must be a number for typed arrays`)
  }
}
