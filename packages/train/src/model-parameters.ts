/** Checks a trainer's initial parameters: complete, of the model's shapes, and float32 if they are trained. */
import type { LanguageModel, Parameters } from '@kumiki/models'

/** @throws RangeError for tensors that are not the model's parameters */
export function checkParameters(model: LanguageModel, parameters: Parameters, trained: ReadonlySet<string>): void {
  for (const { name, shape } of model.parameters) {
    const found = parameters[name]
    if (!found) throw new RangeError(`Trainer: the parameters have no ${name}, which the model ${model.name} has`)
    if (found.shape.length !== shape.length || found.shape.some((d, i) => d !== shape[i]))
      throw new RangeError(
        `Trainer: the parameter ${name} is [${found.shape.join(', ')}], the model ${model.name} has [${shape.join(', ')}]`,
      )
  }
  // A narrow format loses small updates, so master weights must not start from one.
  const narrow = Object.keys(parameters).find((name) => trained.has(name) && parameters[name].dtype !== 'float32')
  if (narrow !== undefined)
    throw new RangeError(
      `Trainer: the parameter ${narrow} is ${parameters[narrow].dtype}; trained parameters must be float32 (cast(x, 'float32'), or params.${narrow} of another trainer's snapshot())`,
    )
  const known = new Set(model.parameters.map(({ name }) => name))
  const unknown = Object.keys(parameters).find((name) => !known.has(name))
  if (unknown !== undefined) throw new RangeError(`Trainer: the model ${model.name} has no parameter ${unknown}`)
}
