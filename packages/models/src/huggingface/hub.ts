/**
 * Downloads models from the Hugging Face Hub into a cache, with resumed transfers and checks of size and hash. Node
 * only.
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { replaceFile } from '../files/atomic-file.ts'
import { makeFolder } from '../files/make-folder.ts'
import { modelFiles } from './model-files.ts'
import { isPickled, pickledOnly } from './weight-files.ts'

export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string
  /** The cache folder. Default: `kumiki` in $XDG_CACHE_HOME or ~/.cache. */
  readonly cacheFolder?: string
  /** Default: $HF_ENDPOINT, or the Hub. */
  readonly hubUrl?: string
  /** Access token for private and gated models. Default: $HF_TOKEN. */
  readonly accessToken?: string
  /** Default: the platform's. */
  readonly fetch?: typeof fetch
  readonly signal?: AbortSignal
  /** Called as bytes arrive; `total` is the file's size in bytes. */
  readonly onProgress?: (progress: { readonly file: string; readonly bytes: number; readonly total: number }) => void
}

/** A file as the Hub lists it. */
interface ListedFile {
  readonly path: string
  readonly size: number
  /** SHA-256 of large files; SHA-1 of small ones, as git's blob id. */
  readonly hash: { readonly algorithm: 'sha256' | 'sha1'; readonly hex: string }
}

/** Attempts without progress before a download fails. */
const attempts = 5

/**
 * Downloads a model into the cache, unless it is there.
 * @param name `owner/name`
 * @returns the folder with its files: config.json, weights in safetensors, tokenizer
 * @throws RangeError for a malformed name or listing; Error naming the model and file that cannot be downloaded, or has
 * another size or hash
 * @example const folder = await fetchFromHub('llm-jp/llm-jp-3-150m')
 */
export async function fetchFromHub(name: string, options: HubOptions = {}): Promise<string> {
  if (!/^[\w-][\w.-]{0,95}\/[\w-][\w.-]{0,95}$/.test(name))
    throw new RangeError(`hf:${name}: must be owner/name, such as hf:llm-jp/llm-jp-3-150m`)
  const { revision = 'main', cacheFolder = defaultCache() } = options
  if (!/^[\w][\w./-]{0,199}$/.test(revision) || revision.includes('..'))
    throw new RangeError(`hf:${name}: revision must be a branch, tag or commit, got ${JSON.stringify(revision)}`)
  const home = join(cacheFolder, name.replace('/', '--'))
  const known = join(home, 'refs', revision.replaceAll('/', '--'))
  let commit: string
  let files: ListedFile[]
  try {
    ;({ commit, files } = await listModel(name, revision, options))
  } catch (error) {
    // Offline: the commit that was last downloaded completely.
    const seen = isUnreachable(error) && (await readFile(known, 'utf8').catch(() => undefined))
    if (seen) return join(home, seen)
    throw new Error(`hf:${name}: ${(error as Error).message}`, { cause: error })
  }
  const folder = join(home, commit)
  await makeFolder(folder)
  for (const file of files) await fetchFile(name, commit, file, folder, options)
  await makeFolder(join(home, 'refs'))
  await replaceFile(known, commit)
  return folder
}

function defaultCache(): string {
  const base = process.env.XDG_CACHE_HOME
  return join(base || join(homedir(), '.cache'), 'kumiki', 'models')
}

/** Fetch throws TypeError without a connection; an error response of the Hub is another error. */
const isUnreachable = (error: unknown) => error instanceof TypeError

const client = (name: string, options: HubOptions) => ({
  repo: name,
  hubUrl: options.hubUrl ?? process.env.HF_ENDPOINT,
  accessToken: options.accessToken ?? process.env.HF_TOKEN,
  fetch: withSignal(options),
})

const withSignal =
  ({ fetch: given = fetch, signal }: HubOptions): typeof fetch =>
  (input, init) =>
    given(input, { ...init, ...(signal && { signal }) })

