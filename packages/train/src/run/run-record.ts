/** run.json: the definition of a run, sufficient to resume it, and the history of its processes. Node only. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ReleaseLevel } from '@kumiki/data'
import type { ModelArchitecture } from '@kumiki/models/configs'
import { writeFileAtomically } from '../atomic-file.ts'
import { upgradeRunRecord } from '../records/former-names.ts'
import type { UsedSubset } from '../records/run-files.ts'
import { checkRunConfiguration, type RunConfiguration, type RunKinds } from './configuration.ts'
import { checkControls, controlsOf, type RunControls } from './run-controls.ts'

/** What is trained, on which data and how. */
export interface RunDefinition {
  readonly name: string
  readonly architecture: ModelArchitecture
  readonly configuration: RunConfiguration
  /** Module of custom schedules and optimizers, for the record only; it is not loaded from here. */
  readonly kinds?: string
  /** Named sources of the text, if it is a mixture. */
  readonly sources?: readonly RunSource[]
  /** Token files instead of texts. */
  readonly tokenFiles?: RunTokenFiles
  /** Path of a given SentencePiece model; without it, the run trained its own. */
  readonly tokenizer?: string
  /**
   * Held-out texts by name: files or folders. Default: a tenth of the text, or the validation split of token files.
   */
  readonly heldOut?: Readonly<Record<string, string>>
  /** Fine-tuning settings; missing for pre-training. */
  readonly tuning?: RunTuning
  /** The published recipe that the configuration follows, and differences from it. */
  readonly recipe?: RunRecipe
}

/** Fine-tuning of an existing model on conversations. */
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
  /** Storage format of the frozen base weights under an adapter. */
  readonly basePrecision?: string
  /** What to do with conversations longer than a sequence. */
  readonly tooLong: 'truncate' | 'drop' | 'refuse'
  /** Files of held-out conversations, or a fraction of the data from 0 to 1. */
  readonly heldOut: readonly string[] | number
  /** Whether the adapter is merged into the weights at the end. */
  readonly merge: boolean
}

/** A named source of a run's text. */
export interface RunSource {
  readonly name: string
  /** File or folder of texts. */
  readonly path: string
  /** Repeats in the run's data; default 1. */
  readonly repeats?: number
  readonly language?: string
  /** Origin, such as an address. */
  readonly source?: string
  readonly licence?: string
  /** LLM-jp's release level; default L3. */
  readonly releaseLevel?: ReleaseLevel
}

/** Token files of a run, and the order in which they are read. */
export interface RunTokenFiles {
  /** Prefixes of .bin and .idx files; weights for all of them or for none. */
  readonly datasets: readonly { readonly prefix: string; readonly weight?: number }[]
  /**
   * `megatron`: the sample order of Megatron-LM's GPTDataset and BlendedDataset; `packed`: windows of one dataset,
   * shuffled by seed.
   */
  readonly order: 'megatron' | 'packed'
  /** Megatron-LM's `--split`, such as 969,30,1. */
  readonly split: string
  /** Number of samples for which Megatron-LM's order is built; another number gives another order. */
  readonly samples?: number
}

/** The published model whose recipe a run follows. */
export interface RunRecipe {
  /** Such as `llm-jp-3-150m`. */
  readonly model: string
  readonly differences: readonly RecipeDifference[]
}

/** A difference from the recipe. */
export interface RecipeDifference {
  readonly what: string
  readonly recipe: string
  readonly run: string
  readonly why: string
}

/** When checkpoints are made and how many are kept. */
export interface Cadence {
  /** Steps between checkpoints. */
  readonly steps: number
  /** Maximum minutes between checkpoints. */
  readonly minutes: number
  readonly keep: number
  /** Checkpoints at multiples of this step count are never deleted. */
  readonly keepEvery?: number
}

/** The checkpoint of another run that a run began from. */
export interface RunOrigin {
  /** The folder of that run. */
  readonly run: string
  readonly id: string
  readonly step: number
  /** A branch continues with optimizer state, data position and step; a start takes only the weights. */
  readonly kind: 'branch' | 'start'
}

/** One process of a run. */
export interface RunProcess {
  /** Start time, ISO 8601. */
  readonly started: string
  readonly device: string
  /** Step at which it began. */
  readonly fromStep: number
  /** Last recorded step. */
  readonly step: number
  readonly seconds: number
  /** Changes to the earlier configuration: field, old value, new value. */
  readonly changed?: Readonly<Record<string, readonly [unknown, unknown]>>
}

export interface RunRecord extends RunDefinition {
  readonly version: 1
  readonly id: string
  readonly data: readonly string[]
  readonly checkpoints: Cadence
  /** Budgets, early stopping and failure handling. */
  readonly controls?: RunControls
  readonly tokens?: { readonly train: number; readonly heldOut: number }
  /** Data used from each source, with release levels. */
  readonly corpus?: readonly UsedSubset[]
  readonly device?: string
  readonly origin?: RunOrigin
  readonly processes: readonly RunProcess[]
}

export function newRecord(
  run: RunDefinition,
  data: readonly string[],
  checkpoints: Cadence,
  controls?: RunControls,
): RunRecord {
  const paths = data.map((p) => resolve(p))
  const own = controlsOf(controls)
  return {
    version: 1,
    id: randomUUID(),
    ...run,
    data: paths,
    checkpoints,
    ...(own && { controls: own }),
    processes: [],
  }
}

export async function writeRecord(folder: string, record: RunRecord): Promise<void> {
  await writeFileAtomically(join(folder, 'run.json'), `${JSON.stringify(record, null, 2)}\n`)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads and validates run.json.
 * @param kinds custom schedules and optimizers that the configuration may use
 * @throws Error naming the file and the fault
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
    throw new Error(`${file}: is not a run record that this version can resume`)
  try {
    checkRunConfiguration(record.configuration, file, kinds)
  } catch (error) {
    if (record.kinds === undefined || kinds.schedules || kinds.optimizers) throw error
    throw new Error(`${(error as Error).message}. The run was made with --plugin ${record.kinds}: give it again`)
  }
  checkControls(record.controls, file)
  const { steps, minutes, keep } = record.checkpoints
  for (const [name, value] of Object.entries({ steps, minutes, keep }))
    if (typeof value !== 'number' || !(value > 0))
      throw new Error(`${file}: checkpoints.${name} must be a number above 0, got ${JSON.stringify(value)}`)
  return record
}

/** Training time of all recorded processes in seconds. */
export function secondsOf(record: RunRecord): number {
  return record.processes.reduce((sum, { seconds }) => sum + (seconds > 0 ? seconds : 0), 0)
}

/** Quotes a path for a POSIX shell, so that commands in messages can be copied. */
export function shellQuote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
