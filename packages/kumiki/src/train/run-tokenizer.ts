/** The tokenizer of a run. Trained in a thread of its own, so that a signal is heard meanwhile. */
import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { loadTokenizer, type Tokenizer } from '@kumiki/tokenizer'
import { writeFileAtomically } from '@kumiki/train/node'

export const tokenizerFile = 'tokenizer.model'

/** The saved one of a run that goes on. @throws Error naming the file */
export async function openRunTokenizer(folder: string): Promise<Tokenizer> {
  const file = join(folder, tokenizerFile)
  const bytes = await readFile(file).catch((error) => {
    throw new Error(`${file}: cannot be read (${error.code ?? error.message}); the run cannot be resumed`)
  })
  try {
    return loadTokenizer(bytes)
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`)
  }
}

/** A tokenizer file, or the one of a folder. */
export async function tokenizerPath(given: string): Promise<string> {
  const isFolder = await stat(given).then(
    (info) => info.isDirectory(),
    () => false,
  )
  return resolve(isFolder ? join(given, tokenizerFile) : given)
}

/** A copy of one that was there already, in the run's folder. */
export function keepTokenizer(folder: string, bytes: Uint8Array): Promise<void> {
  return writeFileAtomically(join(folder, tokenizerFile), bytes)
}

/**
 * One that is there already.
 * @throws Error naming the file, where it is no SentencePiece model or has no end of text
 */
export async function readTokenizer(file: string): Promise<{ bytes: Uint8Array; tokenizer: Tokenizer }> {
  const bytes = await readFile(file).catch((error) => {
    throw new Error(`${file}: cannot be read (${error.code ?? error.message})`)
  })
  let tokenizer: Tokenizer
  try {
    tokenizer = loadTokenizer(bytes)
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`)
  }
  if (tokenizer.eosId < 0) throw new Error(`${file}: it has no end-of-text piece, which ends every document`)
  return { bytes, tokenizer }
}

/**
 * Trains one on texts and writes it.
 * @param signal ends the training; nothing is written then
 * @throws the signal's reason
 */
export async function trainRunTokenizer(
  folder: string,
  texts: readonly string[],
  vocabSize: number,
  signal: AbortSignal,
): Promise<Tokenizer> {
  signal.throwIfAborted()
  const lines = texts.flatMap((t) => t.split('\n')).filter((l) => l.length > 0)
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
const run = async () => {
  if (workerData.typescript) (await import(workerData.typescript)).register()
  const { trainUnigram } = await import(workerData.module)
  parentPort.postMessage(trainUnigram(workerData.lines, workerData.options))
}
run()`,
    {
      eval: true,
      workerData: {
        module: import.meta.resolve('@kumiki/tokenizer/train'),
        // In a checkout the sources are TypeScript, which a thread has to be taught by itself.
        typescript: import.meta.url.endsWith('.ts') ? import.meta.resolve('tsx/esm/api') : undefined,
        lines,
        options: {
          vocabSize,
          byteFallback: true,
          removeExtraWhitespaces: false,
          allowWhitespaceOnlyPieces: true,
          hardVocabLimit: false,
        },
      },
    },
  )
  try {
    const model = await new Promise<Uint8Array>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('the training of the tokenizer ended without a result')))
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    await writeFileAtomically(join(folder, tokenizerFile), model)
    return loadTokenizer(model)
  } finally {
    await worker.terminate()
  }
}
