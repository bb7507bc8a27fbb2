/** Finds the known name that an unknown one may be a misspelling of. */
import { distance } from 'fastest-levenshtein'

const plain = (word: string) => word.toLowerCase().replace(/[^a-z0-9]/g, '')

/** The known names that are nearest, if they are at most `edits` edits away. */
function allNearest(name: string, known: readonly string[], edits: number): string[] {
  const away = known.map((one) => distance(plain(name), plain(one)))
  const least = Math.min(...away)
  return least <= edits ? known.filter((_, i) => away[i] === least) : []
}

/** The nearest of the known names, if it is at most a third of the letters away. */
export const nearest = (name: string, known: readonly string[]): string | undefined =>
  allNearest(name, known, Math.max(1, Math.floor(plain(name).length / 3)))[0]

/** `did you mean NAME?`, or the known fields if none is near. */
export function meantOrKnown(name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  return meant === undefined ? `known fields: ${known.join(', ')}` : `did you mean ${meant}?`
}

/**
 * ` (Did you mean --model?)`, in commander's words for verbs, or an empty string if no name is near, or more than two
 * are equally near: of L9, every level is. A transposition counts as two edits.
 */
export function suggestion(name: string, known: readonly string[]): string {
  const meant = allNearest(name, known, Math.ceil(plain(name).length / 3))
  return meant.length === 0 || meant.length > 2 ? '' : ` (Did you mean ${meant.join(' or ')}?)`
}

/**
 * The suggestion for an error that was caused by an unknown name: it or one of its causes has the name as `given` and
 * the possible ones as `known`.
 */
export function suggestionFor(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { given, known } = at as { given?: unknown; known?: unknown }
    if (typeof given === 'string' && Array.isArray(known)) return suggestion(given, known)
  }
  return ''
}
