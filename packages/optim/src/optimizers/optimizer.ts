// The interface of optimizers, and the one made from an elementwise update rule.

import type { Elementwise, MomentDtype } from '../arrays/arithmetic.ts'
import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { float32Arithmetic } from '../arrays/block-arithmetic.ts'
import { compileSimd, type SimdProgram } from '../arrays/simd-program.ts'
import { leavesOf, mapTree, zipTrees } from '../arrays/tree.ts'
import { checkFunction, checkInteger, checkNumber, checkOptions, describeValue } from '../check.ts'

/**
 * State of an optimizer: for each moment a tree like the parameters. Plain data, so it can be saved, moved and traced.
 */
export type OptimizerState<P> = { readonly [moment: string]: P }

export interface UpdateOptions {
  /** Write into parameters, state and gradients that are typed arrays, and return them. Default false. */
  inPlace?: boolean
}

export interface UpdateResult<P> {
  params: P
  state: OptimizerState<P>
  /** Metrics of the update, such as `gradNorm` from clipping: numbers, or 0-d arrays if gradients are array objects. */
  metrics: Record<string, any>
}

/**
 * An optimizer without hidden state. P is a tree of Float32Array, Float64Array or array objects (tensors).
 * @example
 * ```ts
 * import { adamw, constant, type Optimizer } from '@kumiki/optim'
 *
 * const optimizer: Optimizer = adamw()
 * const schedule = constant(0.1)
 * let params = { w: Float32Array.of(1, 2) }
 * let state = optimizer.init(params)
 * for (let step = 1; step <= 10; step++) {
 *   const grads = { w: params.w.slice() }
 *   ;({ params, state } = optimizer.update(grads, state, params, optimizer.scalars(step, schedule(step - 1))))
 * }
 * console.log(params.w)
 * ```
 */
export interface Optimizer {
  readonly name: string
  /**
   * The constant added to the root of the second moment `expAvgSq`, if there is one; `withDynamics` compares the two.
   */
  readonly epsilon?: number
  /**
   * State before the first step: zeros.
   * @throws TypeError if a leaf is not an array
   */
  init<P>(params: P): OptimizerState<P>
  /**
   * The numbers that change from step to step; a compiled step takes them as inputs.
   * @param step 1 for the first update
   * @throws RangeError if step is below 1 or learningRate is negative or not finite
   */
  scalars(step: number, learningRate: number): Record<string, number>
  /**
   * One update.
   * @param grads a tree like params
   * @param scalars the result of `scalars`, as numbers or (for array objects) as 0-d arrays
   * @throws TypeError if grads or state lack a leaf of params (further leaves are ignored), or one is of the wrong
   *   kind; RangeError if sizes differ or a scalar is missing
   */
  update<P>(
    grads: P,
    state: OptimizerState<P>,
    params: P,
    scalars: Record<string, any>,
    options?: UpdateOptions,
  ): UpdateResult<P>
  /**
   * The same optimizer with its moments stored in `dtype`, for precision policies. Missing if the optimizer has no such
   * option.
   * @throws RangeError if the optimizer was made with another momentDtype
   */
  withMomentDtype?(dtype: MomentDtype): Optimizer
}

/** Requires an optimizer to wrap. @throws TypeError */
export function checkOptimizer(what: string, optimizer: unknown): void {
  if (typeof (optimizer as Optimizer | undefined)?.update !== 'function')
    throw new TypeError(`${what} must be an optimizer, such as adamw(), got ${describeValue(optimizer)}`)
}

/**
 * The members that a wrapper delegates to the optimizer it wraps. Each is called on that optimizer, which may be an
 * instance of a class.
 * @param wrap makes the same wrapper around another optimizer
 */
export function delegated(
  optimizer: Optimizer,
  wrap: (inside: Optimizer) => Optimizer,
): Pick<Optimizer, 'epsilon' | 'init' | 'scalars' | 'withMomentDtype'> {
  return {
    ...(optimizer.epsilon === undefined ? {} : { epsilon: optimizer.epsilon }),
    init: (params) => optimizer.init(params),
    scalars: (step, learningRate) => optimizer.scalars(step, learningRate),
    ...(optimizer.withMomentDtype ? { withMomentDtype: (dtype) => wrap(optimizer.withMomentDtype!(dtype)) } : {}),
  }
}

/** Whether a parameter is subject to weight decay. */
export type Mask = (path: string, leaf: any) => boolean

/**
 * Matrices decay, vectors and scalars (norms, biases) do not; arrays without a shape decay.
 * @example
 * ```ts
 * import { adamw, decayMatrices } from '@kumiki/optim'
 *
 * const optimizer = adamw({ mask: (path, leaf) => path !== 'embed' && decayMatrices(path, leaf) })
 * console.log(decayMatrices('w', Float32Array.of(1, 2))) // true
 * ```
 */
export const decayMatrices: Mask = (path, leaf) => (arithmeticOf(leaf, path).rank(leaf) ?? 2) >= 2

