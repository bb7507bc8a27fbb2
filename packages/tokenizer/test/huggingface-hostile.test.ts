/** Corrupt and malicious tokenizer.json files. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadHuggingFaceTokenizer, TokenizerError } from '../src/huggingface.ts'
import { cpuTime } from './cpu-time.ts'

type Json = { [key: string]: any }

const small = () =>
  JSON.parse(readFileSync(new URL('../vectors/hf/llama2.tokenizer.json', import.meta.url), 'utf8')) as Json
const changed = (change: (file: Json) => void) => {
  const file = small()
  change(file)
  return JSON.stringify(file)
}
const DEEP = 1_000_000

describe('a broken tokenizer.json gives a TokenizerError', () => {
  const cases: [string, () => Uint8Array | string, RegExp][] = [
    ['empty', () => '', /not JSON/],
    ['not UTF-8', () => Uint8Array.of(0x7b, 0xff), /not UTF-8/],
    ['a list', () => '[]', /the file is a list/],
    ['cut short', () => JSON.stringify(small()).slice(0, 900), /not JSON/],
    ['10^6 lists', () => '['.repeat(DEEP), /nested deeper/],
    ['10^6 objects', () => `${'{"normalizer":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`, /nested deeper/],
    [
      '10^6 sequences',
      () =>
        `{"normalizer":${'{"type":"Sequence","normalizers":['.repeat(DEEP)}${']}'.repeat(DEEP)},"model":{"type":"BPE"}}`,
      /nested deeper/,
    ],
    ['no model', () => '{}', /model is undefined/],
    ['an unknown model', () => changed((f) => (f.model.type = 'Lattice')), /model "Lattice" is not supported/],
    ['an unknown normalizer', () => changed((f) => (f.normalizer = { type: 'Bert' })), /normalizer "Bert" is not/],
    [
      'an unknown pre-tokenizer inside',
      () => changed((f) => (f.pre_tokenizer = { type: 'Sequence', pretokenizers: [{ type: 'Jieba' }] })),
      /pre_tokenizer\.pretokenizers\[0\] "Jieba"/,
    ],
    ['an unknown decoder', () => changed((f) => (f.decoder = { type: 'Own' })), /decoder "Own" is not/],
    ['an unknown post-processor', () => changed((f) => (f.post_processor = { type: 'X' })), /post_processor "X"/],
    [
      'an expression that is none',
      () => changed((f) => (f.pre_tokenizer = { type: 'Split', pattern: { Regex: '(a' }, behavior: 'Isolated' })),
      /Regex|pattern.*not supported/,
    ],
    [
      'groups 10^6 deep',
      () =>
        changed(
          (f) => (f.pre_tokenizer = { type: 'Split', pattern: { Regex: '('.repeat(DEEP) }, behavior: 'Isolated' }),
        ),
      /10,000 characters/,
    ],
    ['an id past the end', () => changed((f) => (f.model.vocab.a = 2 ** 31)), /integer from 0/],
    ['an id twice', () => changed((f) => (f.model.vocab.qqq = 5)), /id 5 is both/],
    ['a merge without its token', () => changed((f) => f.model.merges.push(['zz', 'qq'])), /which has no id/],
    ['a merge into itself', () => changed((f) => f.model.merges.push(['', 'a'])), /which has no id/],
    ['a merge of three', () => changed((f) => f.model.merges.push(['a', 'b', 'c'])), /3 parts/],
    ['no vocabulary', () => changed((f) => (f.model.vocab = {})), /empty/],
    ['a NaN score', () => JSON.stringify({ model: { type: 'Unigram', vocab: [['a', Number.NaN]] } }), /finite score/],
    ['an infinite score', () => '{"model":{"type":"Unigram","vocab":[["a",1e999]]}}', /finite score/],
    ['an empty piece', () => '{"model":{"type":"Unigram","vocab":[["",1]]}}', /empty piece/],
    ['an added token twice', () => changed((f) => f.added_tokens.push(f.added_tokens[0])), /both "<unk>"/],
    [
      'a template that names what is not there',
      () => changed((f) => f.post_processor.single.push({ SpecialToken: { id: 'constructor' } })),
      /names "constructor"/,
    ],
    [
      'a charsmap that points outside itself',
      () =>
        changed((f) => (f.normalizer = { type: 'Precompiled', precompiled_charsmap: btoa('\xff\xff\xff\x7f0000') })),
      /claims/,
    ],
    [
      'a charsmap that is not base64',
      () => changed((f) => (f.normalizer = { type: 'Precompiled', precompiled_charsmap: '%%%' })),
      /base64/,
    ],
  ]
  test.each(cases)('%s', (_, make, message) => {
    const source = make()
    const heap = process.memoryUsage().heapUsed
    const start = cpuTime()
    expect(() => loadHuggingFaceTokenizer(source)).toThrow(TokenizerError)
    expect(cpuTime() - start).toBeLessThan(1000)
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(100 * 2 ** 20)
    expect(() => loadHuggingFaceTokenizer(source)).toThrow(message)
  })

  test('a key that every object has is no token', () => {
    const tokenizer = loadHuggingFaceTokenizer(changed((f) => delete f.added_tokens))
    expect(tokenizer.tokenToId('constructor')).toBe(-1)
    expect(tokenizer.tokenToId('__proto__')).toBe(-1)
  })

  test('any change to a file loads or gives a TokenizerError', () => {
    const whole = new TextEncoder().encode(JSON.stringify(small()))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = whole.slice()
          for (const [at, value] of changes) bytes[at] = value
          try {
            const tokenizer = loadHuggingFaceTokenizer(bytes)
            tokenizer.decode(tokenizer.encode('A broken file may still load. 組木\n', { special: 'all' }))
          } catch (error) {
            expect(error).toBeInstanceOf(TokenizerError)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('any text', () => {
  test.each(['gpt2', 'llama3', 'qwen2'])('%s gives it back, with offsets in order', (name) => {
    const tokenizer = loadHuggingFaceTokenizer(
      readFileSync(new URL(`../vectors/hf/${name}.tokenizer.json`, import.meta.url)),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (given) => {
        const text = given.normalize('NFC')
        const { ids, offsets } = tokenizer.encodeWithOffsets(text)
        const decoded = tokenizer.decode(ids)
        expect(name === 'gpt2' ? decoded.replace(/^ /, '') : decoded).toBe(
          name === 'gpt2' ? text.replace(/^ /, '') : text,
        )
        expect([...tokenizer.encode(text)]).toEqual([...ids])
        for (const [start, end] of offsets) expect(start >= 0 && start <= end && end <= text.length).toBe(true)
        const stream = tokenizer.decodeStream()
        let streamed = ''
        for (const id of ids) streamed += stream.push(id)
        expect(streamed + stream.end()).toBe(decoded)
      }),
      { numRuns: 300 },
    )
  })
})
