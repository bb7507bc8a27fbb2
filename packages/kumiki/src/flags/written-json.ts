/**
 * Validates hand-written JSON against its schema. An unknown key is an error that names the nearest known one, so that
 * a typo never silently selects a default. The planner validates its models, GPUs and networks itself.
 */
import { architectureFields } from '@kumiki/models/configs'
import * as v from 'valibot'
import { nearest } from './nearest.ts'

const count = v.pipe(v.number(), v.integer())

/** An object that may have further keys of the user's own; the values are validated where they are read. */
function notes(keys: string, rest: v.ObjectEntries = {}) {
  const entries = keys.split(/\s+/).map((key) => [key, v.optional(v.unknown())] as const)
  return v.looseObject({ ...Object.fromEntries(entries), ...rest })
}

/** An entry of `data mix --sources`. */
const source = v.strictObject({
  name: v.string(),
  path: v.string(),
  repeats: v.optional(v.number()),
  releaseLevel: v.optional(v.picklist(['L1', 'L2', 'L3', 'LX', 'LZ'])),
})

/** A source of text in a run's configuration file. */
const textSource = v.strictObject({
  name: v.string(),
  path: v.string(),
  repeats: v.optional(v.number()),
  language: v.optional(v.string()),
  source: v.optional(v.string()),
  licence: v.optional(v.string()),
  releaseLevel: v.optional(v.picklist(['L1', 'L2', 'L3', 'LX', 'LZ'])),
})

/** Token files in a run's configuration file. */
const tokenFiles = v.strictObject({
  dataPath: v.optional(v.union([v.string(), v.array(v.string())])),
  order: v.optional(v.picklist(['megatron', 'packed'])),
  split: v.optional(v.string()),
  samples: v.optional(v.pipe(count, v.minValue(1))),
})

const subset = v.strictObject({
  name: v.string(),
  tokens: v.optional(v.number()),
  repeats: v.optional(v.number()),
  weight: v.optional(v.number()),
  prefix: v.optional(v.string()),
  language: v.optional(v.string()),
  source: v.optional(v.string()),
  licence: v.optional(v.string()),
  releaseLevel: v.optional(v.picklist(['L1', 'L2', 'L3', 'LX', 'LZ'])),
})

/** A phase of `data blend --phases`. */
const phase = v.strictObject({
  name: v.string(),
  subsets: v.array(subset),
  tokens: v.optional(v.number()),
  temperature: v.optional(v.number()),
})

/**
 * A model with Hugging Face's field names in camelCase: the fields that @kumiki/models lists, with types for those that
 * sizes are computed from.
 */
const architecture = v.strictObject({
  ...Object.fromEntries(architectureFields.map((field) => [field, v.optional(v.unknown())])),
  name: v.optional(v.string()),
  hiddenSize: count,
  intermediateSize: count,
  numHiddenLayers: count,
  numAttentionHeads: count,
  numKeyValueHeads: count,
  headDim: count,
  vocabSize: count,
  paddedVocabSize: v.optional(count),
  maxPositionEmbeddings: v.optional(count),
  ropeTheta: v.optional(v.number()),
  rmsNormEps: v.optional(v.number()),
  initializerRange: v.optional(v.number()),
  tieWordEmbeddings: v.optional(v.boolean()),
  experts: v.nullish(
    v.strictObject({
      numExperts: count,
      numExpertsPerToken: count,
      intermediateSize: count,
      normTopKProb: v.optional(v.boolean()),
      tensorNames: v.optional(v.string()),
    }),
  ),
})

/** What `ablate design` writes, with or without `--json`. */
const design = v.strictObject({
  factors: v.array(v.strictObject({ name: v.string(), off: v.optional(v.string()), on: v.optional(v.string()) })),
  runs: v.array(v.array(v.picklist([-1, 1]))),
  definingRelation: v.optional(v.array(v.unknown())),
  wordLengths: v.optional(v.array(v.number())),
  resolution: v.nullish(v.number()),
  aliases: v.optional(v.unknown()),
})

/** A design of factors with any number of levels. */
const levelDesign = v.strictObject({
  name: v.string(),
  factors: v.array(v.strictObject({ name: v.string(), levels: v.array(v.string()) })),
  runs: v.array(v.array(v.pipe(count, v.minValue(0)))),
  blocks: v.optional(v.array(count)),
})

