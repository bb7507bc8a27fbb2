/** Converts run records of earlier versions to the current field names. */

/** Current names of renamed fields. */
const formerNames: Readonly<Record<string, string>> = {
  finalRate: 'minLearningRateRatio',
  decayShare: 'decayFraction',
  gradientClip: 'maxGradNorm',
}
const formerOptimizerFields = ['beta1', 'beta2', 'epsilon', 'weightDecay']

/**
 * Converts a configuration, or part of one, of any version: earlier files had other names for some fields, and AdamW's
 * options as top-level fields. Values are not checked.
 * @returns with current names; if AdamW's options were top-level fields, `optimizer` has no kind
 */
export function upgradeConfiguration(json: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const upgraded: Record<string, unknown> = {}
  const optimizer: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(json)) {
    if (formerOptimizerFields.includes(key)) optimizer[key] = value
    else upgraded[Object.hasOwn(formerNames, key) ? formerNames[key] : key] = value
  }
  if (Object.keys(optimizer).length > 0 && !('optimizer' in json)) upgraded.optimizer = optimizer
  else Object.assign(upgraded, optimizer)
  return upgraded
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Converts run.json of any version: earlier ones named `controls` `conduct`, the configuration `recipe`, and some of
 * its fields differently. Values are not checked.
 */
export function upgradeRunRecord(json: unknown): unknown {
  if (!isObject(json)) return json
  const { conduct, ...others } = json
  const record = conduct === undefined ? json : { controls: conduct, ...others }
  if (isObject(record.configuration) || !isObject(record.recipe)) return record
  const { recipe, ...rest } = record
  const configuration = upgradeConfiguration(recipe)
  const optimizer = { kind: 'adamw', ...(configuration.optimizer as object) }
  return { ...rest, configuration: { ...configuration, optimizer } }
}
