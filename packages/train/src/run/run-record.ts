/** run.json: what a run is, enough to go on with it, and what each of its processes did. Node only. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ReleaseLevel } from '@kumiki/data'
import type { ModelArchitecture } from '@kumiki/models/configs'
import { writeFileAtomically } from '../atomic-file.ts'
import { upgradeRunRecord } from '../records/former-names.ts'
import type { UsedSubset } from '../records/run-files.ts'
import { checkRunConfiguration, type RunConfiguration, type RunKinds } from './configuration.ts'
import { checkConduct, conductOf, type RunConduct } from './run-conduct.ts'

/** What is trained and how: the plain part of a run. */
export interface RunDefinition {
  readonly name: string
  readonly architecture: ModelArchitecture
  readonly configuration: RunConfiguration
  /** Where kinds of schedules and optimizers of one's own come from, for the record: nothing is loaded from it. */
  readonly kinds?: string
  /** Named sources of the text, where it is mixed of some. */
  readonly sources?: readonly RunSource[]
  /** Token files in place of texts. */
  readonly tokenFiles?: RunTokenFiles
  /** SentencePiece model of the run, which was not trained for it. */
  readonly tokenizer?: string
  /** Held-out texts by name: files or folders. Default: a tenth of the text, or what the split of token files validates with. */
  readonly heldOut?: Readonly<Record<string, string>>
  /** What is fine-tuned, on which conversations; nothing where a model is trained from the start. */
  readonly tuning?: RunTuning
  /** The model whose recipe the configuration follows, and what differs from it. */
  readonly recipe?: RunRecipe
}

/** How a model that is there already is fine-tuned on conversations. */
export interface RunTuning {
  /** Folder or `hf:OWNER/NAME`. */
  readonly model: string
  /** A chat template by name or file; default: the model's own. */
  readonly template?: string
  readonly adapter?: {
    readonly rank: number
    readonly alpha: number
    readonly targets: readonly string[] | 'all-linear'
  }
  /** How the weights that an adapter leaves as they are are stored. */
  readonly basePrecision?: string
  /** What becomes of conversations longer than a sequence. */
  readonly tooLong: 'truncate' | 'drop' | 'refuse'
  /** Files of conversations that are held out; or a part of the data, 0 to 1. */
  readonly heldOut: readonly string[] | number
  /** Whether the adapter is worked into the weights at the end. */
  readonly merge: boolean
}

/** A named source of a run's text. */
export interface RunSource {
  readonly name: string
  /** File or folder of texts. */
  readonly path: string
  /** Passes over it in the text of the run; default 1. */
  readonly repeats?: number
  readonly language?: string
  /** Where it is from, and under which licence. */
  readonly source?: string
  readonly licence?: string
  /** LLM-jp's level of release; default L3. */
  readonly releaseLevel?: ReleaseLevel
}

/** Token files that a run trains on, and the order they are read in. */
export interface RunTokenFiles {
  /** Prefixes of .bin and .idx; weights for all of them or for none. */
  readonly datasets: readonly { readonly prefix: string; readonly weight?: number }[]
  /** `megatron`: the samples of Megatron-LM's GPTDataset and BlendedDataset in their order; `packed`: windows of one set in an order by seed. */
  readonly order: 'megatron' | 'packed'
  /** Megatron-LM's `--split`, such as 969,30,1. */
  readonly split: string
  /** How many samples Megatron-LM's order is made for; another number is another order. */
  readonly samples?: number
}

/** Where a run follows what was done with a published model. */
export interface RunRecipe {
  /** Such as `llm-jp-3-150m`. */
  readonly model: string
  readonly differences: readonly RecipeDifference[]
}

/** One thing that is not as in the recipe. */
export interface RecipeDifference {
  readonly what: string
  readonly recipe: string
  readonly run: string
  readonly why: string
}

