/** Finds the known name that an unknown one may be a misspelling of. */
import { distance } from 'fastest-levenshtein'

const plain = (word: string) => word.toLowerCase().replace(/[^a-z0-9]/g, '')

/** The nearest of the known names, if it is at most `edits` edits away (by default a third of the letters). */
export function nearest(
  name: string,
  known: readonly string[],
  edits = Math.max(1, Math.floor(plain(name).length / 3)),
): string | undefined {
  const ranked = known.map((one) => [distance(plain(name), plain(one)), one] as const).sort(([a], [b]) => a - b)
  const [best] = ranked
  return best && best[0] <= edits ? best[1] : undefined
}

/**
 * ` (Did you mean --model?)`, in commander's words for verbs, or an empty string if no name is near. A transposition
 * counts as two edits.
 */
export function suggestion(name: string, known: readonly string[]): string {
  const meant = nearest(name, known, Math.ceil(plain(name).length / 3))
  return meant === undefined ? '' : ` (Did you mean ${meant}?)`
}
