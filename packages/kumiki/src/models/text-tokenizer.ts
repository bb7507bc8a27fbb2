/** Opens any tokenizer file (SentencePiece model, tokenizer.json or tekken.json) with its end-of-text id. */
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { HuggingFaceTokenizer, Tokenizer } from '@kumiki/tokenizer/node'
import { exists, readBytes, readJson } from '../files/files.ts'

/** The part of a tokenizer that runs and token files need. Missing ids are -1. */
export interface TextTokenizer {
  readonly vocabSize: number
  readonly bosId: number
  /** Appended to every document. */
  readonly eosId: number
  readonly unkId: number
  /** Encodes a text without adding special tokens; their names in the text are encoded as text. */
  encode(text: string): Int32Array
  decode(ids: ArrayLike<number>): string
  decodeStream(): { push(id: number): string; end(): string }
  idToPiece(id: number): string
}

/** A tokenizer with its file. */
export interface OpenTextTokenizer {
  /** Absolute path of the file. */
  readonly path: string
  readonly bytes: Uint8Array
  readonly tokenizer: TextTokenizer
  /** Set unless the file is a SentencePiece model. */
  readonly huggingFace?: HuggingFaceTokenizer
}

const fileNames = ['tokenizer.model', 'tokenizer.json', 'tekken.json']

/** The absolute path of a file; for a folder, of the first of tokenizer.model, tokenizer.json and tekken.json in it. */
export async function tokenizerPath(given: string): Promise<string> {
  const isFolder = await stat(given).then(
    (info) => info.isDirectory(),
    () => false,
  )
  if (!isFolder) return resolve(given)
  for (const name of fileNames) if (await exists(join(given, name))) return resolve(given, name)
  return resolve(given, fileNames[0])
}

/**
 * @param given a file, or a folder with one
 * @throws Error naming a file that cannot be read or is invalid
 */
export async function openTextTokenizer(given: string): Promise<OpenTextTokenizer> {
  const { openTokenizer } = await import('@kumiki/tokenizer/node')
  const path = await tokenizerPath(given)
  const bytes = await readBytes(path)
  let opened: Tokenizer | HuggingFaceTokenizer
  try {
    opened = await openTokenizer(bytes)
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
  if ('idToPiece' in opened) return { path, bytes, tokenizer: opened }
  return {
    path,
    bytes,
    tokenizer: textTokenizer(opened, await namedTokens(dirname(path), opened)),
    huggingFace: opened,
  }
}

/** Special tokens by role, such as { eos_token: '</s>' }. */
export type NamedTokens = Readonly<Record<string, string>>

/**
 * Finds the special tokens, whose roles a tokenizer.json does not contain: from the configuration files beside it, or
 * by common names.
 */
async function namedTokens(folder: string, tokenizer: HuggingFaceTokenizer): Promise<NamedTokens> {
  const { configuredTokens } = await import('@kumiki/tokenizer/chat')
  for (const name of ['tokenizer_config.json', 'special_tokens_map.json']) {
    const file = join(folder, name)
    if (!(await exists(file))) continue
    const tokens = configuredTokens((await readJson(file)) as Record<string, unknown>)
    if (tokens.eos_token !== undefined && tokenizer.tokenToId(tokens.eos_token) >= 0) return tokens
  }
  const special = new Set(tokenizer.specialTokens())
  const found = (names: readonly string[]) => names.filter((name) => special.has(name))
  const [ends, begins] = [
    found(['</s>', '<|endoftext|>', '<|end_of_text|>', '<eos>']),
    found(['<s>', '<|begin_of_text|>', '<bos>']),
  ]
  return {
    ...(ends.length === 1 && { eos_token: ends[0] }),
    ...(begins.length === 1 && { bos_token: begins[0] }),
  }
}

function textTokenizer(tokenizer: HuggingFaceTokenizer, named: NamedTokens): TextTokenizer {
  const idOf = (name: string | undefined) => (name === undefined ? -1 : tokenizer.tokenToId(name))
  return {
    vocabSize: tokenizer.vocabSize,
    bosId: idOf(named.bos_token),
    eosId: idOf(named.eos_token),
    unkId: idOf(named.unk_token),
    encode: (text) => tokenizer.encode(text),
    decode: (ids) => tokenizer.decode(ids),
    decodeStream: () => tokenizer.decodeStream(),
    idToPiece: (id) => tokenizer.idToToken(id),
  }
}