/** When checkpoints are made and how many stay. */
export interface Cadence {
  /** Steps between them. */
  readonly steps: number
  /** Minutes after which one is made in any case. */
  readonly minutes: number
  readonly keep: number
  /** Those of steps that this divides stay for good. */
  readonly keepEvery?: number
}

/** Where a run's first weights come from: a checkpoint of another one. */
export interface RunOrigin {
  /** The folder of that run. */
  readonly run: string
  readonly id: string
  readonly step: number
  /** A branch goes on with moments, place in the data and step; a start takes the weights alone. */
  readonly kind: 'branch' | 'start'
}

/** One process that worked on a run. */
export interface RunProcess {
  /** ISO time. */
  readonly started: string
  readonly device: string
  /** Where it began. */
  readonly fromStep: number
  /** How far it came, as far as is known. */
  readonly step: number
  readonly seconds: number
  /** What was changed against the record before: field, old value, new value. */
  readonly changed?: Readonly<Record<string, readonly [unknown, unknown]>>
}

export interface RunRecord extends RunDefinition {
  readonly version: 1
  readonly id: string
  readonly data: readonly string[]
  readonly checkpoints: Cadence
  /** Budgets, an early stop, and what is done where something goes wrong. */
  readonly conduct?: RunConduct
  readonly tokens?: { readonly train: number; readonly heldOut: number }
  /** What was used of each source, and at which level. */
  readonly corpus?: readonly UsedSubset[]
  readonly device?: string
  readonly origin?: RunOrigin
  readonly processes: readonly RunProcess[]
}

export function newRecord(
  run: RunDefinition,
  data: readonly string[],
  checkpoints: Cadence,
  conduct?: RunConduct,
): RunRecord {
  const paths = data.map((p) => resolve(p))
  const own = conductOf(conduct)
  return { version: 1, id: randomUUID(), ...run, data: paths, checkpoints, ...(own && { conduct: own }), processes: [] }
}

export async function writeRecord(folder: string, record: RunRecord): Promise<void> {
  await writeFileAtomically(join(folder, 'run.json'), `${JSON.stringify(record, null, 2)}\n`)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * @param kinds of one's own that the configuration may name
 * @throws Error naming the file and what is wrong with it
 */
export async function readRecord(folder: string, kinds: RunKinds = {}): Promise<RunRecord> {
  const file = join(folder, 'run.json')
  const text = await readFile(file, 'utf8').catch((error) => {
    throw new Error(`${file}: cannot be read (${error.code ?? error.message})`)
  })
  let record: RunRecord
  try {
    record = upgradeRunRecord(JSON.parse(text)) as RunRecord
  } catch (error) {
    throw new Error(`${file}: is not JSON: ${(error as Error).message}`)
  }
  if (
    record?.version !== 1 ||
    typeof record.id !== 'string' ||
    typeof record.name !== 'string' ||
    !Array.isArray(record.data) ||
    !isObject(record.configuration) ||
    !isObject(record.architecture) ||
    !isObject(record.checkpoints) ||
    !Array.isArray(record.processes)
  )
    throw new Error(`${file}: is not the record of a run that this version can go on with`)
  try {
    checkRunConfiguration(record.configuration, file, kinds)
  } catch (error) {
    if (record.kinds === undefined || kinds.schedules || kinds.optimizers) throw error
    throw new Error(`${(error as Error).message}. The run was made with --kinds ${record.kinds}: give it again`)
  }
  checkConduct(record.conduct, file)
  const { steps, minutes, keep } = record.checkpoints
  for (const [name, value] of Object.entries({ steps, minutes, keep }))
    if (typeof value !== 'number' || !(value > 0))
      throw new Error(`${file}: checkpoints.${name} must be a number above 0, got ${JSON.stringify(value)}`)
  return record
}

/** Seconds of all processes so far. */
export function secondsOf(record: RunRecord): number {
  return record.processes.reduce((sum, { seconds }) => sum + (seconds > 0 ? seconds : 0), 0)
}

/** A path as a shell takes it: a command in a message can be copied. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
