/** `kumiki tokenizer train --memory`: texts larger than memory, read line by line. */
import { stat } from 'node:fs/promises'
import type { StagedOnDiskOptions, TrainOnDiskOptions } from '@kumiki/tokenizer/node'
import type { TrainProgress } from '@kumiki/tokenizer/train'
import { UsageError } from '../usage-error.ts'
import { readTokenizerRecipe } from './tokenizer-recipe.ts'

export interface OnDiskTraining {
  readonly data: readonly string[]
  readonly options: Omit<TrainOnDiskOptions, 'files' | 'onProgress'>
  readonly onProgress: (progress: TrainProgress) => void
}

export interface StagedOnDiskTraining {
  readonly recipe: string
  readonly options: Omit<StagedOnDiskOptions, 'files' | 'stages' | 'estimateLines' | 'onProgress' | 'onStage'>
  readonly onStage: StagedOnDiskOptions['onStage']
  readonly onProgress: (progress: TrainProgress) => void
}

/**
 * @returns the model, which is also written to disk, and the number of lines read (0 if a previous, resumed training
 * had read them all)
 */
export async function trainTokenizerOnDisk(training: OnDiskTraining): Promise<{ bytes: Uint8Array; lines: number }> {
  const { data, options, onProgress } = training
  const { trainOnDisk } = await import('@kumiki/tokenizer/node')
  if (data.length === 0) throw new UsageError('--memory needs --data PATH: the built-in corpus is small')
  const text = await textOf(data)
  const bytes = await trainOnDisk(text, { ...options, files: text.files, onProgress: inBytes(onProgress, () => text) })
  return { bytes, lines: text.lines }
}

/** Trains in stages by a recipe, whose texts are read one after another. */
export async function trainStagesOnDisk(training: StagedOnDiskTraining): Promise<{ bytes: Uint8Array; lines: number }> {
  const { trainStagedOnDisk } = await import('@kumiki/tokenizer/node')
  const texts: FileLines[] = []
  const recipe = await readTokenizerRecipe(training.recipe, async (data) => {
    const text = await textOf(data)
    texts.push(text)
    return text
  })
  const onProgress = inBytes(training.onProgress, () => texts.findLast(({ lines }) => lines > 0) ?? texts[0])
  const files = [...new Set(texts.flatMap((text) => text.files))]
  const bytes = await trainStagedOnDisk({
    ...training.options,
    ...recipe,
    files,
    onStage: training.onStage,
    onProgress,
  })
  return { bytes, lines: texts.reduce((sum, { lines }) => sum + lines, 0) }
}

/** The lines of files, read again for each iteration. */
interface FileLines extends AsyncIterable<string> {
  readonly files: readonly string[]
  readonly size: number
  /** Lines and bytes read so far. */
  lines: number
  read: number
}

async function textOf(data: readonly string[]): Promise<FileLines> {
  const { documentStream, findTextFiles } = await import('@kumiki/data/node')
  const files = await findTextFiles(data)
  let size = 0
  for (const file of files) size += (await stat(file)).size
  const lines: FileLines = {
    files,
    size,
    lines: 0,
    read: 0,
    async *[Symbol.asyncIterator]() {
      for (const file of files) {
        for await (const text of documentStream(file)) {
          for (const line of text.split(/\r?\n/)) {
            if (line === '') continue
            this.lines++
            this.read += Buffer.byteLength(line) + 1
            yield line
          }
        }
      }
    },
  }
  return lines
}

/** Converts progress to bytes, because the total number of lines is unknown. */
function inBytes(onProgress: (progress: TrainProgress) => void, text: () => FileLines) {
  return (progress: TrainProgress) => {
    const { read, size } = text()
    onProgress(progress.phase === 'read' ? { phase: 'read', done: Math.min(read, size), total: size } : progress)
  }
}
