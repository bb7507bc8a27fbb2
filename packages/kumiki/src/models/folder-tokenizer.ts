/** The tokenizer of a model's folder, and the ids before a text: as in training here, or as the model's files say. */
import { join } from 'node:path'
import { configuredTokens } from '@kumiki/tokenizer/chat'
import { type HuggingFaceTokenizer, openTokenizer, type Tokenizer } from '@kumiki/tokenizer/node'
import { exists, readJson } from '../files/files.ts'
import { isOwnRun } from './model-origin.ts'

export interface FolderTokenizer {
  readonly tokenizer: Tokenizer | HuggingFaceTokenizer
  readonly vocabSize: number
  /** Ids that precede a text: begin-of-text, or end-of-document as in training here; empty if the model has none. */
  readonly begin: readonly number[]
  /** The begin-of-text id that the folder names. */
  readonly bosId: number | undefined
  /** The end-of-document id of the tokenizer's own file. */
  readonly eosId: number | undefined
  /** Encodes a text without special tokens. */
  encode(text: string): number[]
  /** Encodes a text as the model expects it, with its special tokens. */
  encodeWhole(text: string): number[]
}

const names = ['tokenizer.json', 'tokenizer.model']

/** The file of a folder's tokenizer. @throws Error naming a folder without one */
export async function tokenizerFileOf(folder: string): Promise<string> {
  for (const name of names) if (await exists(join(folder, name))) return join(folder, name)
  throw new Error(
    `${folder}: contains neither ${names.join(' nor ')}, so text cannot be encoded; copy the model's tokenizer there`,
  )
}

/**
 * Opens the tokenizer of a model's folder: tokenizer.json, which has the special tokens that its authors add, else
 * tokenizer.model.
 * @param endId the end-of-document id of the model's configuration
 * @throws Error naming a folder without a tokenizer, or a file that is not one
 */
export async function openFolderTokenizer(folder: string, endId: number | undefined): Promise<FolderTokenizer> {
  const file = await tokenizerFileOf(folder)
  const opened = await openTokenizer(file)
  const configFile = join(folder, 'tokenizer_config.json')
  const config = (await exists(configFile)) ? ((await readJson(configFile)) as Record<string, unknown> | null) : {}
  const trainedHere = await isOwnRun(folder)
  if ('idToPiece' in opened) {
    const valid = (id: number) => (id >= 0 ? id : undefined)
    const [bosId, eosId] = [valid(opened.bosId), valid(opened.eosId)]
    const end = endId ?? eosId
    const begin = !trainedHere && addsBos(config ?? {}) ? (bosId ?? end) : end
    return of(opened, begin === undefined ? [] : [begin], { bosId, eosId })
  }
  const idOf = (name: string | undefined) => {
    const id = name === undefined ? -1 : opened.tokenToId(name)
    return id >= 0 ? id : undefined
  }
  const named = configuredTokens(config ?? {})
  const [bosId, eosId] = [idOf(named.bos_token), idOf(named.eos_token)]
  const end = endId ?? eosId
  if (trainedHere) return of(opened, end === undefined ? [] : [end], { bosId, eosId })
  const [whole, bare] = [true, false].map((addSpecialTokens) => [...opened.encode('a', { addSpecialTokens })])
  const at = whole.findIndex((_, i) => bare.every((id, k) => whole[i + k] === id))
  return {
    ...of(opened, whole.slice(0, Math.max(at, 0)), { bosId, eosId }),
    encodeWhole: (text) => [...opened.encode(text, { addSpecialTokens: true })],
  }
}

function of(
  tokenizer: Tokenizer | HuggingFaceTokenizer,
  begin: readonly number[],
  ids: Pick<FolderTokenizer, 'bosId' | 'eosId'>,
): FolderTokenizer {
  const encode = (text: string) => [...tokenizer.encode(text)]
  const { vocabSize } = tokenizer
  return { tokenizer, vocabSize, begin, ...ids, encode, encodeWhole: (text) => [...begin, ...encode(text)] }
}

/** Whether Transformers puts a begin-of-text token before a text of a SentencePiece model. */
function addsBos({ add_bos_token: adds, tokenizer_class: name }: Record<string, unknown>): boolean {
  // These classes do unless told otherwise.
  return typeof adds === 'boolean' ? adds : typeof name === 'string' && /^(?:Llama|CodeLlama|Gemma)Tokenizer/.test(name)
}
