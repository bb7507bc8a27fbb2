// Parameter groups: different optimizers or options for different parameters.

import { leavesOf, mapTree } from '../arrays/tree.ts'
import { checkNumber, checkOptions, describeValue } from '../check.ts'
import { checkOptimizer, type Optimizer, type OptimizerState } from '../optimizers/optimizer.ts'

export interface ParameterGroup {
  /** Prefix of its state, scalars and metrics. */
  readonly name: string
  /**
   * Whether a parameter belongs to it; a parameter belongs to the first group that matches. Default: all that are left.
   */
  match?(path: string, leaf: any): boolean
  readonly optimizer: Optimizer
  /** Factor on the learning rate. Default 1. */
  readonly learningRateScale?: number
}

/**
 * Different optimizers, options or learning rates for different parameters.
 *
 * Scalars are named `group.scalar`. State: for each moment `group.moment` a record from path to array. To clip by the
 * norm of all gradients, put the groups into a `chain`.
 * @throws RangeError if two groups have the same name, or a factor is out of range; (from init and update) if no group
 *   matches a parameter
 * @example
 * ```ts
 * import { adamw, lion, parameterGroups } from '@kumiki/optim'
 *
 * const optimizer = parameterGroups([
 *   { name: 'tables', match: (path) => path.includes('embed'), optimizer: lion(), learningRateScale: 0.3 },
 *   { name: 'rest', optimizer: adamw({ beta2: 0.95 }) },
 * ])
 * const state = optimizer.init({ embed: Float32Array.of(1, 2), layers: [{ w: Float32Array.of(3) }] })
 * console.log(Object.keys(state)) // ['tables.expAvg', 'rest.expAvg', 'rest.expAvgSq']
 * ```
 */
export function parameterGroups(groups: readonly ParameterGroup[]): Optimizer {
  if (!Array.isArray(groups as unknown))
    throw new TypeError(`parameterGroups: groups must be an array, got ${describeValue(groups)}`)
  if (groups.length === 0) throw new RangeError('parameterGroups: at least one group is needed, got none')
  groups.forEach((group, i) => {
    checkOptions(`parameterGroups: groups[${i}]`, group, 'name and optimizer')
    const { name, optimizer, learningRateScale = 1 } = group
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new TypeError(`parameterGroups: groups[${i}].name must be a non-empty string without a dot`)
    if (groups.findIndex((g) => g.name === name) !== i)
      throw new RangeError(`parameterGroups: two groups are called ${name}`)
    checkOptimizer(`parameterGroups: groups[${i}].optimizer`, optimizer)
    checkNumber(`parameterGroups: groups[${i}].learningRateScale`, learningRateScale, 0)
  })

  /** For each group its part of a tree, as a record from path to array. */
  const split = (tree: unknown, owners: ReadonlyMap<string, ParameterGroup>) => {
    const shares = new Map(groups.map((g) => [g, {} as Record<string, any>]))
    for (const { path, leaf } of leavesOf(tree)) {
      const owner = owners.get(path)
      if (owner) shares.get(owner)![path] = leaf
    }
    return shares
  }
  const ownersOf = (params: unknown) =>
    new Map(
      leavesOf(params).map(({ path, leaf }) => {
        const owner = groups.find((g) => g.match === undefined || g.match(path, leaf))
        if (owner === undefined)
          throw new RangeError(`parameterGroups: no group matches ${path}; end with a group without match`)
        return [path, owner]
      }),
    )

  return {
    name: `parameterGroups(${groups.map((g) => `${g.name}: ${g.optimizer.name}`).join(', ')})`,
    init(params) {
      const shares = split(params, ownersOf(params))
      const state: Record<string, any> = {}
      for (const [group, share] of shares)
        for (const [moment, tree] of Object.entries(group.optimizer.init(share)))
          state[`${group.name}.${moment}`] = tree
      return state
    },
    ...(groups.every(({ optimizer }) => optimizer.withMomentDtype)
      ? {
          withMomentDtype: (dtype) =>
            parameterGroups(groups.map((g) => ({ ...g, optimizer: g.optimizer.withMomentDtype!(dtype) }))),
        }
      : {}),
    scalars: (step, learningRate) =>
      Object.fromEntries(
        groups.flatMap(({ name, optimizer, learningRateScale = 1 }) =>
          Object.entries(optimizer.scalars(step, learningRate * learningRateScale)).map(([key, value]) => [
            `${name}.${key}`,
            value,
          ]),
        ),
      ),
    update(grads, state, params, scalars, options) {
      const owners = ownersOf(params)
      const paramShares = split(params, owners)
      const gradShares = split(grads, owners)
      const arrays: Record<string, any> = {}
      const nextState: Record<string, any> = {}
      const metrics: Record<string, any> = {}
      for (const [group, share] of paramShares) {
        const result = group.optimizer.update(
          gradShares.get(group)!,
          inner(state, group.name),
          share,
          inner(scalars, group.name),
          options,
        )
        Object.assign(arrays, result.params)
        for (const [moment, tree] of Object.entries(result.state)) nextState[`${group.name}.${moment}`] = tree
        for (const [metric, value] of Object.entries(result.metrics)) metrics[`${group.name}.${metric}`] = value
      }
      return {
        params: mapTree(params, (_, path) => arrays[path]),
        state: nextState as OptimizerState<typeof params>,
        metrics,
      }
    },
  }
}

/** The entries `name.KEY`, by KEY. */
function inner(record: Readonly<Record<string, any>>, name: string): Record<string, any> {
  const prefix = `${name}.`
  return Object.fromEntries(
    Object.entries(record)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  )
}
