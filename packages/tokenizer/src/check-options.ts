/** Options of public functions, checked at the border. */
import { distance } from 'fastest-levenshtein'
import { TokenizerError } from './tokenizer-error.ts'

/**
 * Refuses options that are not known: a misspelt one would be ignored.
 * @throws TokenizerError that names the nearest known one
 */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const away = (one: string) => distance(name.toLowerCase().replaceAll(/[-_]/g, ''), one.toLowerCase())
    const nearest = known.reduce((best, one) => (away(one) < away(best) ? one : best))
    throw new TokenizerError(
      `${what}: there is no option ${name}; the nearest is ${nearest} (known are ${known.join(', ')})`,
    )
  }
}

/**
 * Refuses one string where a list of lines is wanted: it would be taken for a list of characters.
 * @throws TokenizerError
 */
export function checkLines(what: string, lines: unknown): void {
  if (typeof lines === 'string') {
    throw new TokenizerError(`${what}: lines is one string; give a list of lines, as text.split('\\n')`)
  }
  if (typeof lines !== 'object' || lines === null || !(Symbol.iterator in lines)) {
    throw new TokenizerError(`${what}: lines is ${lines === null ? 'null' : typeof lines}; a list of lines is needed`)
  }
}
