/** Any tokenizer file as runs and token files use it: a SentencePiece model, a tokenizer.json or a tekken.json, with the id that ends a text. */
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { HuggingFaceTokenizer, Tokenizer } from '@kumiki/tokenizer/node'
import { exists, readBytes, readJson } from '../files/files.ts'

/** What runs and token files need of a tokenizer. Ids that are absent are -1. */
export interface TextTokenizer {
  readonly vocabSize: number
  readonly bosId: number
  /** Ends every document. */
  readonly eosId: number
  readonly unkId: number
  /** The ids of a text; no special tokens are added, and none are read from the text. */
  encode(text: string): Int32Array
  decode(ids: ArrayLike<number>): string
  decodeStream(): { push(id: number): string; end(): string }
  idToPiece(id: number): string
}

/** A tokenizer with its file. */
export interface OpenTextTokenizer {
  /** The file, absolute. */
  readonly path: string
  readonly bytes: Uint8Array
  readonly tokenizer: TextTokenizer
  /** Where it is no SentencePiece model. */
  readonly huggingFace?: HuggingFaceTokenizer
}

const fileNames = ['tokenizer.model', 'tokenizer.json', 'tekken.json']

/** A file as given; of a folder its tokenizer.model, tokenizer.json or tekken.json, whichever comes first. */
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
 * @throws Error naming the file that cannot be read or is broken
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

/** Special tokens by their part, such as { eos_token: '</s>' }. */
export type NamedTokens = Readonly<Record<string, string>>

/** A tokenizer.json does not say which of its tokens ends a text; its neighbours do, or one of the names that are in use. */
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
