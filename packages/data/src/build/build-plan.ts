/** A build cut into parts that depend on the input alone, so that any number of workers and shards gives the same bytes. Node only. */

import { textFormat } from '../sources/document-stream.ts'
import { findFiles } from '../sources/find-files.ts'

/** What one part reads. */
export interface BuildPart {
  readonly path: string
  /** Size of the file when the plan was made. */
  readonly bytes: number
  /** Lines that begin in these bytes; the whole file where left out. */
  readonly range?: { readonly begin: number; readonly end: number }
}

/** What decides the bytes; kept beside the parts, so that shards that differ are refused. */
export interface BuildPlan {
  readonly version: 1
  readonly parts: readonly BuildPart[]
  readonly settings: BuildSettings
}

export interface BuildSettings {
  readonly vocabSize: number
  readonly eosId: number | null
  readonly field: string
  readonly encoding: string
  readonly duplicates: 'keep' | 'exact' | 'near'
  /** Names what else decides the result: the tokenizer's hash, the filters with their limits. */
  readonly identity: string
}

/** Bytes of a plain file of JSON lines that one part reads. */
const partBytes = 64 * 2 ** 20

/**
 * Files in the order of their paths, large plain files of JSON lines in ranges.
 * @throws Error for a path that is not there or a folder without text
 */
export async function planBuild(paths: readonly string[], settings: BuildSettings): Promise<BuildPlan> {
  const { stat } = await import('node:fs/promises')
  const parts: BuildPart[] = []
  for (const path of await findFiles(paths, (name) => textFormat(name) !== undefined)) {
    const bytes = (await stat(path)).size
    const cut = /\.(jsonl|ndjson)$/i.test(path) && /^utf-?8$/i.test(settings.encoding) && bytes > partBytes
    if (!cut) parts.push({ path, bytes })
    else
      for (let begin = 0; begin < bytes; begin += partBytes)
        parts.push({ path, bytes, range: { begin, end: Math.min(bytes, begin + partBytes) } })
  }
  return { version: 1, parts, settings }
}

/**
 * Keeps the plan in a folder, or holds it against the one that is there.
 * @throws Error naming what differs
 */
export async function keepPlan(folder: string, plan: BuildPlan): Promise<void> {
  const { readFile, rename, writeFile } = await import('node:fs/promises')
  const { join } = await import('node:path')
  const { makeFolder } = await import('../make-folder.ts')
  const path = join(folder, 'plan.json')
  const before = await readFile(path, 'utf8').catch(() => null)
  if (before === null) {
    await makeFolder(folder)
    const temporary = `${path}.${process.pid}.tmp`
    await writeFile(temporary, JSON.stringify(plan))
    await rename(temporary, path)
    return
  }
  const kept = readPlan(path, before)
  for (const name of Object.keys(plan.settings) as (keyof BuildSettings)[])
    if (kept.settings[name] !== plan.settings[name])
      throw new Error(
        `${folder} holds parts of a build with other settings: ${name} was ${JSON.stringify(kept.settings[name])}, is ${JSON.stringify(plan.settings[name])}; remove the folder to begin anew`,
      )
  if (JSON.stringify(kept.parts) !== JSON.stringify(plan.parts))
    throw new Error(
      `${folder} holds parts of a build of other files, or the files have changed; remove the folder to begin anew`,
    )
}

/** @throws Error for text that is no plan */
export function readPlan(path: string, text: string): BuildPlan {
  let plan: Partial<BuildPlan> | null
  try {
    plan = JSON.parse(text)
  } catch (error) {
    throw new Error(`${path}: it is not JSON (${(error as Error).message.slice(0, 120)})`)
  }
  if (plan?.version !== 1 || !Array.isArray(plan.parts) || typeof plan.settings !== 'object' || plan.settings === null)
    throw new Error(`${path}: it is no plan of a build (version 1)`)
  return plan as BuildPlan
}
