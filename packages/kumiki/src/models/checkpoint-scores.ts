/**
 * Scores of all checkpoints of runs, against the tokens they were trained on. Results are cached in the run's
 * scores.json.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { adapterOf, decoderModel, loraModel, mergeAdapter, type Parameters, type TaskScores } from '@kumiki/models'
import { loadModel, modelFolder } from '@kumiki/models/node'
import { cast, type Device, type InitOptions, init, type Tensor } from '@kumiki/tensor'
import { castParameter, findPrecision, type TrainerSnapshot } from '@kumiki/train'
import {
  type CheckpointEntry,
  listCheckpoints,
  loadCheckpoint,
  parseRunAtStep,
  type RunRecord,
  readRecord,
} from '@kumiki/train/node'
import { exists, readJson, writeWhole } from '../files/files.ts'
import { workProgress } from '../output/work-progress.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import {
  type FolderEncoder,
  type Measured,
  measure,
  openFolderEncoder,
  readMeasured,
  type TextFigures,
  totalFigures,
} from './held-texts.ts'

export interface CheckpointScoresOptions {
  /** `RUN`, all its checkpoints; or `RUN@STEP`. */
  readonly runs: readonly string[]
  readonly text: readonly string[]
  readonly task: readonly string[]
  /** Score the moving averages of the weights instead of the weights. */
  readonly averaged?: boolean
  readonly window?: number
  readonly stride?: number
  readonly batchSize: number
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
}

export interface CheckpointScores {
  readonly step: number
  readonly tokens: number
  readonly files: readonly TextFigures[]
  /** Over all files; absent without files. */
  readonly total?: Omit<TextFigures, 'file'>
  readonly tasks: readonly TaskScores[]
}

export interface RunScores {
  readonly run: string
  /** In the order of tokens. */
  readonly checkpoints: readonly CheckpointScores[]
}

export interface ScoresReport {
  readonly device: string
  readonly runs: readonly RunScores[]
  /** The number of scores found in scores.json, and of those measured now. */
  readonly kept: number
  readonly measured: number
  /** Checkpoints that could not be read, with the reason. */
  readonly skipped: readonly { readonly path: string; readonly fault: string }[]
}

/** A run and its requested checkpoints. */
interface RunToScore {
  readonly folder: string
  readonly record: RunRecord
  readonly checkpoints: readonly CheckpointEntry[]
}

/** @throws UsageError for a run without checkpoints; Error naming a file */
export async function scoreCheckpoints(options: CheckpointScoresOptions): Promise<ScoresReport> {
  const runs = await runsOf(options.runs)
  const measured = await readMeasured(options.text, options.task)
  const all = runs.reduce((sum, { checkpoints }) => sum + checkpoints.length * measured.length, 0)
  const progress = workProgress(all, 'figures')
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  const skipped: { path: string; fault: string }[] = []
  const counts = { kept: 0, measured: 0 }
  try {
    const scored: RunScores[] = []
    let before = 0
    for (const run of runs) {
      const scores = await ScoresFile.open(run.folder)
      const scorer = new RunScorer(device, run, options)
      try {
        const checkpoints: CheckpointScores[] = []
        for (const checkpoint of run.checkpoints) {
          const figures: (TextFigures | TaskScores)[] = []
          try {
            for (const [i, one] of measured.entries()) {
              const key = keyOf(checkpoint, one, options)
              const known = scores.find(key)
              const at = before + i
              const note = `${run.folder} step ${checkpoint.step}: ${one.name}`
              const made =
                known ?? (await scorer.measure(checkpoint, one, (share) => progress.update(at + share, note)))
              if (!known)
                await scores.add({
                  ...key,
                  step: checkpoint.step,
                  tokens: checkpoint.manifest!.tokens,
                  name: one.name,
                  made,
                })
              counts[known ? 'kept' : 'measured']++
              figures.push(one.kind === 'text' ? { ...(made as TextFigures), file: one.name } : made)
            }
          } catch (error) {
            if (!(error instanceof BrokenCheckpoint)) throw error
            skipped.push({ path: checkpoint.path, fault: error.message })
            log(`Skipped: ${error.message}`)
            continue
          } finally {
            before += measured.length
          }
          const files = figures.filter((f): f is TextFigures => 'file' in f)
          const total = totalFigures(files)
          const { step, tokens } = checkpoint.manifest!
          checkpoints.push({
            step,
            tokens,
            files,
            ...(total && { total }),
            tasks: figures.filter((f): f is TaskScores => 'task' in f),
          })
        }
        scored.push({ run: run.folder, checkpoints })
      } finally {
        scorer.dispose()
      }
    }
    return { device: device.name, runs: scored, ...counts, skipped }
  } finally {
    progress.stop()
    device.dispose()
  }
}

