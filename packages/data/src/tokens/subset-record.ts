/** PREFIX.subsets.json beside PREFIX.bin: origin and release level of the texts of a dataset. Node only. */
import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { type ReleaseLevel, releaseLevels } from '../blend/release-level.ts'
import { FileWriter } from './file-writer.ts'

/** A named part of a dataset; run records and model cards contain the same fields. */
export interface TokenSubset {
  readonly subset: string
  readonly language: string | null
  /** Origin of the texts. */
  readonly source: string | null
  readonly licence: string | null
  readonly releaseLevel: ReleaseLevel
  /** Passes over the subset that the files contain. */
  readonly repeats: number
  readonly tokens: number
}

const mostBytes = 16 * 2 ** 20

export const subsetPath = (prefix: string): string => `${prefix}.subsets.json`

/** Writes the file. @throws Error that names a file that cannot be written; an existing one does not change then */
export function writeSubsets(prefix: string, subsets: readonly TokenSubset[]): void {
  const temporary = `${subsetPath(prefix)}.${process.pid}.tmp`
  const file = new FileWriter(temporary)
  try {
    file.write(new TextEncoder().encode(`${JSON.stringify({ version: 1, subsets }, null, 2)}\n`))
    file.close()
    renameSync(temporary, subsetPath(prefix))
  } catch (error) {
    file.abandon()
    throw error
  }
}

/** Removes the file, so that overwritten token files do not keep the levels of the old ones. */
export function removeSubsets(prefix: string): void {
  rmSync(subsetPath(prefix), { force: true })
}

/**
 * Reads the origin of the texts of a dataset.
 * @returns null where there is no such file
 * @throws Error that names file and field, where the file is malformed
 * @example readSubsets('corpus_text_document') // null
 */
export function readSubsets(prefix: string): readonly TokenSubset[] | null {
  const path = subsetPath(prefix)
  if (!existsSync(path)) return null
  const fail = (fault: string): never => {
    throw new Error(`${path}: ${fault}`)
  }
  if (statSync(path).size > mostBytes) fail(`it is larger than ${mostBytes} bytes`)
  let json: { version?: unknown; subsets?: unknown } | null
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    return fail(`it is not JSON (${(error as Error).message.slice(0, 120)})`)
  }
  if (json?.version !== 1 || !Array.isArray(json.subsets) || json.subsets.length === 0)
    return fail('it must hold version 1 and an array of subsets')
  return json.subsets.map((given: Record<string, unknown> | null, i): TokenSubset => {
    const at = `subsets[${i}]`
    if (typeof given !== 'object' || given === null) return fail(`${at} must be an object`)
    const text = (name: string): string | null => {
      const value = given[name] ?? null
      return value === null || typeof value === 'string' ? value : fail(`${at}.${name} must be a text or null`)
    }
    const size = (name: string): number => {
      const value = given[name]
      return typeof value === 'number' && value >= 0 && Number.isFinite(value)
        ? value
        : fail(`${at}.${name} must be a number of at least 0`)
    }
    const level = given.releaseLevel
    if (typeof level !== 'string' || !Object.hasOwn(releaseLevels, level))
      return fail(
        `${at}.releaseLevel must be one of ${Object.keys(releaseLevels).join(', ')}, got ${JSON.stringify(level)}`,
      )
    return {
      subset: text('subset') ?? fail(`${at}.subset is missing`),
      language: text('language'),
      source: text('source'),
      licence: text('licence'),
      releaseLevel: level as ReleaseLevel,
      repeats: size('repeats'),
      tokens: size('tokens'),
    }
  })
}
