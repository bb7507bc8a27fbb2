/** Selects the parameters to update. Frozen parameters have no gradients, moments or master weights. */
import type { LanguageModel, Parameters } from '@kumiki/models'

/**
 * A predicate on names, or patterns of which one must match. A pattern is a regular expression, or a name with `*` as
 * wildcard: `model.layers.*.mlp.*`.
 */
export type Trainable = ((name: string) => boolean) | readonly (string | RegExp)[]

/**
 * Names of the parameters to update, in the model's order.
 * @throws RangeError if none is selected, or a pattern matches no parameter
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
          `trainable: ${String(pattern)} matches no parameter of the model ${model.name}; its parameters are ${names.slice(0, 3).join(', ')}, ...`,
        )
    })
  const chosen = names.filter((name) => tests.some((test) => test(name)))
  if (chosen.length === 0)
    throw new RangeError(
      `trainable: no parameter of the model ${model.name} is selected; its parameters are ${names.slice(0, 3).join(', ')}, ...`,
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

/** Splits parameters into those with the given names and the others. */
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
