/** Evaluates a model on held-out texts and tasks: reading them, and the results of one model. */
import { createHash } from 'node:crypto'
import { readCorpusFiles } from '@kumiki/data/node'
import {
  type EvaluationTask,
  type LanguageModel,
  type Parameters,
  perplexity,
  scoreTask,
  type TaskEncoder,
  type TaskScores,
} from '@kumiki/models'
import { loadEvaluationTask } from '@kumiki/models/node'
import type { Device } from '@kumiki/tensor'
import { textTemplate } from '@kumiki/tokenizer/chat'
import { openFolderTokenizer } from './folder-tokenizer.ts'

/** One text or one task. */
export type Measured =
  | {
      readonly kind: 'text'
      readonly name: string
      readonly documents: readonly string[]
      readonly bytes: number
      /** SHA-256 of the content. */
      readonly identity: string
    }
  | { readonly kind: 'task'; readonly name: string; readonly task: EvaluationTask; readonly identity: string }

export interface TextFigures {
  readonly file: string
  readonly bytes: number
  readonly tokens: number
  readonly natsPerToken: number
  readonly perplexity: number
  readonly bitsPerByte: number
}

const sha256 = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex')

/**
 * Texts, then tasks, each in the order given.
 * @param texts files or folders of text @param tasks YAML files of lm-evaluation-harness
 * @throws Error naming a missing or invalid file
 */
export async function readMeasured(texts: readonly string[], tasks: readonly string[]): Promise<Measured[]> {
  const corpus = texts.length > 0 ? await readCorpusFiles(texts) : []
  const loaded = await Promise.all(tasks.map((path) => loadEvaluationTask(path)))
  return [
    ...corpus.map(({ path, documents }): Measured => {
      const bytes = documents.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0)
      return { kind: 'text', name: path, documents, bytes, identity: sha256(documents) }
    }),
    ...loaded.map((task): Measured => ({ kind: 'task', name: task.name, task, identity: sha256(task) })),
  ]
}

export interface MeasureOptions {
  readonly window?: number
  readonly stride?: number
  readonly batchSize: number
  readonly onProgress?: (done: number, all: number) => void
}

/** The tokenizer of a model's folder, with its encodings for texts and for tasks. */
export interface FolderEncoder {
  /** Encodes one document, without special tokens. */
  encode(text: string): readonly number[]
  readonly vocabSize: number
  /** The begin-of-text ids that precede every document, which are not predicted; empty if the model has none. */
  readonly begin: readonly number[]
  /** The end-of-document id, which follows every document. */
  readonly endId: number
  readonly ofTasks: TaskEncoder
}

/**
 * @param folder of a model or a run
 * @param eosId the end-of-document id of the model's configuration
 * @throws Error naming a folder without a tokenizer, or without an end-of-document id
 */
export async function openFolderEncoder(folder: string, eosId: number | undefined): Promise<FolderEncoder> {
  const tokenizer = await openFolderTokenizer(folder, eosId)
  const { encode, encodeWhole, vocabSize, begin, bosId, tokenizer: opened } = tokenizer
  const endId = eosId ?? tokenizer.eosId
  if (endId === undefined)
    throw new Error(
      `${folder}: neither the configuration nor the tokenizer has an end-of-document id; set eos_token_id in config.json`,
    )
  const ofTasks: TaskEncoder =
    'tokenToId' in opened
      ? // As lm-evaluation-harness does, also for a run.
        {
          encode: (text) => [...opened.encode(text, { addSpecialTokens: true })],
          encodeAlone: encode,
          prefixId: bosId ?? endId,
        }
      : { encode: encodeWhole, encodeAlone: encode, prefixId: begin[0] ?? endId }
  return {
    encode,
    vocabSize,
    begin: begin.filter((id) => id !== endId),
    endId,
    ofTasks,
  }
}

/** Evaluates a model on one text or one task. */
export async function measure(
  device: Device,
  model: LanguageModel,
  parameters: Parameters,
  of: Measured,
  encoder: FolderEncoder,
  options: MeasureOptions,
): Promise<TextFigures | TaskScores> {
  if (of.kind === 'task') return scoreTask(device, model, parameters, of.task, encoder.ofTasks, textTemplate, options)
  const { begin, endId } = encoder
  // As in training: an end-of-document id between documents; then, for models that have them, begin-of-text ids.
  const ids = begin.length > 0 ? [] : [endId]
  for (const text of of.documents) {
    for (const id of begin) ids.push(id)
    for (const id of encoder.encode(text)) ids.push(id)
    ids.push(endId)
  }
  const { nats, tokens } = await perplexity(device, model, parameters, ids, { ...options, contextIds: begin })
  return { file: of.name, ...textFigures(nats, tokens, of.bytes) }
}

export const textFigures = (nats: number, tokens: number, bytes: number): Omit<TextFigures, 'file'> => ({
  bytes,
  tokens,
  natsPerToken: nats / tokens,
  perplexity: Math.exp(nats / tokens),
  bitsPerByte: nats / Math.LN2 / bytes,
})

/** The results over all texts; undefined without texts. */
export function totalFigures(files: readonly TextFigures[]): Omit<TextFigures, 'file'> | undefined {
  if (files.length === 0) return undefined
  const sum = (of: (f: TextFigures) => number) => files.reduce((total, f) => total + of(f), 0)
  return textFigures(
    sum((f) => f.natsPerToken * f.tokens),
    sum((f) => f.tokens),
    sum((f) => f.bytes),
  )
}
