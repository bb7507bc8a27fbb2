/** Which parameters are updated. What is frozen has no gradient, no moments and no master copy. */
import type { LanguageModel, Parameters } from '@kumiki/models'

/**
 * Chosen by name: a predicate, or patterns of which one must match. A pattern is a regular expression, or a name in which `*` stands for
 * anything: `model.layers.*.mlp.*`.
 */
export type Trainable = ((name: string) => boolean) | readonly (string | RegExp)[]

/**
 * The names that are updated, in the order of the model.
 * @throws RangeError where nothing is chosen, or a pattern fits no parameter
 */
export function trainableNames(
  model: Pick<LanguageModel, 'name' | 'parameters'>,
  trainable: Trainable = () => true,
): ReadonlySet<string> {
  const names = model.parameters.map(({ name }) => name)
  const tests = typeof trainable === 'function' ? [trainable] : trainable.map(testOf)
  if (typeof trainable !== 'function')
    trainable.forEach((pattern, i) => {
      if (!names.some(tests[i]))
        throw new RangeError(
          `trainable: ${String(pattern)} fits no parameter of the model ${model.name}; there are ${names.slice(0, 3).join(', ')}, ...`,
        )
    })
  const chosen = names.filter((name) => tests.some((test) => test(name)))
  if (chosen.length === 0)
    throw new RangeError(
      `trainable: no parameter of the model ${model.name} is chosen; there are ${names.slice(0, 3).join(', ')}, ...`,
    )
  return new Set(chosen)
}

function testOf(pattern: string | RegExp): (name: string) => boolean {
  const expression =
    typeof pattern === 'string'
      ? new RegExp(`^${pattern.replace(/[\\^$+?.()|[\]{}]/g, '\\$&').replaceAll('*', '.*')}$`)
      : new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return (name) => expression.test(name)
}

/** The parameters of some names, and the others. */
export function splitParameters(
  parameters: Parameters,
  names: ReadonlySet<string>,
): { readonly chosen: Parameters; readonly others: Parameters } {
  const entries = Object.entries(parameters)
  return {
    chosen: Object.fromEntries(entries.filter(([name]) => names.has(name))),
    others: Object.fromEntries(entries.filter(([name]) => !names.has(name))),
  }
}