async function listModel(name: string, revision: string, options: HubOptions) {
  const { listFiles, modelInfo } = await import('@huggingface/hub')
  const { repo, ...access } = client(name, options)
  const { sha: commit } = await modelInfo({ name, revision, ...access, additionalFields: ['sha'] })
  if (!/^[0-9a-f]{40}$/.test(commit))
    throw new Error(`the Hub names no commit for ${revision}, got ${JSON.stringify(commit)}`)
  const listed: ListedFile[] = []
  for await (const { type, path, size, oid, lfs } of listFiles({ repo, revision: commit, ...access })) {
    if (type !== 'file') continue
    const hash = lfs
      ? ({ algorithm: 'sha256', hex: lfs.oid } as const)
      : ({ algorithm: 'sha1', hex: oid ?? '' } as const)
    listed.push({ path, size: lfs?.size ?? size, hash })
    if (listed.length > 10_000) throw new RangeError('the model has more than 10000 files')
  }
  const wanted = new Set(modelFiles(listed.map(({ path }) => path)))
  const files = listed.filter(({ path }) => wanted.has(path))
  const pickled = listed.find(({ path }) => isPickled(path))
  if (pickled && !files.some(({ path }) => path.endsWith('.safetensors')))
    throw new RangeError(pickledOnly(pickled.path))
  for (const { path, size, hash } of files)
    if (!Number.isSafeInteger(size) || size < 0 || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash.hex))
      throw new RangeError(`${path} is listed with size ${size} and hash ${JSON.stringify(hash.hex)}`)
  return { commit, files }
}

/** Downloads one file unless it is cached. Only a verified file gets its final name. */
async function fetchFile(
  name: string,
  revision: string,
  file: ListedFile,
  folder: string,
  options: HubOptions,
): Promise<void> {
  const path = join(folder, file.path)
  if ((await sizeOf(path)) === file.size) return
  const part = `${path}.part`
  for (let attempt = 1; ; attempt++) {
    const before = (await sizeOf(part)) ?? 0
    try {
      await appendRest(name, revision, file, part, options)
      break
    } catch (error) {
      options.signal?.throwIfAborted()
      const further = ((await sizeOf(part)) ?? 0) > before
      if (error instanceof RangeError || (attempt >= attempts && !further))
        throw new Error(`hf:${name}: ${file.path}: ${(error as Error).message}`, { cause: error })
      if (further) attempt = 0
    }
  }
  const hex = await hashOf(part, file)
  if (hex !== file.hash.hex) {
    await rm(part)
    throw new Error(
      `hf:${name}: ${file.path} has the ${file.hash.algorithm} ${hex}, the Hub lists ${file.hash.hex}; the download was deleted; try again`,
    )
  }
  await rename(part, path)
}

const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => undefined,
  )

/** Downloads the rest of a partial file. @throws RangeError for more bytes than the Hub lists */
async function appendRest(
  name: string,
  revision: string,
  { path, size }: ListedFile,
  part: string,
  options: HubOptions,
): Promise<void> {
  const { downloadFile } = await import('@huggingface/hub')
  const blob = await downloadFile({ path, revision, ...client(name, options) })
  if (!blob) throw new RangeError('the Hub lists it but does not serve it')
  if (blob.size !== size) throw new RangeError(`the Hub gives ${blob.size} bytes, but lists ${size}`)
  const file = await open(part, 'a')
  try {
    let { size: at } = await file.stat()
    if (at > size) {
      await file.truncate(0)
      at = 0
    }
    if (at < size) {
      const rest = at === 0 ? blob : blob.slice(at, size)
      for await (const chunk of rest.stream() as unknown as AsyncIterable<Uint8Array>) {
        options.signal?.throwIfAborted()
        if (at + chunk.byteLength > size)
          throw new RangeError(`received more than the ${size} bytes that the Hub lists`)
        for (let from = 0; from < chunk.byteLength; )
          from += (await file.write(chunk, from, chunk.byteLength - from)).bytesWritten
        at += chunk.byteLength
        options.onProgress?.({ file: path, bytes: at, total: size })
      }
    }
    if (at < size) throw new Error(`the connection ended after ${at} of ${size} bytes`)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function hashOf(path: string, { size, hash }: ListedFile): Promise<string> {
  const digest = createHash(hash.algorithm)
  // Git's hash includes the object type and size.
  if (hash.algorithm === 'sha1') digest.update(`blob ${size}\0`)
  for await (const chunk of createReadStream(path)) digest.update(chunk as Uint8Array)
  return digest.digest('hex')
}
