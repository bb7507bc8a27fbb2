/**
 * Budgets, evaluation and failure handling of a run, recorded in run.json so that a resumed run keeps them unless they
 * are changed. Node only.
 */

/** Fields that were not set are missing. */
export interface RunControls {
  /** Tokens after which the run ends. */
  readonly maxTokens?: number
  /** Minutes after which the run ends, over all of its processes. */
  readonly maxMinutes?: number
  /** Evaluations without improvement after which the run ends (patience). */
  readonly earlyStop?: number
  /** Steps between evaluations. */
  readonly evaluateEvery?: number
  /** Whether samples are generated at every evaluation. */
  readonly sample?: boolean
  /** What to do if a loss or gradient is NaN or infinite. */
  readonly onNan?: 'stop' | 'rewind'
  /** What to do if a file cannot be written. */
  readonly onFullDisk?: 'stop' | 'continue'
}

const numbers = ['maxTokens', 'maxMinutes', 'earlyStop', 'evaluateEvery'] as const
const choices = { onNan: ['stop', 'rewind'], onFullDisk: ['stop', 'continue'] } as const

/** Merges given settings over those of a record. @returns undefined if nothing is set */
export function controlsOf(given: RunControls = {}, before: RunControls = {}): RunControls | undefined {
  const set = Object.entries({ ...before, ...defined(given) }).filter(([, value]) => value !== undefined)
  return set.length === 0 ? undefined : Object.fromEntries(set)
}

const defined = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** Validates the `controls` of a record. @param file the record's name in errors @throws Error naming the field */
export function checkControls(json: unknown, file: string): RunControls | undefined {
  if (json === undefined) return undefined
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`${file}: controls must be an object`)
  const wrong = (field: string, what: string, value: unknown) =>
    new Error(`${file}: controls.${field} must be ${what}, got ${JSON.stringify(value)}`)
  const known = new Set<string>([...numbers, ...Object.keys(choices), 'sample'])
  for (const [field, value] of Object.entries(json)) {
    if (!known.has(field)) throw new Error(`${file}: controls has no field ${field}; it has ${[...known].join(', ')}`)
    if ((numbers as readonly string[]).includes(field) && !(typeof value === 'number' && value > 0))
      throw wrong(field, 'a number above 0', value)
    const list = choices[field as keyof typeof choices] as readonly unknown[] | undefined
    if (list && !list.includes(value)) throw wrong(field, list.join(' or '), value)
    if (field === 'sample' && typeof value !== 'boolean') throw wrong(field, 'true or false', value)
  }
  return json as RunControls
}
