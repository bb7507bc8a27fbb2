// Makes an optimizer from an update rule for whole matrices, for rules that are not elementwise.

import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { HostMatrix } from '../arrays/host-matrix.ts'
import { type AnyMethodArray, castLike, type MatrixMethodArray, widen } from '../arrays/method-arithmetic.ts'
import { leavesOf, mapTree } from '../arrays/tree.ts'
import { checkFunction, checkInteger, checkNumber, checkOptions, describeValue } from '../check.ts'
import { decayMatrices, type Mask, type Optimizer, type OptimizerState } from './optimizer.ts'

/** The shape of a typed array (array objects have their own). Undefined: a vector. */
export type ShapeOf = (path: string, leaf: Float32Array | Float64Array) => readonly number[] | undefined

/** The array that a rule computes with: a float32 (or float64) array object. */
export type Matrix = MatrixMethodArray<any>

/** The update of one matrix or vector. */
export interface MatrixRule {
  readonly name: string
  scalars(step: number, learningRate: number): Record<string, number>
  /** Initial moments of one parameter. Their shapes may differ from its own, and between parameters. */
  init(param: Matrix, path: string): Record<string, Matrix>
  /**
   * One update; must not write into its arguments.
   * @returns the new parameter and the new moments
   */
  update(
    param: Matrix,
    grad: Matrix,
    moments: Readonly<Record<string, Matrix>>,
    scalars: Record<string, any>,
    decays: boolean,
    path: string,
  ): { param: Matrix; moments: Record<string, Matrix> }
}

export interface MatrixOptimizerOptions {
  mask?: Mask
  shapeOf?: ShapeOf
}

const methods = ['matmul', 'transpose', 'reshape'] as const

/**
 * An optimizer that updates every array with a rule for matrices. State: for each moment a record from path to array.
 */
export function matrixOptimizer(
  rule: MatrixRule,
  { mask = decayMatrices, shapeOf }: MatrixOptimizerOptions,
): Optimizer {
  checkFunction(`${rule.name}: mask`, mask)
  if (shapeOf !== undefined) checkFunction(`${rule.name}: shapeOf`, shapeOf)
  /** The array as the rule computes with it: typed arrays get the shape that `shapeOf` gives. */
  const toMatrix = (leaf: any, what: string, path: string, shape?: readonly number[]): Matrix => {
    arithmeticOf(leaf, `${rule.name}: ${what}`)
    if (!ArrayBuffer.isView(leaf)) {
      const missing = methods.filter((name) => typeof leaf[name] !== 'function')
      if (missing.length > 0)
        throw new TypeError(`${rule.name}: ${what}: ${describeValue(leaf)} lacks ${missing.join(', ')}`)
      return widen(leaf) as Matrix
    }
    const array = leaf as Float32Array
    const given = shape ?? shapeOf?.(path, array) ?? [array.length]
    if (given.reduce((n, d) => n * d, 1) !== array.length)
      throw new RangeError(
        `${rule.name}: ${what} has ${array.length} elements, which does not fit shape [${given.join(', ')}]`,
      )
    return new HostMatrix(array, given)
  }
  /** The result as an array of the target's kind and dtype. */
  const fromMatrix = (result: Matrix, target: unknown, inPlace: boolean): unknown => {
    if (!(result instanceof HostMatrix)) return castLike(result as AnyMethodArray, target as AnyMethodArray)
    if (!inPlace) return result.data
    ;(target as Float32Array).set(result.data)
    return target
  }
  return {
    name: rule.name,
    init(params) {
      const state: Record<string, Record<string, unknown>> = {}
      for (const { path, leaf } of leavesOf(params))
        for (const [moment, zero] of Object.entries(rule.init(toMatrix(leaf, `params.${path}`, path), path)))
          (state[moment] ??= {})[path] = zero instanceof HostMatrix ? zero.data : zero
      return state as OptimizerState<any>
    },
    scalars(step, learningRate) {
      checkInteger(`${rule.name}: step`, step, 1)
      checkNumber(`${rule.name}: learningRate`, learningRate, 0)
      return rule.scalars(step, learningRate)
    },
    update(grads, state, params, scalars, { inPlace = false } = {}) {
      checkOptions(`${rule.name}: state`, state, "the moments that the optimizer's init made")
      checkOptions(`${rule.name}: scalars`, scalars, 'the numbers of scalars(step, learningRate)')
      for (const name of Object.keys(rule.scalars(1, 0)))
        if (scalars[name] === undefined)
          throw new RangeError(`${rule.name}: scalars.${name} is missing; pass what scalars(step, learningRate) gave`)
      const byPath = new Map(leavesOf(grads).map(({ path, leaf }) => [path, leaf]))
      const nextState: Record<string, Record<string, unknown>> = Object.fromEntries(
        Object.keys(state).map((moment) => [moment, {}]),
      )
      const nextParams = mapTree(params, (leaf, path) => {
        const param = toMatrix(leaf, `params.${path}`, path)
        const found: any = byPath.get(path)
        const grad = toMatrix(found, `grads.${path}`, path, param.shape)
        if (ArrayBuffer.isView(leaf) !== ArrayBuffer.isView(found) || grad.shape.join() !== param.shape.join())
          throw new TypeError(
            `${rule.name}: grads.${path} is ${describeValue(found)} [${grad.shape.join(', ')}] where params.${path} is ${describeValue(leaf)} [${param.shape.join(', ')}]`,
          )
        const shapes = rule.init(param, path)
        const moments = Object.fromEntries(
          Object.entries(shapes).map(([moment, zero]) => {
            const stored = (state[moment] as Record<string, unknown> | undefined)?.[path]
            if (stored === undefined)
              throw new TypeError(
                `${rule.name}: state.${moment} has no ${path}; was it made by init for these parameters?`,
              )
            return [moment, toMatrix(stored, `state.${moment}.${path}`, path, zero.shape)]
          }),
        )
        const result = rule.update(param, grad, moments, scalars, mask(path, leaf), path)
        for (const [moment, value] of Object.entries(result.moments))
          nextState[moment][path] = fromMatrix(value, (state[moment] as Record<string, unknown>)[path], inPlace)
        return fromMatrix(result.param, leaf, inPlace)
      })
      return { params: nextParams, state: nextState as OptimizerState<typeof params>, metrics: {} }
    },
  }
}
