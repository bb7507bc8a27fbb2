/** Opens tokenizers from bytes, paths, URLs and the Hub. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { HuggingFaceTokenizer } from '../huggingface/hugging-face-tokenizer.ts'
import type { Tokenizer } from '../sentencepiece/tokenizer.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { fetchFromHub, type HubOptions, parseHubName } from './hub.ts'
import { tokenizerFromBytes } from './tokenizer-from-bytes.ts'

/** Files tried in a Hub repository, in order. */
const HUB_FILES = ['tokenizer.json', 'tokenizer.model', 'spiece.model', 'sentencepiece.bpe.model', 'tekken.json']
/** Size limit of a tokenizer file from a URL, in bytes. */
const LARGEST = 2 ** 28

export type OpenOptions = HubOptions & {
  /** Replacement for the global `fetch`. */
  fetch?: typeof fetch
}

/**
 * Opens a SentencePiece `.model`, a Hugging Face `tokenizer.json` or Mistral's `tekken.json`; the format is detected
 * from the content.
 * @param source bytes; a path; an `http:`, `https:` or `file:` URL; or `hf:owner/name` with optional `@revision` and
 *   `:file`, which is downloaded to the Hub's local cache
 * @throws TokenizerError that names a file that cannot be read or is malformed
 * @example
 * const tokenizer = await openTokenizer('my.model') // or a tokenizer.json
 * tokenizer.decode(tokenizer.encode('木を組む')) // '木を組む'
 */
export async function openTokenizer(
  source: Uint8Array | string | URL,
  options: OpenOptions = {},
): Promise<Tokenizer | HuggingFaceTokenizer> {
  const bytes = await readSource(source, options)
  if (source instanceof Uint8Array) return tokenizerFromBytes(bytes)
  try {
    return tokenizerFromBytes(bytes)
  } catch (error) {
    throw new TokenizerError(`${source}: ${(error as Error).message}`, { cause: error })
  }
}

/** The bytes of a tokenizer file. */
async function readSource(source: Uint8Array | string | URL, options: OpenOptions = {}): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source
  const name = String(source)
  if (name.startsWith('hf:')) return readHub(name, options)
  if (/^https?:/i.test(name)) return readUrl(name, options)
  try {
    return await readFile(/^file:/i.test(name) ? fileURLToPath(name) : name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a folder; give the file in it, such as tokenizer.json or tokenizer.model'
          : message
    throw new TokenizerError(`openTokenizer: ${JSON.stringify(name)} cannot be read: ${reason}`, { cause: error })
  }
}

async function readHub(name: string, options: OpenOptions): Promise<Uint8Array> {
  const { repo, revision, file } = parseHubName(name)
  const failures: string[] = []
  for (const path of file === undefined ? HUB_FILES : [file]) {
    try {
      return await readFile(await fetchFromHub(repo, path, { ...options, revision: revision ?? options.revision }))
    } catch (error) {
      failures.push(`${path}: ${(error as Error).message}`)
    }
  }
  throw new TokenizerError(`openTokenizer: no tokenizer could be loaded from ${name} (${failures.join('; ')})`)
}

async function readUrl(url: string, options: OpenOptions): Promise<Uint8Array> {
  let response: Response
  try {
    response = await (options.fetch ?? fetch)(url)
  } catch (error) {
    throw new TokenizerError(`openTokenizer: ${url} cannot be fetched: ${(error as Error).message}`)
  }
  if (!response.ok || !response.body) {
    throw new TokenizerError(`openTokenizer: ${url} cannot be fetched: HTTP status ${response.status}`)
  }
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > LARGEST) {
      throw new TokenizerError(`openTokenizer: ${url} is larger than ${LARGEST} bytes, the limit for a tokenizer file`)
    }
    parts.push(part)
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
