/** The filters of `data build`, by name. */
import type { Filter } from '@kumiki/data'
import { UsageError } from './usage-error.ts'

export interface FilterFlags {
  filter?: string[]
  minLength?: number
  maxLength?: number
  language?: string[]
}

export const filterNames = ['characters', 'repetition', 'japanese', 'personal-data'] as const

/** @returns filters in the order they run: cheap ones first, masks last; and what names them with their limits */
export async function filtersOf(flags: FilterFlags): Promise<{ filters: Filter[]; identity: string }> {
  const { characterFilter, japaneseFilter, languageFilter, lengthFilter, personalDataFilter, repetitionFilter } =
    await import('@kumiki/data')
  for (const name of flags.filter ?? [])
    if (!(filterNames as readonly string[]).includes(name))
      throw new UsageError(`--filter ${name}: there are ${filterNames.join(', ')}`)
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
        throw new UsageError(`--language: ${error.message}`)
      }),
    )
  if (wanted.has('characters')) filters.push(characterFilter())
  if (wanted.has('japanese')) filters.push(japaneseFilter())
  if (wanted.has('repetition')) filters.push(repetitionFilter())
  if (wanted.has('personal-data')) filters.push(personalDataFilter())
  return {
    filters,
    identity: JSON.stringify([[...wanted].sort(), minLength ?? null, maxLength ?? null, language ?? null]),
  }
}
