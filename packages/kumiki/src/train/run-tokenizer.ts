/** The tokenizer of a run. It is trained in a worker thread, so that signals are handled meanwhile. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { loadTokenizer, type Tokenizer } from '@kumiki/tokenizer'
import { writeFileAtomically } from '@kumiki/train/node'
import { exists } from '../files/files.ts'
import { type OpenTextTokenizer, openTextTokenizer, type TextTokenizer } from '../models/text-tokenizer.ts'

const sentencePieceFile = 'tokenizer.model'
const huggingFaceFile = 'tokenizer.json'
const configurationFile = 'tokenizer_config.json'

/** Opens the tokenizer saved in a run folder. @throws Error naming the file */
export async function openRunTokenizer(folder: string): Promise<TextTokenizer> {
  const own = join(folder, sentencePieceFile)
  const other = join(folder, huggingFaceFile)
  const file = !(await exists(own)) && (await exists(other)) ? other : own
  try {
    return (await openTextTokenizer(file)).tokenizer
  } catch (error) {
    throw new Error(`${(error as Error).message}; the run cannot be resumed`)
  }
}

/** Whether the run folder has a SentencePiece model; other tokenizers have a configuration file beside them. */
export function hasSentencePiece(folder: string): Promise<boolean> {
  return exists(join(folder, sentencePieceFile))
}

/**
 * Writes a copy of an existing tokenizer into the run folder, with the configuration that names its end-of-text token.
 */
export async function keepTokenizer(
  folder: string,
  { path, bytes, tokenizer, huggingFace }: OpenTextTokenizer,
): Promise<void> {
  if (huggingFace === undefined) return writeFileAtomically(join(folder, sentencePieceFile), bytes)
  // A tekken.json is converted to a tokenizer.json.
  const isTekken = !('model' in JSON.parse(new TextDecoder().decode(bytes)))
  await writeFileAtomically(join(folder, huggingFaceFile), isTekken ? huggingFace.toJson() : bytes)
  const beside = await readFile(join(dirname(path), configurationFile)).catch(() => undefined)
  const { bosId, eosId } = tokenizer
  const named = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...(bosId >= 0 && { bos_token: tokenizer.idToPiece(bosId) }),
    eos_token: tokenizer.idToPiece(eosId),
  }
  await writeFileAtomically(join(folder, configurationFile), beside ?? `${JSON.stringify(named, null, 2)}\n`)
}

/**
 * Reads an existing tokenizer.
 * @throws Error naming a file that cannot be read or has no end-of-text token
 */
export async function readTokenizer(file: string): Promise<OpenTextTokenizer> {
  const opened = await openTextTokenizer(file)
  if (opened.tokenizer.eosId < 0) throw new Error(`${opened.path}: ${noEnd(opened)}, which must end every document`)
  return opened
}

/** The reason why a tokenizer has no end-of-text token. */
const noEnd = ({ huggingFace }: OpenTextTokenizer) =>
  huggingFace === undefined
    ? 'it has no end-of-text piece'
    : 'no tokenizer_config.json beside it names the end-of-text token (eos_token)'

/**
 * Trains a unigram tokenizer on texts and writes it.
 * @param signal aborts the training; nothing is written then
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
        // In a checkout the sources are TypeScript, and a worker thread does not inherit the loader.
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
      worker.once('exit', () => reject(new Error('the thread that trains the tokenizer exited without a result')))
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    await writeFileAtomically(join(folder, sentencePieceFile), model)
    return loadTokenizer(model)
  } finally {
    await worker.terminate()
  }
}
