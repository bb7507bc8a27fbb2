// Builds an optimizer from its JSON description.

import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { describeValue, unknownName } from '../check.ts'
import { zclip } from '../gradients/zclip.ts'
import { builderOf, type JsonKinds, knownOptions } from '../json-kinds.ts'
import { averageWeights } from '../wrappers/average-weights.ts'
import { chain, clipGlobalNorm, clipValue, type GradientTransform } from '../wrappers/chain.ts'
import { withDynamics } from '../wrappers/dynamics.ts'
import { type ParameterGroup, parameterGroups } from '../wrappers/parameter-groups.ts'
import type { Optimizer } from './optimizer.ts'
import { optimizerTable } from './registry.ts'

/** An optimizer as JSON: `kind` and its options. */
export interface OptimizerDescription {
  readonly kind: string
  readonly [option: string]: unknown
}

/** Builds an optimizer of one kind; `parse` builds the optimizers nested in its description. */
export type OptimizerBuilder = (description: any, parse: (description: unknown) => Optimizer) => Optimizer

/** The kinds that `optimizerFromJSON` knows; each refuses options it does not have. */
export const optimizerKinds: Readonly<Record<string, OptimizerBuilder>> = /* @__PURE__ */ makeKinds()

/** A function, so that bundlers can drop the table: they keep what a module computes at its top level. */
function makeKinds(): JsonKinds<OptimizerBuilder> {
  return knownOptions<OptimizerBuilder>('optimizerFromJSON', {
    ...Object.fromEntries(
      Object.entries(optimizerTable).map(([kind, [make, options]]) => [kind, [options, make] as const]),
    ),
    averageWeights: [['optimizer', 'decay'], (d, parse) => averageWeights(parse(d.optimizer), d)],
    withDynamics: [['optimizer', 'perParameter', 'epsilon'], (d, parse) => withDynamics(parse(d.optimizer), d)],
    chain: [
      ['transforms', 'optimizer'],
      (d, parse) => chain(...listOf('chain.transforms', d.transforms).map(transformFromJSON), parse(d.optimizer)),
    ],
    parameterGroups: [
      ['groups'],
      (d, parse) =>
        parameterGroups(listOf('parameterGroups.groups', d.groups).map((group) => groupFromJSON(group, parse))),
    ],
  })
}

const transforms: JsonKinds<(description: any) => GradientTransform> = /* @__PURE__ */ knownOptions<
  (description: any) => GradientTransform
>('optimizerFromJSON', {
  clipGlobalNorm: [['maxNorm'], (d) => clipGlobalNorm(d.maxNorm)],
  clipValue: [['limit'], (d) => clipValue(d.limit)],
  zclip: [['threshold', 'alpha', 'warmupSteps', 'maxNorm'], zclip],
})

/**
 * An optimizer from JSON: `kind` names the function that makes it, the other keys are its options.
 *
 * Kinds that contain others: `averageWeights` and `withDynamics` with an `optimizer`; `chain` with `transforms` (of
 * kinds `clipGlobalNorm`, `clipValue`, `zclip`) and an `optimizer`; `parameterGroups` with `groups`, each `{ name,
 * optimizer, learningRateScale, match }`. `match` is `{ dimensions, includes, excludes }`: the number of dimensions,
 * and lists of substrings of the path, which must contain one of `includes` and none of `excludes`.
 * @param description for instance `{ kind: 'adamw', beta2: 0.95, weightDecay: 0.1 }`
 * @param kinds additional kinds by name, which take precedence over `optimizerKinds`
 * @throws TypeError if it is not a description; RangeError for an unknown kind or option, or one out of range
 * @example
 * ```ts
 * import { elementwiseOptimizer, optimizerFromJSON } from '@kumiki/optim'
 *
 * const adamw = optimizerFromJSON(JSON.parse('{ "kind": "adamw", "beta2": 0.95, "weightDecay": 0.1 }'))
 * console.log(adamw.name, adamw.epsilon) // adamw 1e-8
 * const signSgd = () =>
 *   elementwiseOptimizer({
 *     name: 'signSgd',
 *     moments: [],
 *     scalars: (_, learningRate) => ({ learningRate }),
 *     update: (ops, p, g, _, { learningRate }) => [ops.subScaled(p, 1, ops.sign(g), learningRate)],
 *   })
 * console.log(optimizerFromJSON({ kind: 'signSgd' }, { signSgd }).name) // signSgd
 * ```
 */
export function optimizerFromJSON(description: unknown, kinds: JsonKinds<OptimizerBuilder> = {}): Optimizer {
  return parseAt(description, kinds, 0)
}

function parseAt(description: unknown, kinds: JsonKinds<OptimizerBuilder>, depth: number): Optimizer {
  const builder = builderOf('optimizerFromJSON', 'an optimizer', description, optimizerKinds, kinds, depth)
  return builder(description, (inner) => parseAt(inner, kinds, depth + 1))
}

function transformFromJSON(description: unknown): GradientTransform {
  return builderOf('optimizerFromJSON', 'a gradient transform', description, transforms, {}, 0)(description)
}

function listOf(what: string, value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  throw new TypeError(`optimizerFromJSON: ${what} must be an array, got ${describeValue(value)}`)
}

function groupFromJSON(json: any, parse: (description: unknown) => Optimizer): ParameterGroup {
  if (typeof json !== 'object' || json === null)
    throw new TypeError(`optimizerFromJSON: a parameter group must be an object, got ${describeValue(json)}`)
  checkKeys('a parameter group', json, ['name', 'optimizer', 'learningRateScale', 'match'])
  const { name, learningRateScale, match } = json
  const group = {
    name,
    optimizer: parse(json.optimizer),
    ...(learningRateScale !== undefined && { learningRateScale }),
  }
  if (match === undefined) return group
  if (typeof match !== 'object' || match === null)
    throw new TypeError(`optimizerFromJSON: match of group ${describeValue(name)} must be an object`)
  checkKeys('match of a parameter group', match, ['dimensions', 'includes', 'excludes'])
  const names = (field: 'includes' | 'excludes'): string[] | undefined => {
    if (match[field] === undefined) return undefined
    return listOf(`match.${field}`, match[field]).map(String)
  }
  const includes = names('includes')
  const excludes = names('excludes')
  return {
    ...group,
    match: (path, leaf) =>
      (match.dimensions === undefined || arithmeticOf(leaf, path).rank(leaf) === match.dimensions) &&
      (includes === undefined || includes.some((part) => path.includes(part))) &&
      !excludes?.some((part) => path.includes(part)),
  }
}

function checkKeys(what: string, json: object, known: readonly string[]): void {
  const unknown = Object.keys(json).find((key) => !known.includes(key))
  if (unknown !== undefined)
    throw unknownName(
      `optimizerFromJSON: ${what} has no option ${describeValue(unknown)}; it has ${known.join(', ')}`,
      unknown,
      known,
    )
}