async function runsOf(names: readonly string[]): Promise<RunToScore[]> {
  const runs = new Map<string, RunToScore>()
  for (const name of names) {
    const { folder, step } = parseRunAtStep(name)
    const record = await readRecord(folder)
    // A step that was trained again after a rollback has several checkpoints; the newest counts.
    const bySteps = new Map((await listCheckpoints(folder)).filter((c) => c.manifest).map((c) => [c.step, c]))
    const wanted = [...bySteps.values()].filter((c) => step === undefined || c.step === step)
    if (wanted.length === 0)
      throw new UsageError(
        `${folder}: no checkpoint${step === undefined ? '' : ` of step ${step}`}; it has ${bySteps.size > 0 ? `checkpoints of the steps ${[...bySteps.keys()].join(', ')}` : 'none'}`,
      )
    if (step === undefined && wanted.length < 3)
      log(
        `${folder}: only ${wanted.length === 1 ? 'one checkpoint' : 'two checkpoints'}; kumiki train --keep-every N keeps more`,
      )
    const together = [...(runs.get(folder)?.checkpoints ?? []), ...wanted]
    const checkpoints = [...new Map(together.map((c) => [c.path, c])).values()]
    runs.set(folder, {
      folder,
      record,
      checkpoints: checkpoints.sort((a, b) => a.manifest!.tokens - b.manifest!.tokens),
    })
  }
  return [...runs.values()]
}

/** A checkpoint that is corrupt or was deleted. */
class BrokenCheckpoint extends Error {}

/** Measures checkpoints of one run; one set of weights is in memory at a time. */
class RunScorer {
  private readonly device: Device
  private readonly run: RunToScore
  private readonly options: CheckpointScoresOptions
  private encoder: FolderEncoder | undefined
  private model: ReturnType<typeof decoderModel> | undefined
  /** The base model's weights, if the run trains an adapter. */
  private base: Parameters | undefined
  private open: { readonly path: string; readonly parameters: Parameters } | undefined

  constructor(device: Device, run: RunToScore, options: CheckpointScoresOptions) {
    this.device = device
    this.run = run
    this.options = options
  }

  async measure(
    checkpoint: CheckpointEntry,
    one: Measured,
    onShare: (share: number) => void,
  ): Promise<TextFigures | TaskScores> {
    const { model, encoder } = await this.prepare()
    if (this.open?.path !== checkpoint.path) {
      this.close()
      this.open = { path: checkpoint.path, parameters: await this.weightsOf(checkpoint) }
    }
    const { window, stride, batchSize } = this.options
    const onProgress = (done: number, all: number) => onShare(done / all)
    return measure(this.device, model, this.open.parameters, one, encoder, { window, stride, batchSize, onProgress })
  }

  private async prepare() {
    const { folder, record } = this.run
    const { tuning } = record
    const from = tuning ? await modelFolder(tuning.model) : folder
    if (!this.model || !this.encoder) {
      if (tuning) {
        const { architecture, parameters, generation } = await loadModel(this.device, from)
        this.encoder = await openFolderEncoder(from, generation.eosTokenIds?.[0])
        this.model = decoderModel(architecture)
        if (tuning.adapter) this.base = parameters
        else for (const t of Object.values(parameters)) t.dispose()
      } else {
        this.encoder = await openFolderEncoder(folder, undefined)
        // The vocabulary size of a run that trains its own tokenizer is not known before.
        const { vocabSize } = this.encoder
        this.model = decoderModel({ ...record.architecture, vocabSize, paddedVocabSize: vocabSize })
      }
    }
    return { model: this.model, encoder: this.encoder }
  }