/** The elementwise update of one array. */
export interface ElementwiseRule {
  readonly name: string
  /** Names of its moments. */
  readonly moments: readonly string[]
  /** How they are stored. Default: float32, or float64 for Float64Array. */
  readonly momentDtype?: MomentDtype
  /** See Optimizer.epsilon. */
  readonly epsilon?: number
  /** See Optimizer.scalars; arguments have been validated. */
  scalars(step: number, learningRate: number): Record<string, number>
  /**
   * Called on blocks of numbers, on tensors, or once on placeholders to trace the formula: it must compute with arrays
   * and scalars only through `ops`, and its control flow may depend only on `decays`.
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

/**
 * An optimizer that updates every array separately with an elementwise rule. For Float32Array the rule is compiled to
 * WebAssembly SIMD if the engine supports it, with the same bits.
 * @param mask which parameters decay
 * @throws RangeError for an unknown momentDtype
 * @example
 * ```ts
 * import { elementwiseOptimizer } from '@kumiki/optim'
 *
 * const signMomentum = elementwiseOptimizer({
 *   name: 'signMomentum',
 *   moments: ['momentum'],
 *   scalars: (_, learningRate) => ({ learningRate }),
 *   update(ops, param, grad, [momentum], { learningRate }) {
 *     const next = ops.addScaled(momentum, 0.9, grad, 0.1)
 *     return [ops.subScaled(param, 1, ops.sign(next), learningRate), next]
 *   },
 * })
 * const params = { w: Float32Array.of(1, -1) }
 * const grads = { w: Float32Array.of(0.5, -3) }
 * const result = signMomentum.update(grads, signMomentum.init(params), params, signMomentum.scalars(1, 0.25))
 * console.log(result.params.w) // Float32Array [0.75, -0.75]
 * ```
 */
export function elementwiseOptimizer(rule: ElementwiseRule, mask: Mask = decayMatrices): Optimizer {
  checkOptions('elementwiseOptimizer: rule', rule, 'name, moments, scalars and update')
  for (const name of ['scalars', 'update'] as const) checkFunction(`${rule.name}: ${name}`, rule[name])
  checkFunction(`${rule.name}: mask`, mask)
  checkMomentDtype(rule)
  const names = Object.keys(rule.scalars(1, 0))
  /** Compiled rules for parameters that do not decay and for those that do; null: the engine cannot compile them. */
  const programs: (SimdProgram | null | undefined)[] = []
  const programFor = (decays: boolean): SimdProgram | null => {
    const i = decays ? 1 : 0
    // Null is stored too, so that compilation is tried only once.
    if (programs[i] === undefined)
      programs[i] =
        compileSimd(2 + rule.moments.length, names.length, (ops, [p, g, ...m], scalars) =>
          rule.update(ops, p, g, m, Object.fromEntries(names.map((name, k) => [name, scalars[k]])), decays),
        ) ?? null
    return programs[i] as SimdProgram | null
  }
  return {
    name: rule.name,
    ...(rule.epsilon === undefined ? {} : { epsilon: rule.epsilon }),
    init: (params) =>
      Object.fromEntries(
        rule.moments.map((moment) => [
          moment,
          mapTree(params, (leaf, path) => arithmeticOf(leaf, `params.${path}`).zeros(leaf, rule.momentDtype)),
        ]),
      ),
    withMomentDtype(momentDtype) {
      if (rule.momentDtype !== undefined && rule.momentDtype !== momentDtype)
        throw new RangeError(
          `${rule.name}: it was made with momentDtype ${rule.momentDtype}, but ${momentDtype} is requested; set it in one place only`,
        )
      return elementwiseOptimizer({ ...rule, momentDtype }, mask)
    },
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
      checkOptions(`${rule.name}: state`, state, "the moments that the optimizer's init made")
      checkScalars(rule, scalars, params)
      const trees = [
        ['params', params],
        ['grads', grads],
        ...rule.moments.map((moment) => [`state.${moment}`, state[moment]] as const),
      ] as const
      const [newParams, ...moments] = zipTrees(rule.name, trees, (leaves, path) => {
        const arithmetic = sameArithmetic(rule, trees, leaves, path)
        const [param, , ...old] = leaves
        const decays = mask(path, param)
        const program = arithmetic === float32Arithmetic ? programFor(decays) : null
        if (program) {
          const targets = [param, ...old]
          const outputs = inPlace ? targets : targets.map((t) => new t.constructor(t.length))
          program.run(
            leaves,
            outputs,
            names.map((name) => scalars[name]),
          )
          return outputs
        }
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

function checkMomentDtype({ name, momentDtype }: ElementwiseRule): void {
  if (momentDtype !== undefined && momentDtype !== 'float32' && momentDtype !== 'bfloat16')
    throw new RangeError(`${name}: momentDtype must be float32 or bfloat16, got ${describeValue(momentDtype)}`)
}

function sameArithmetic(
  rule: ElementwiseRule,
  trees: readonly (readonly [string, unknown])[],
  leaves: readonly unknown[],
  path: string,
) {
  const arithmetic = arithmeticOf(leaves[0], `${rule.name}: params.${path}`)
  const size = arithmetic.size(leaves[0])
  for (let i = 1; i < leaves.length; i++) {
    const name = `${trees[i][0]}.${path}`
    const codes = leaves[i] instanceof Uint16Array
    // For typed arrays, moments in bfloat16 are Uint16Array codes; for array objects they are array objects.
    if (i >= 2 && ArrayBuffer.isView(leaves[0]) && codes !== (rule.momentDtype === 'bfloat16'))
      throw new TypeError(
        `${rule.name}: ${name} is ${describeValue(leaves[i])} where momentDtype is ${rule.momentDtype ?? 'not bfloat16'}`,
      )
    if (!codes && arithmeticOf(leaves[i], `${rule.name}: ${name}`) !== arithmetic)
      throw new TypeError(
        `${rule.name}: ${name} is ${describeValue(leaves[i])} where params.${path} is ${describeValue(leaves[0])}`,
      )
    const other = codes ? (leaves[i] as Uint16Array).length : arithmetic.size(leaves[i])
    if (other !== size)
      throw new RangeError(`${rule.name}: ${name} has ${other} elements where params.${path} has ${size}`)
  }
  return arithmetic
}

function checkScalars(rule: ElementwiseRule, scalars: Record<string, any>, params: unknown): void {
  checkOptions(`${rule.name}: scalars`, scalars, 'the numbers of scalars(step, learningRate)')
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
