import { TokenizerError } from './tokenizer-error.ts'

/**
 * Refuses options that are not known: a misspelt one would be ignored.
 * @throws TokenizerError that names the nearest known one
 */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const nearest = known.reduce((best, candidate) =>
      distance(name, candidate) < distance(name, best) ? candidate : best,
    )
    throw new TokenizerError(
      `${what}: there is no option ${name}; the nearest is ${nearest} (known are ${known.join(', ')})`,
    )
  }
}

/** Letters to add, take away or change between two names (upper and lower case are one). */
function distance(a: string, b: string): number {
  const left = a.toLowerCase().replaceAll(/[-_]/g, '')
  const right = b.toLowerCase()
  let row = Array.from({ length: right.length + 1 }, (_, k) => k)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[right.length]
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
