/** Validation of arguments of public functions. */
import { distance } from 'fastest-levenshtein'
import { TokenizerError } from './tokenizer-error.ts'

/**
 * Rejects unknown options, which would otherwise be ignored.
 * @throws TokenizerError that suggests the nearest known option
 */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const away = (one: string) => distance(name.toLowerCase().replaceAll(/[-_]/g, ''), one.toLowerCase())
    const nearest = known.reduce((best, one) => (away(one) < away(best) ? one : best))
    throw new TokenizerError(
      `${what}: there is no option ${name}; the nearest is ${nearest} (known are ${known.join(', ')})`,
      { option: name },
    )
  }
}

/**
 * Rejects a single string given as a list of lines, which would iterate over its characters.
 * @throws TokenizerError where `lines` is a string or not iterable
 */
export function checkLines(what: string, lines: unknown): void {
  if (typeof lines === 'string') {
    throw new TokenizerError(`${what}: lines is one string; give a list of lines, as text.split('\\n')`)
  }
  if (typeof lines !== 'object' || lines === null || !(Symbol.iterator in lines)) {
    throw new TokenizerError(`${what}: lines is ${lines === null ? 'null' : typeof lines}; a list of lines is needed`)
  }
}
