/** Storage of a build's plan in the folder of its parts (JSON Lines: the settings, then each part). Node only. */
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../make-folder.ts'
import { FileWriter } from '../tokens/file-writer.ts'
import type { BuildPart, BuildPlan, BuildSettings } from './build-plan.ts'

const pathIn = (folder: string) => join(folder, 'plan.jsonl')

interface Head {
  readonly version: 2
  readonly parts: number
  readonly settings: BuildSettings
}

/**
 * Saves the plan in a folder, or compares it with the one saved there.
 * @throws Error that names a difference, or a file that cannot be written
 */
export async function saveBuildPlan(folder: string, plan: BuildPlan): Promise<void> {
  const path = pathIn(folder)
  const anew = 'remove the folder to start over'
  if (!existsSync(path)) {
    if (existsSync(join(folder, 'plan.json')))
      throw new Error(`${folder} holds parts of a build that an older version began; ${anew}`)
    await makeFolder(folder)
    const head: Head = { version: 2, parts: plan.parts.length, settings: plan.settings }
    const temporary = `${path}.${process.pid}.tmp`
    const file = new FileWriter(temporary)
    try {
      const encoder = new TextEncoder()
      for (const line of [head, ...plan.parts]) file.write(encoder.encode(`${JSON.stringify(line)}\n`))
      file.close()
      renameSync(temporary, path)
    } catch (error) {
      file.abandon()
      throw error
    }
    return
  }
  const kept = loadBuildPlan(folder)
  for (const name of Object.keys({ ...kept.settings, ...plan.settings }) as (keyof BuildSettings)[]) {
    const [before, now] = [kept, plan].map(({ settings }) => JSON.stringify(settings[name]) ?? 'not given')
    // What names tokenizer and filters is for no reader.
    if (before !== now && name === 'identity')
      throw new Error(`${folder} holds parts of a build with another tokenizer or other filters; ${anew}`)
    if (before !== now)
      throw new Error(`${folder} holds parts of a build with other settings: ${name} was ${before}, is ${now}; ${anew}`)
  }
  for (let i = 0; i < Math.max(kept.parts.length, plan.parts.length); i++) {
    const [before, now] = [kept.parts[i], plan.parts[i]]
    if (before !== undefined && now !== undefined && JSON.stringify(before) === JSON.stringify(now)) continue
    throw new Error(`${folder} holds parts of a build of other files: ${differenceOf(before, now)}; ${anew}`)
  }
}

/** Describes the first difference between two parts. */
function differenceOf(before: BuildPart | undefined, now: BuildPart | undefined): string {
  const count = Math.max(before?.files.length ?? 0, now?.files.length ?? 0)
  const say = (part: BuildPart | undefined, i: number) =>
    part?.files[i] === undefined ? 'nothing' : `${part.files[i]} (${part.bytes[i]} bytes)`
  for (let i = 0; i < count; i++)
    if (say(before, i) !== say(now, i)) return `there was ${say(before, i)}, now there is ${say(now, i)}`
  return `${now?.files[0] ?? before?.files[0]} is divided differently`
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0

function isPart(value: unknown): value is BuildPart {
  const { files, bytes, range } = (value ?? {}) as { files?: unknown; bytes?: unknown; range?: Record<string, unknown> }
  return (
    Array.isArray(files) &&
    files.length > 0 &&
    files.every((path) => typeof path === 'string') &&
    Array.isArray(bytes) &&
    bytes.length === files.length &&
    bytes.every(isCount) &&
    (range === undefined || (isCount(range?.begin) && isCount(range.end)))
  )
}

/** Reads the plan in a folder of parts. @throws Error where there is none, or it is malformed */
export function loadBuildPlan(folder: string): BuildPlan {
  const path = pathIn(folder)
  if (!existsSync(path)) throw new Error(`${folder}: there are no parts of a build; run data build --shard first`)
  // Parsed line by line from bytes, since the plan of many files may exceed the maximum length of a string.
  const bytes = readFileSync(path)
  const parts: BuildPart[] = []
  let head: Head | undefined
  for (let at = 0, line = 1; at < bytes.length; line++) {
    const end = bytes.indexOf(10, at)
    let value: unknown
    try {
      value = JSON.parse(bytes.toString('utf8', at, end < 0 ? bytes.length : end))
    } catch (error) {
      throw new Error(`${path}: line ${line} is not JSON (${(error as Error).message.slice(0, 120)})`)
    }
    if (line === 1) {
      head = value as Head
      const { version, parts: count, settings } = (value ?? {}) as Partial<Head>
      if (version !== 2 || !isCount(count) || typeof settings !== 'object' || settings === null)
        throw new Error(`${path}: it is not a build plan (version 2)`)
    } else if (isPart(value)) parts.push(value)
    else throw new Error(`${path}: line ${line} is not a part of a build`)
    at = end < 0 ? bytes.length : end + 1
  }
  if (head === undefined || parts.length !== head.parts)
    throw new Error(`${path}: it is truncated: it has ${parts.length} of ${head?.parts ?? '?'} parts`)
  return { version: 2, parts, settings: head.settings }
}