/** `ablate design --study`. */
const study = v.strictObject({
  name: v.optional(v.pipe(v.string(), v.regex(/^[\w.-]{1,80}$/, 'a name of letters, digits, dots and dashes'))),
  base: v.record(v.string(), v.unknown()),
  factors: v.array(
    v.strictObject({ name: v.string(), levels: v.record(v.string(), v.record(v.string(), v.unknown())) }),
  ),
})

/** `study.json` of a study's folder. */
const studyFolder = v.strictObject({
  version: v.literal(1),
  name: v.string(),
  design: v.union([design, levelDesign]),
  runs: v.array(
    v.strictObject({
      id: v.string(),
      row: v.pipe(count, v.minValue(0)),
      replicate: v.pipe(count, v.minValue(0)),
      levels: v.record(v.string(), v.string()),
      config: v.string(),
      folder: v.string(),
    }),
  ),
})

/**
 * A row of a table of runs. Such tables often have more columns than are read; those are ignored, unless one looks
 * like a typo of a known key.
 */
const run = notes(
  `id gpu_type gpu gpus gpus_per_node tp pp vpp cp ep etp dp sharding sequence_parallel micro_batch global_batch seq recompute
  precision overlap num_microbatches measured source ref`,
  {
    model: notes(
      `name layers hidden ffn gated_mlp heads kv_groups head_dim vocab padded_vocab params_published tied_embeddings positional norm
      experts topk moe_ffn shared_ffn first_dense_layers attention bias`,
    ),
  },
)

const schemas = {
  source,
  textSource,
  tokenFiles,
  phase,
  architecture,
  design,
  levelDesign,
  study,
  studyFolder,
  run,
} as const

type Entries = Readonly<Record<string, unknown>>

/** The schema without optional or nullish wrappers. */
function bare(schema: unknown): { entries?: Entries; type?: string } {
  let at = schema as { wrapped?: unknown; entries?: Entries; type?: string }
  while (at?.wrapped !== undefined) at = at.wrapped as typeof at
  return at ?? {}
}

/** The message for the first unknown key at any depth, such as "unknown field repeat; did you mean repeats?". */
function unknownKey(schema: unknown, value: unknown, path: string): string | undefined {
  const { entries, type } = bare(schema)
  if (Array.isArray(value)) {
    const item = (bare(schema) as { item?: unknown }).item
    if (item === undefined) return undefined
    for (const [i, one] of value.entries()) {
      const found = unknownKey(item, one, `${path}[${i}]`)
      if (found) return found
    }
    return undefined
  }
  if (!entries || typeof value !== 'object' || value === null) return undefined
  const known = Object.keys(entries)
  for (const [key, inner] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`
    if (Object.hasOwn(entries, key)) {
      const found = unknownKey(entries[key], inner, at)
      if (found) return found
      continue
    }
    const meant = nearest(
      key,
      known.filter((one) => !Object.hasOwn(value, one)),
    )
    // The user's own keys are allowed in loose objects.
    if (type === 'loose_object' && (meant === undefined || key.length < 3)) continue
    return `unknown field ${at}; ${meant ? `did you mean ${meant}?` : `known fields: ${known.join(', ')}`}`
  }
  return undefined
}

/**
 * Validates JSON that was read from a file.
 * @param where what errors call it: the file, or a place in it
 * @returns the value itself
 * @throws Error naming place and key
 */
export function checkWritten<T>(kind: keyof typeof schemas, value: unknown, where: string): T {
  const schema = schemas[kind]
  const unknown = unknownKey(schema, value, '')
  if (unknown) throw new Error(`${where}: ${unknown}`)
  const result = v.safeParse(schema, value)
  if (result.success) return value as T
  const [issue] = result.issues
  const at = v.getDotPath(issue)
  if (at && issue.received === 'undefined') throw new Error(`${where}: ${at} is missing`)
  const given = `got ${issue.received}`
  const expected = String(issue.expected ?? issue.message)
  throw new Error(`${where}: ${at ?? 'the JSON'} must be ${expected.replaceAll('"', '')}, ${given}`)
}

/**
 * Validates JSON that was read from a file with a function of the package that owns its schema.
 * @throws Error with the function's message, prefixed with the file
 */
export function checkedFile<T>(file: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`)
  }
}
