/** Tokenizer files from the Hugging Face Hub and its local cache. */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { downloadFileToCacheDir, getHFHubCachePath } from '@huggingface/hub'
import { TokenizerError } from '../tokenizer-error.ts'

export type HubOptions = {
  /** URL of the Hub. Default https://huggingface.co. */
  hubUrl?: string
  /** Cache folder. Default: Hugging Face's own (`HF_HOME`, `HF_HUB_CACHE`). */
  cacheFolder?: string
  /** A branch, tag or commit. Default `main`. Files of a full commit hash are served from the cache. */
  revision?: string
  /** Access token for private repositories. */
  accessToken?: string
  fetch?: typeof fetch
}

const NAME = /^hf:([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?(?::(.+))?$/

/** @throws TokenizerError where the name is not `hf:owner/name`, `hf:owner/name@revision` or `hf:owner/name:file` */
export function parseHubName(name: string): { repo: string; revision: string | undefined; file: string | undefined } {
  const found = NAME.exec(name)
  if (!found || found[1].split('/').some((part) => /^\.+$/.test(part))) {
    throw new TokenizerError(
      `openTokenizer: ${JSON.stringify(name)} is not a Hub name; hf:owner/name, with optional @revision and :file, is needed`,
    )
  }
  return { repo: found[1], revision: found[2], file: found[3] }
}

/**
 * Fetches a file of a repository into the cache, unless it is there already.
 * Where the Hub cannot be reached, the file of the last successful fetch of this revision is used.
 * @returns the path of the file
 */
export async function fetchFromHub(repo: string, path: string, options: HubOptions): Promise<string> {
  const cacheDir = options.cacheFolder ?? getHFHubCachePath()
  const revision = options.revision ?? 'main'
  const folder = join(cacheDir, `models--${repo.replace('/', '--')}`)
  const note = join(folder, `kumiki-${encodeURIComponent(`${revision}:${path}`)}.txt`)
  try {
    const found = await downloadFileToCacheDir({
      repo,
      path,
      revision,
      cacheDir,
      hubUrl: options.hubUrl,
      fetch: options.fetch,
      ...(options.accessToken === undefined ? {} : { accessToken: options.accessToken }),
    })
    await writeFile(note, found)
    return found
  } catch (error) {
    // `fetch` rejects with a TypeError on network errors.
    if (error instanceof TypeError && existsSync(note)) {
      const found = await readFile(note, 'utf8')
      if (found.startsWith(folder) && existsSync(found)) return found
    }
    throw error
  }
}
