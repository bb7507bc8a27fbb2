/** Normalization rules against SentencePiece, compilation of rules, and custom rules. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../src/index.ts'
import { Charsmap } from '../src/sentencepiece/charsmap.ts'
import { readModelFile } from '../src/sentencepiece/model-reader.ts'
import { TokenizerError, trainBpe, trainUnigram } from '../src/train.ts'
import { compileCharsmap } from '../src/training/compile-charsmap.ts'
import { rulesOf } from '../src/training/normalization-rules.ts'

type Wanted = { rules: number; sha256: string; cases: [text: string, normalised: string][] }
const wanted = JSON.parse(
  readFileSync(new URL('../vectors/normalization/rules.json', import.meta.url), 'utf8'),
) as Record<string, Wanted>
const lines = readFileSync(new URL('../vectors/corpus.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

/** What rules make of a text: the longest at each place. */
function rewrite(blob: Uint8Array, text: string): string {
  const charsmap = new Charsmap(blob)
  let result = ''
  for (let at = 0; at < text.length; ) {
    const match = charsmap.match(text, at, false)
    result += match ? String.fromCharCode(...match.replacement) : String.fromCodePoint(text.codePointAt(at)!)
    at += match?.length ?? (text.codePointAt(at)! > 0xffff ? 2 : 1)
  }
  return result
}

// SentencePiece 0.2.1 has the data of Unicode 16; an older runtime lacks some of it.
const unicode = Number.parseFloat(process.versions.unicode ?? '0')

// The plain and the largest set stand for all four, each of which takes a second to make, and the largest for all in
// the compiler, which does not know what rules mean.
const all = ['nfkc', 'nmt_nfkc', 'nfkc_cf', 'nmt_nfkc_cf'] as const
const names = process.env.KUMIKI_DEEP ? all : (['nfkc', 'nmt_nfkc_cf'] as const)
const compiled: readonly string[] = process.env.KUMIKI_DEEP ? all : ['nmt_nfkc_cf']

describe.each(names)('%s', (name) => {
  const rules = rulesOf(name)
  let made: Uint8Array | undefined
  const blobOf = () => {
    made ??= compileCharsmap(rules)
    return made
  }

  test.skipIf(unicode < 16)('has the rules that SentencePiece has, each and all', () => {
    expect(rules.size).toBe(wanted[name].rules)
    const encoder = new TextEncoder()
    const sorted = [...rules]
      .map(([text, replacement]) => ({ bytes: Buffer.from(encoder.encode(text)), line: `${text}\0${replacement}\n` }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    const hash = createHash('sha256')
    for (const { line } of sorted) hash.update(line)
    expect(hash.digest('hex')).toBe(wanted[name].sha256)
  })

  test.runIf(compiled.includes(name))(
    'compiled, every rule is found, in a trie as small as SentencePiece makes it',
    () => {
      const blob = blobOf()
      // The blobs of SentencePiece 0.2.1 have 240,008 to 247,028 bytes.
      expect(blob.length).toBeLessThan(250_000)
      const charsmap = new Charsmap(blob)
      let wrong = 0
      for (const [text, replacement] of rules) {
        const match = charsmap.match(text, 0, false)
        if (match?.length !== text.length || String.fromCharCode(...match.replacement) !== replacement) wrong++
      }
      expect(wrong).toBe(0)
    },
  )

  test.runIf(compiled.includes(name))('makes of texts what SentencePiece makes of them', () => {
    const blob = blobOf()
    for (const [text, normalised] of wanted[name].cases) expect(rewrite(blob, text), text).toBe(normalised)
  })
})

test('the rules are part of the model that is trained, and text is trained on as they write it', () => {
  const model = trainUnigram([...lines.slice(0, 120), 'ＴＲＡＩＮＩＮＧ ＴＲＡＩＮＩＮＧ'], {
    vocabSize: 500,
    normalization: 'nfkc_cf',
  })
  expect(readModelFile(model).normalizer.name).toBe('nfkc_cf')
  const tokenizer = loadTokenizer(model)
  expect(tokenizer.encodeWithOffsets('ＴＲＡＩＮＩＮＧ').pieces.join('')).toBe('▁training')
  for (let id = 0; id < tokenizer.vocabSize; id++) expect(tokenizer.idToPiece(id)).not.toMatch(/[A-ZＡ-Ｚ]/)
  expect(readModelFile(trainBpe(lines, { vocabSize: 500, normalization: 'identity' })).normalizer).toMatchObject({
    name: 'identity',
    precompiledCharsmap: new Uint8Array(0),
  })
})

test('rules of one’s own: the longest applies, whatever they are', () => {
  const character = fc.constantFrom('a', 'b', 'c', 'é', 'あ', 'い', '𠮷', '😀')
  const text = fc.array(character, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, fc.oneof(text, fc.constant(''))), { minLength: 1, maxLength: 30 }),
      fc.array(text, { maxLength: 10 }).map((parts) => parts.join('')),
      (pairs, sample) => {
        const rules = new Map(pairs)
        let expected = ''
        for (let at = 0; at < sample.length; ) {
          let end = Math.min(sample.length, at + 16)
          while (end > at && !rules.has(sample.slice(at, end))) end--
          const next = at + (sample.codePointAt(at)! > 0xffff ? 2 : 1)
          expected += end > at ? rules.get(sample.slice(at, end)) : sample.slice(at, next)
          at = end > at ? end : next
        }
        expect(rewrite(compileCharsmap(rules), sample)).toBe(expected)
      },
    ),
  )
})

test('rules that cannot be compiled are named', () => {
  const fails = (rules: [string, string][], message: RegExp) => {
    expect(() => compileCharsmap(new Map(rules))).toThrow(TokenizerError)
    expect(() => compileCharsmap(new Map(rules))).toThrow(message)
  }
  fails([['', 'a']], /rule "" to "a" is empty/)
  fails([['a\0', 'a']], /NUL/)
  fails([['a', '\ud800']], /lone surrogate/)
  fails([['a'.repeat(300), 'b']], /300 units of text; 256 are allowed/)
  fails(
    Array.from({ length: 40 }, (_, n) => ['a'.repeat(n + 1), 'b']),
    /32 or more normalization rules begin with one another/,
  )
  expect(() => trainUnigram(lines, { vocabSize: 500, normalization: 'nfd' as 'nfkc' })).toThrow(/"nfd"; identity, nfkc/)
})
