/** What a run does beside its steps, in run.json: a process that goes on with it does the same, unless it is told otherwise. Node only. */

/** A field that nobody set is not there. */
export interface RunConduct {
  /** Tokens after which the run ends. */
  readonly maxTokens?: number
  /** Minutes after which it ends, over all of its processes. */
  readonly maxMinutes?: number
  /** Evaluations without a better one after which it ends. */
  readonly earlyStop?: number
  /** Steps between evaluations. */
  readonly evaluateEvery?: number
  /** Whether the model writes at every evaluation. */
  readonly sample?: boolean
  /** What a loss or gradient that is no number does. */
  readonly onNan?: 'stop' | 'rewind'
  /** What a file that cannot be written does. */
  readonly onFullDisk?: 'stop' | 'continue'
}

const numbers = ['maxTokens', 'maxMinutes', 'earlyStop', 'evaluateEvery'] as const
const choices = { onNan: ['stop', 'rewind'], onFullDisk: ['stop', 'continue'] } as const

/** What stands in a record, with what was given over it. @returns undefined where nothing is set */
export function conductOf(given: RunConduct = {}, before: RunConduct = {}): RunConduct | undefined {
  const set = Object.entries({ ...before, ...defined(given) }).filter(([, value]) => value !== undefined)
  return set.length === 0 ? undefined : Object.fromEntries(set)
}

const defined = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** @param file what errors call the record @throws Error naming the field */
export function checkConduct(json: unknown, file: string): RunConduct | undefined {
  if (json === undefined) return undefined
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`${file}: conduct must be an object`)
  const wrong = (field: string, what: string, value: unknown) =>
    new Error(`${file}: conduct.${field} must be ${what}, got ${JSON.stringify(value)}`)
  const known = new Set<string>([...numbers, ...Object.keys(choices), 'sample'])
  for (const [field, value] of Object.entries(json)) {
    if (!known.has(field)) throw new Error(`${file}: conduct has no field ${field}; it has ${[...known].join(', ')}`)
    if ((numbers as readonly string[]).includes(field) && !(typeof value === 'number' && value > 0))
      throw wrong(field, 'a number above 0', value)
    const list = choices[field as keyof typeof choices] as readonly unknown[] | undefined
    if (list && !list.includes(value)) throw wrong(field, list.join(' or '), value)
    if (field === 'sample' && typeof value !== 'boolean') throw wrong(field, 'true or false', value)
  }
  return json as RunConduct
}
