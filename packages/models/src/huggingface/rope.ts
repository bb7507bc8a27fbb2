/** RoPE parameters in a config.json: `rope_theta` with `rope_scaling` (Transformers 4), or `rope_parameters` (5). */
import type { RopeScaling } from '../architecture.ts'
import { type Fields, isObject, show } from './fields.ts'

/** RoPE theta and scaling of one layer type. */
export interface Rope {
  readonly theta: number
  readonly scaling?: RopeScaling
}

/** Parameters of RoPE scaling; a type ignores those of other types. */
const scalingFields = [
  'factor',
  'original_max_position_embeddings',
  'attention_factor',
  'beta_fast',
  'beta_slow',
  'short_factor',
  'long_factor',
  'low_freq_factor',
  'high_freq_factor',
]

/** The objects of a config.json with RoPE parameters, with their names for errors. */
function ropeObjects(fields: Fields): [string, Record<string, unknown>][] {
  return ['rope_scaling', 'rope_parameters'].flatMap((key) => {
    if (!fields.has(key)) return []
    const value = fields.raw(key)
    if (!isObject(value)) throw new TypeError(`${fields.owner}: ${key} must be an object, got ${show(value)}`)
    return Object.keys(value).length === 0 ? [] : [[`${fields.owner}: ${key}`, value] as [string, typeof value]]
  })
}

/**
 * Reads RoPE parameters as transformers 5 does: from `rope_scaling` (the older name) or `rope_parameters`, with
 * `rope_theta` of the configuration as default theta.
 * @param positions max_position_embeddings
 */
export function readRope(fields: Fields, positions: number, defaultTheta = 10_000): Rope {
  return consistentRope(ropeObjects(fields), fields.number('rope_theta', defaultTheta), positions)
}

/** Gemma 3: RoPE of the full-attention layers and of the sliding-window layers. */
export function readLayeredRope(fields: Fields, positions: number): { readonly all: Rope; readonly local: Rope } {
  const theta = fields.number('rope_theta', 1_000_000)
  const localTheta = fields.number('rope_local_base_freq', 10_000)
  const all: [string, Record<string, unknown>][] = []
  const local: [string, Record<string, unknown>][] = []
  for (const [where, value] of ropeObjects(fields)) {
    const { full_attention: whole, sliding_attention: sliding, ...plain } = value
    if (whole === undefined && sliding === undefined) {
      all.push([where, value])
      continue
    }
    const [other] = Object.keys(plain)
    if (other)
      throw new RangeError(
        `${where}.${other} is an unknown key; only full_attention and sliding_attention may be given`,
      )
    for (const [name, part, list] of [
      ['full_attention', whole, all],
      ['sliding_attention', sliding, local],
    ] as const) {
      if (part === undefined || part === null) continue
      if (!isObject(part)) throw new TypeError(`${where}.${name} must be an object, got ${show(part)}`)
      list.push([`${where}.${name}`, part])
    }
  }
  return { all: consistentRope(all, theta, positions), local: consistentRope(local, localTheta, positions) }
}

function consistentRope(
  objects: readonly [string, Record<string, unknown>][],
  defaultTheta: number,
  positions: number,
): Rope {
  const ropes = objects.map(([where, value]): Rope => {
    const { theta = defaultTheta, scaling } = readOne(where, value, positions)
    return { theta, ...(scaling && { scaling }) }
  })
  if (ropes.length === 2 && ropes[0].theta !== ropes[1].theta)
    throw new RangeError(
      `config.json: rope_scaling and rope_parameters give different rope_theta, ${ropes[0].theta} and ${ropes[1].theta}; remove one`,
    )
  if (ropes.length === 2 && JSON.stringify(ropes[0]) !== JSON.stringify(ropes[1]))
    throw new RangeError('config.json: rope_scaling and rope_parameters have different scaling; remove one')
  return ropes[0] ?? { theta: defaultTheta }
}

function readOne(
  where: string,
  value: Record<string, unknown>,
  positions: number,
): { readonly theta?: number; readonly scaling?: RopeScaling } {
  const known = Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null))
  const types = ['rope_type', 'type'].filter((key) => known[key] !== undefined)
  const [type = 'default'] = types.map((key) => known[key])
  for (const key of types)
    if (!['default', 'linear', 'dynamic', 'llama3'].includes(known[key] as string))
      throw new RangeError(
        `${where}.${key} must be "default", "linear", "dynamic" or "llama3"; ${show(known[key])} is not supported`,
      )
  if (types.some((key) => known[key] !== type))
    throw new RangeError(`${where}: rope_type and type differ, ${show(known.rope_type)} and ${show(known.type)}`)
  const { rope_type: _, type: __, rope_theta: theta, partial_rotary_factor: partial = 1, ...others } = known
  const unknown = Object.keys(others).find((key) => !scalingFields.includes(key))
  if (unknown) throw new RangeError(`${where}.${unknown} is an unknown key, got ${show(others[unknown])}`)
  if (partial !== 1)
    throw new RangeError(
      `${where}.partial_rotary_factor must be 1 (partial rotary embeddings are not supported), got ${show(partial)}`,
    )
  if (theta !== undefined && typeof theta !== 'number')
    throw new TypeError(`${where}.rope_theta must be a number, got ${show(theta)}`)
  const number = (key: string, fallback?: number): number => {
    const given = known[key] ?? fallback
    if (typeof given === 'number') return given
    throw new TypeError(`${where}.${key} must be a number, got ${show(given)}`)
  }
  if (type === 'default') return { theta }
  if (type !== 'llama3') return { theta, scaling: { type: type as 'linear' | 'dynamic', factor: number('factor') } }
  return {
    theta,
    scaling: {
      type,
      factor: number('factor'),
      lowFreqFactor: number('low_freq_factor'),
      highFreqFactor: number('high_freq_factor'),
      originalMaxPositionEmbeddings: number('original_max_position_embeddings', positions),
    },
  }
}

/** `rope_scaling` in a form that Transformers 4 and 5 read. */
export function writeRopeScaling(scaling: RopeScaling | undefined): Record<string, unknown> {
  if (!scaling) return {}
  const rope: Record<string, unknown> = { rope_type: scaling.type, factor: scaling.factor }
  if (scaling.type === 'llama3') {
    rope.low_freq_factor = scaling.lowFreqFactor
    rope.high_freq_factor = scaling.highFreqFactor
    rope.original_max_position_embeddings = scaling.originalMaxPositionEmbeddings
  }
  return { rope_scaling: rope }
}
