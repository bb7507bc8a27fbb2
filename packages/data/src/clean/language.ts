/** Language filter by eld (Nito-ELD: n-grams of 60 languages). Node and browsers. */
import { checkList } from '../check-argument.ts'
import type { Filter } from './filter.ts'

/** Number of characters at the beginning of a text that are examined. */
const looked = 2000

/**
 * A filter that keeps texts in the given languages.
 * @param languages ISO 639-1 codes, such as `ja` and `en`
 * @throws RangeError for a language that is not supported
 */
export async function languageFilter(languages: readonly string[]): Promise<Filter> {
  checkList('languageFilter: languages', languages, "['ja', 'en']")
  const { eld } = await import('eld/medium')
  const known = new Set(Object.values(eld.info().Languages))
  for (const language of languages)
    if (!known.has(language))
      throw new RangeError(
        `language ${JSON.stringify(language)} is not supported; supported are ${[...known].sort().join(', ')}`,
      )
  const wanted = new Set(languages)
  return {
    name: 'language',
    apply(text) {
      const found = eld.detect(text.slice(0, looked)).language || 'unknown'
      return wanted.has(found) ? true : { drop: found }
    },
  }
}
