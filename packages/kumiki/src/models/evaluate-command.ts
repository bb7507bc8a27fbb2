/** `kumiki evaluate`: perplexity and bits per byte of a model on text files, and its scores on tasks. */
import type { TaskScores } from '@kumiki/models'
import { type InitOptions, init } from '@kumiki/tensor'
import { workProgress } from '../output/work-progress.ts'
import { log } from '../verb.ts'
import { tokenizerFileOf } from './folder-tokenizer.ts'
import { measure, openFolderEncoder, readMeasured, type TextFigures, totalFigures } from './held-texts.ts'
import { checkpointFolders, checkVocabulary, openCheckpoint } from './open-checkpoint.ts'

export interface EvaluateOptions {
  /** A run folder, a folder in Hugging Face's layout, or `hf:owner/name`. */
  readonly model: string
  readonly text: readonly string[]
  /** YAML files of lm-evaluation-harness tasks. */
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
  /** Over all files; absent without files. */
  readonly total?: Omit<TextFigures, 'file'>
  readonly tasks: readonly TaskScores[]
}

/** @throws Error naming a file that is missing, invalid or does not fit the model */
export async function runEvaluate(options: EvaluateOptions): Promise<EvaluationReport> {
  const folders = await checkpointFolders(options.model)
  // Fail for a missing tokenizer before the weights are read.
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
