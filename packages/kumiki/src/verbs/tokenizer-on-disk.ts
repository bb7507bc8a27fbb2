/** `kumiki tokenizer train --memory`: a text larger than memory, read line by line. */
import { stat } from 'node:fs/promises'
import type { TrainOnDiskOptions } from '@kumiki/tokenizer/node'
import type { TrainProgress } from '@kumiki/tokenizer/train'
import { UsageError } from '../usage-error.ts'

export interface OnDiskTraining {
  readonly data: readonly string[]
  readonly options: Omit<TrainOnDiskOptions, 'files' | 'onProgress'>
  readonly onProgress: (progress: TrainProgress) => void
}

/** @returns the model, which is written too, and how many lines were read (none where all had been read before) */
export async function trainTokenizerOnDisk(training: OnDiskTraining): Promise<{ bytes: Uint8Array; lines: number }> {
  const { data, options, onProgress } = training
  const { documentStream, findTextFiles } = await import('@kumiki/data/node')
  const { trainOnDisk } = await import('@kumiki/tokenizer/node')
  if (data.length === 0) throw new UsageError('--memory needs --data: the built-in corpus is small')
  const files = await findTextFiles(data)
  let size = 0
  for (const file of files) size += (await stat(file)).size
  let lines = 0
  let read = 0
  async function* eachLine(): AsyncGenerator<string> {
    for (const file of files) {
      for await (const text of documentStream(file)) {
        for (const line of text.split(/\r?\n/)) {
          if (line === '') continue
          lines++
          read += Buffer.byteLength(line) + 1
          yield line
        }
      }
    }
  }
  const bytes = await trainOnDisk(eachLine(), {
    ...options,
    files,
    // Lines that are still to come are not known, bytes are.
    onProgress: (progress) =>
      onProgress(progress.phase === 'read' ? { phase: 'read', done: Math.min(read, size), total: size } : progress),
  })
  return { bytes, lines }
}