  /** The weights as the run would save them at its end, in float32. */
  private async weightsOf({ path }: CheckpointEntry): Promise<Parameters> {
    const { averaged = false } = this.options
    const { record } = this.run
    const snapshot = await loadCheckpoint(path).catch((error: Error) => {
      throw new BrokenCheckpoint(error.message)
    })
    const prefix = averaged ? 'optimizer.average.' : 'params.'
    const names = [...snapshot.arrays.keys()].filter((name) => name.startsWith(prefix))
    if (names.length === 0)
      throw new UsageError(
        `${this.run.folder}: no moving average was kept (kumiki train --average-decay); leave --averaged out`,
      )
    const { adapter } = record.tuning ?? {}
    const own = Object.fromEntries(
      names.map((name) => [name.slice(prefix.length), tensorOf(this.device, snapshot, name)]),
    )
    if (adapter) {
      const lora = loraModel(this.model!, adapter)
      const merged = mergeAdapter(this.model!, this.base!, adapterOf(lora, own))
      await this.device.evaluate(Object.values(merged))
      return merged
    }
    const precision = findPrecision(record.configuration.precision)
    const stored = Object.entries(own).map(([name, t]) => [name, cast(castParameter(precision, t), 'float32')] as const)
    await this.device.evaluate(stored.map(([, t]) => t))
    return Object.fromEntries(stored)
  }

  private close(): void {
    const kept = new Set(Object.values(this.base ?? {}))
    for (const t of Object.values(this.open?.parameters ?? {})) if (!kept.has(t)) t.dispose()
    this.open = undefined
  }

  dispose(): void {
    this.close()
    for (const t of Object.values(this.base ?? {})) t.dispose()
    this.model?.dispose()
  }
}

function tensorOf(device: Device, { arrays }: TrainerSnapshot, name: string): Tensor {
  const { shape, data } = arrays.get(name)!
  return device.tensor(data, shape)
}

/** What a score depends on. */
interface ScoreKey {
  /** Hash of the checkpoint's checksums. */
  readonly state: string
  /** Hash of the text or task. */
  readonly of: string
  readonly averaged: boolean
  readonly window: number | null
  readonly stride: number | null
}

export interface KeptScore extends ScoreKey {
  readonly step: number
  readonly tokens: number
  readonly name: string
  readonly made: TextFigures | TaskScores
}

function keyOf({ manifest }: CheckpointEntry, one: Measured, options: CheckpointScoresOptions): ScoreKey {
  const state = createHash('sha256')
    .update(JSON.stringify([manifest!.files, manifest!.frozen ?? null]))
    .digest('hex')
  const text = one.kind === 'text'
  return {
    state,
    of: one.identity,
    averaged: options.averaged ?? false,
    window: (text && options.window) || null,
    stride: (text && options.stride) || null,
  }
}

/**
 * The scores in scores.json of a run folder; empty if there is none.
 * @throws Error naming a file of another format
 */
export async function readScores(folder: string): Promise<readonly KeptScore[]> {
  return (await ScoresFile.open(folder)).all
}

/** scores.json of a run folder. */
class ScoresFile {
  private readonly path: string
  private readonly scores: KeptScore[]

  private constructor(path: string, scores: KeptScore[]) {
    this.path = path
    this.scores = scores
  }

  /** @throws Error naming a file of another format */
  static async open(folder: string): Promise<ScoresFile> {
    const path = join(folder, 'scores.json')
    if (!(await exists(path))) return new ScoresFile(path, [])
    const json = (await readJson(path)) as { version?: unknown; scores?: unknown } | null
    const isScore = (score: Partial<KeptScore> | null) =>
      typeof score?.state === 'string' && typeof score.of === 'string' && typeof score.made === 'object'
    if (json?.version !== 1 || !Array.isArray(json.scores) || !json.scores.every(isScore))
      throw new Error(`${path}: not a scores.json of kumiki evaluate --runs; rename or delete it`)
    return new ScoresFile(path, json.scores)
  }

  find(key: ScoreKey): TextFigures | TaskScores | undefined {
    const fields = Object.keys(key) as (keyof ScoreKey)[]
    return this.scores.find((score) => fields.every((field) => score[field] === key[field]))?.made
  }

  get all(): readonly KeptScore[] {
    return this.scores
  }

  /** Saves after every score, so that an interrupted evaluation resumes here. */
  async add(score: KeptScore): Promise<void> {
    this.scores.push(score)
    await writeWhole(this.path, `${JSON.stringify({ version: 1, scores: this.scores }, null, 1)}\n`)
  }
}
