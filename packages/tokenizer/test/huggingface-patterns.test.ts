/**
 * Regular expressions of tokenizer.json against Oniguruma, character classes against Rust, and catastrophic patterns.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { PatternMachine } from '../src/huggingface/pattern/machine.ts'
import { parsePattern } from '../src/huggingface/pattern/syntax.ts'
import { compile } from '../src/huggingface/pattern.ts'
import { TokenizerError } from '../src/huggingface.ts'
import { cpuTime } from './cpu-time.ts'

const vectors = JSON.parse(readFileSync(new URL('../vectors/hf/patterns.json', import.meta.url), 'utf8')) as {
  texts: string[]
  points: number[]
  classes: Record<string, string>
  rustWord: string
  replaced: [pattern: string, text: string, written: string][]
  patterns: { pattern: string; cuts: number[][] }[]
}
const seconds = (run: () => unknown) => {
  const start = cpuTime()
  run()
  return (cpuTime() - start) / 1000
}

describe('Oniguruma, by the patterns of Hub models and odd ones', () => {
  test.each(vectors.patterns)('$pattern', ({ pattern, cuts }) => {
    const compiled = compile(pattern, 'pattern')
    const machine = new PatternMachine(parsePattern(pattern))
    vectors.texts.forEach((text, k) => {
      const parts = compiled.partsOf(text).filter(({ from, to }) => to > from)
      expect(
        parts.map(({ from, to }) => Array.from(text.slice(from, to)).length),
        JSON.stringify(text),
      ).toEqual(cuts[k])
      // The machine, which stands in for RegExp where that cannot, finds the same.
      const found = compiled.partsOf(text).filter(({ match }) => match)
      const again = [...machine.matches(text)].filter(
        ([from, to], n, all) => from < to || n === 0 || all[n - 1][1] < from,
      )
      expect(again, JSON.stringify(text)).toEqual(found.map(({ from, to }) => [from, to]))
    })
  })

  const held = (name: string, dialect?: 'rust') => {
    const compiled = compile(name, 'pattern', dialect)
    return vectors.points.map((p) => (compiled.partsOf(String.fromCodePoint(p))[0].match ? '1' : '0')).join('')
  }
  test.each(Object.entries(vectors.classes))('what %s holds', (name, wanted) => {
    expect(held(name)).toBe(wanted)
  })

  test('what \\w holds in Rust', () => {
    expect(held('\\w', 'rust')).toBe(vectors.rustWord)
  })

  test.each(vectors.replaced)('empty matches of %j in %j', (pattern, text, written) => {
    const parts = compile(pattern, 'pattern').partsOf(text)
    expect(parts.map(({ from, to, match }) => (match ? 'X' : text.slice(from, to))).join('')).toBe(written)
  })
})

test.each(['(a+)+$', '(?:a|a)*$', '([a-z]?a){20}$', '(?:\\s*\\w+)+$', '(?:\\r?\\n|a)+(?!\\r?\\n|a|b)'])(
  'a pattern that could take forever does not: %s',
  (pattern) => {
    const compiled = compile(pattern, 'pattern')
    expect(seconds(() => compiled.partsOf(`${'a'.repeat(2000)}!b`))).toBeLessThan(2)
  },
)

test('a backreference that takes too long ends with an error', () => {
  const compiled = compile('(a*)*(a*)*\\1b', 'pattern')
  expect(() => compiled.partsOf('a'.repeat(40))).toThrow(TokenizerError)
})

test('runs that overflow the stack of RegExp', () => {
  const compiled = compile('[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}', 'pattern')
  for (const character of ['a', '𠮷']) {
    const text = `12 ${character.repeat(4_194_304)}1`
    expect(compiled.partsOf(text).map(({ to, match }) => [to, match])).toEqual([
      [2, true],
      [text.length - 1, true],
      [text.length, true],
    ])
  }
})

test.each([
  ['(?<a>x)\\g<a>', '\\g'],
  ['(?~abc)', '(?~'],
  ['\\X', '\\X'],
  ['a\\Kb', '\\K'],
  ['(?i:ß)', 'where case is ignored'],
  ['[a', 'unterminated character class'],
  ['\\2(a)', 'no group 2'],
  ['(?:a?b?){90000}', 'more than 20000 instructions'],
])('what is refused is named: %s', (pattern, reason) => {
  expect(() => compile(pattern, 'pattern')).toThrow(TokenizerError)
  expect(() => compile(pattern, 'pattern')).toThrow(reason)
})
