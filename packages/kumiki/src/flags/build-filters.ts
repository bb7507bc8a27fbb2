/** The filters of `data build`, chosen by flags. */

import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Filter } from '@kumiki/data'
import { readBytes } from '../files/files.ts'
import { UsageError } from '../usage-error.ts'

export interface FilterFlags {
  filter?: string[]
  minLength?: number
  maxLength?: number
  language?: string[]
  filtersModule?: string
}

export const filterNames = ['characters', 'repetition', 'japanese', 'personal-data'] as const

/**
 * @returns filters in the order they run, cheap ones first and masks last; and a string that identifies them
 * with their limits
 */
export async function filtersOf(flags: FilterFlags): Promise<{ filters: Filter[]; identity: string }> {
  const { characterFilter, japaneseFilter, languageFilter, lengthFilter, personalDataFilter, repetitionFilter } =
    await import('@kumiki/data')
  for (const name of flags.filter ?? [])
    if (!(filterNames as readonly string[]).includes(name))
      throw new UsageError(`--filter ${name}: unknown; choose from ${filterNames.join(', ')}`, {
        given: name,
        known: filterNames,
      })
  const wanted = new Set(flags.filter)
  const { minLength, maxLength, language } = flags
  const filters: Filter[] = []
  if (minLength !== undefined || maxLength !== undefined)
    filters.push(
      lengthFilter({
        ...(minLength !== undefined && { min: minLength }),
        ...(maxLength !== undefined && { max: maxLength }),
      }),
    )
  if (language)
    filters.push(
      await languageFilter(language).catch((error: Error) => {
        throw new UsageError(`--language: ${error.message}`, { cause: error })
      }),
    )
  if (wanted.has('characters')) filters.push(characterFilter())
  if (wanted.has('japanese')) filters.push(japaneseFilter())
  if (wanted.has('repetition')) filters.push(repetitionFilter())
  if (wanted.has('personal-data')) filters.push(personalDataFilter())
  const own = flags.filtersModule === undefined ? undefined : await loadFilters(flags.filtersModule)
  filters.push(...(own?.filters ?? []))
  return {
    filters,
    identity: JSON.stringify([
      [...wanted].sort(),
      minLength ?? null,
      maxLength ?? null,
      language ?? null,
      ...(own ? [own.hash] : []),
    ]),
  }
}

/**
 * `--filters-module`: an ES module that exports `filters`, an array of { name, apply }. They run last; the hash of the
 * module's text is part of the build's identity.
 */
async function loadFilters(path: string): Promise<{ filters: Filter[]; hash: string }> {
  const fail = (fault: string): never => {
    throw new UsageError(`--filters-module ${path}: ${fault}`)
  }
  const bytes = await readBytes(path, 2 ** 24).catch((error: Error) => fail(error.message.replace(`${path}: `, '')))
  let module: { filters?: unknown }
  try {
    module = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    return fail(`cannot be loaded (${(error as Error).message})`)
  }
  const { filters } = module
  if (!Array.isArray(filters) || filters.length === 0)
    return fail("must export filters: an array of { name, apply: (text) => true, another text, or { drop: 'reason' } }")
  filters.forEach((filter: Partial<Filter> | null, i) => {
    if (typeof filter?.name !== 'string' || filter.name === '' || typeof filter.apply !== 'function')
      fail(`filters[${i}] must have a name and a function apply`)
  })
  const checked = (filters as Filter[]).map(
    (filter): Filter => ({
      name: filter.name,
      apply(text) {
        const verdict = filter.apply(text) as unknown
        const drop = (verdict as { drop?: unknown } | null)?.drop
        if (verdict === true || typeof verdict === 'string' || typeof drop === 'string') return verdict as true
        throw new Error(
          `--filters-module ${path}: ${filter.name} must return true, a text or { drop: 'reason' }, returned ${JSON.stringify(verdict)?.slice(0, 80)}`,
        )
      },
    }),
  )
  return { filters: checked, hash: createHash('sha256').update(bytes).digest('hex') }
}
