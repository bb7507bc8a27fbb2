/** Held-out figures of a model that is there: perplexity and bits per byte of files, scores on tasks. */
import type { TaskScores } from '@kumiki/models'
import { type InitOptions, init } from '@kumiki/tensor'
import { workProgress } from '../output/work-progress.ts'
import { log } from '../verb.ts'
import {
  measure,
  openFolderEncoder,
  readMeasured,
  type TextFigures,
  tokenizerFileOf,
  totalFigures,
} from './held-texts.ts'
import { checkpointFolders, checkVocabulary, openCheckpoint } from './open-checkpoint.ts'

export interface EvaluateOptions {
  /** A run folder, a folder as the Hub has it, or `hf:owner/name`. */
  readonly model: string
  readonly text: readonly string[]
  /** Tasks as lm-evaluation-harness writes them, YAML files. */
  readonly task?: readonly string[]
  readonly window?: number
  readonly stride?: number
  readonly batchSize: number
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
}

export interface EvaluationReport {
  readonly model: string
  readonly device: string
  readonly files: readonly TextFigures[]
  /** Of all files; none where there are none. */
  readonly total?: Omit<TextFigures, 'file'>
  readonly tasks: readonly TaskScores[]
}

/** @throws Error naming the file that is missing, broken or does not belong to the model */
export async function runEvaluate(options: EvaluateOptions): Promise<EvaluationReport> {
  const folders = await checkpointFolders(options.model)
  // Before weights are read.
  await tokenizerFileOf(folders.tokenizer)
  const measured = await readMeasured(options.text, options.task ?? [])
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  try {
    const { architecture, model, parameters, generation } = await openCheckpoint(device, folders)
    const encoder = await openFolderEncoder(folders.tokenizer, generation.eosTokenIds?.[0])
    checkVocabulary(options.model, encoder.vocabSize, architecture)
    const files: TextFigures[] = []
    const tasks: TaskScores[] = []
    for (const one of measured) {
      const progress = workProgress(1, one.kind === 'text' ? 'text' : 'task')
      const onProgress = (done: number, all: number) => progress.update(done / all, one.name)
      const made = await measure(device, model, parameters, one, encoder, { ...options, onProgress }).finally(() =>
        progress.stop(),
      )
      if ('file' in made) files.push(made)
      else tasks.push(made)
      log(
        'file' in made
          ? `${one.name}: ${made.tokens.toLocaleString('en')} tokens`
          : `${one.name}: ${made.documents.toLocaleString('en')} documents`,
      )
    }
    model.dispose()
    const total = totalFigures(files)
    return { model: options.model, device: device.name, files, ...(total && { total }), tasks }
  } finally {
    device.dispose()
  }
}
