/** The recorded runs of a folder: one JSON line each, with everything that a run depends on. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decoderModel, type ModelArchitecture } from '@kumiki/models'
import { fp8RecipeOf, type PrecisionPolicy } from '@kumiki/train'
import type { Subject } from './models.ts'
import type { RunOutcome } from './run.ts'
import { UsageError } from './usage.ts'

/** Machine and versions of a run. */
export interface RunOrigin {
  readonly device: string
  readonly node: string
  /** Commit of Kumiki; `modified` lists files that differed from it. */
  readonly commit: string
  readonly modified: readonly string[]
  /** Date of its end, ISO 8601. */
  readonly date: string
}

export interface RunRecord extends RunOutcome, RunOrigin {
  readonly kind: 'run'
  readonly model: string
  readonly policy: string
  readonly seed: number
  readonly steps: number
  /** Sequences in a step, and tokens in each. */
  readonly batch: number
  readonly sequence: number
  /** Peak of the schedule. */
  readonly learningRate: number
  readonly architecture: ModelArchitecture
  /** The policy, with its function `includes` replaced by the names of the included layers. */
  readonly precision: object
  readonly corpus: string
}

/** Fields that are equal in runs that are compared; their policies and seeds differ. */
export const settingFields = ['model', 'steps', 'batch', 'sequence', 'learningRate'] as const

type Definition = Pick<RunRecord, 'architecture' | 'precision' | 'corpus'>

/** A run that is to be made. */
export type RunPlan = Pick<RunRecord, (typeof settingFields)[number] | 'policy' | 'seed'> & Definition

export function planOf(subject: Subject, policy: PrecisionPolicy, seed: number, corpus: string): RunPlan {
  const { name: model, architecture, steps, batch, sequence, learningRate } = subject
  const precision = policy.fp8?.includes
    ? { ...policy, fp8: { ...policy.fp8, includes: includedLayers(architecture, policy) } }
    : policy
  return { model, policy: policy.name, seed, steps, batch, sequence, learningRate, architecture, precision, corpus }
}

function includedLayers(architecture: ModelArchitecture, policy: PrecisionPolicy): string[] {
  return [...new Set(fp8RecipeOf(decoderModel(architecture), policy)!.tensors.map(({ layer }) => layer))]
}

/** Groups of runs with the same setting, in the order of the file. */
export function groupsOf(runs: readonly RunRecord[]): RunRecord[][] {
  const groups = new Map<string, RunRecord[]>()
  for (const run of runs) {
    const key = settingFields.map((field) => run[field]).join(' ')
    groups.set(key, [...(groups.get(key) ?? []), run])
  }
  return [...groups.values()]
}

/** Rounds numbers to six significant digits, more than any measurement here is accurate to. */
const digits = (_: string, x: unknown) => (typeof x === 'number' && !Number.isInteger(x) ? Number(x.toPrecision(6)) : x)

/** The runs of a folder. */
export class Records {
  readonly file: string
  readonly runs: RunRecord[]
  /** Number of lines that lack fields of a run. */
  readonly unreadable: number

  /** @throws UsageError for a line that is not JSON */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.file = join(folder, 'runs.jsonl')
    const lines = existsSync(this.file) ? readFileSync(this.file, 'utf8').split('\n') : []
    // A last line without a line break is incomplete, because the process ended while writing it: it is removed.
    if (lines.length > 0 && lines.pop() !== '') writeFileSync(this.file, lines.map((line) => `${line}\n`).join(''))
    const records = lines.flatMap((line, i) => {
      if (line === '') return []
      try {
        return [JSON.parse(line) as RunRecord]
      } catch {
        throw new UsageError(`${this.file}: line ${i + 1} is not JSON; remove it, or choose another --out`)
      }
    })
    this.runs = records.filter((r) => r.kind === 'run' && settingFields.every((f) => r[f] !== undefined) && r.precision)
    this.unreadable = records.length - this.runs.length
  }

  /**
   * Whether a run is recorded.
   * @throws UsageError if the file has runs of another model, policy or corpus under the same name
   */
  has(plan: RunPlan): boolean {
    const same = (a: unknown, b: unknown) => JSON.stringify(a, digits) === JSON.stringify(b, digits)
    for (const run of this.runs) {
      const refuse = (what: string) => {
        throw new UsageError(`${this.file} has runs of another ${what}; choose another name or another --out`)
      }
      if (run.model === plan.model && !same(run.architecture, plan.architecture)) refuse(`model called ${plan.model}`)
      if (run.policy === plan.policy && !same(run.precision, plan.precision)) refuse(`policy called ${plan.policy}`)
      if (run.corpus !== plan.corpus) refuse(`corpus (${run.corpus}, not ${plan.corpus})`)
    }
    return this.runs.some((run) =>
      ([...settingFields, 'policy', 'seed'] as const).every((field) => same(run[field], plan[field])),
    )
  }

  /** Appends a run to the file. */
  add(plan: RunPlan, outcome: RunOutcome, origin: RunOrigin): RunRecord {
    const line = JSON.stringify({ kind: 'run', ...plan, ...outcome, ...origin }, digits)
    appendFileSync(this.file, `${line}\n`)
    const record: RunRecord = JSON.parse(line)
    this.runs.push(record)
    return record
  }
}
