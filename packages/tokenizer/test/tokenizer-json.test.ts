/** tokenizer.json: training of byte-level BPE, conversion from SentencePiece and tiktoken, added tokens. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadHuggingFaceTokenizer, TokenizerError } from '../src/huggingface.ts'
import { loadTokenizer } from '../src/index.ts'
import { tokenizerFromBytes } from '../src/load/tokenizer-from-bytes.ts'
import {
  tokenizerJsonFromModel,
  tokenizerJsonFromTekken,
  tokenizerJsonFromTiktoken,
  trainByteLevelBpe,
} from '../src/tokenizer-json.ts'

const read = (name: string) => readFileSync(new URL(`../vectors/${name}`, import.meta.url))
const lines = read('corpus.txt').toString('utf8').split('\n').slice(0, -1)
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

describe('trainByteLevelBpe', () => {
  test.each([
    ['gpt2', undefined],
    ['llama3', LLAMA3],
  ])('%s: the merges of Hugging Face', (name, pattern) => {
    const golden = JSON.parse(read(`hf/${name}.tokenizer.json`).toString('utf8'))
    const trained = JSON.parse(trainByteLevelBpe(lines, { vocabSize: 420, minFrequency: 0, pattern }))
    expect(trained.model.merges).toEqual(golden.model.merges)
    expect(trained.model.vocab).toEqual(golden.model.vocab)
  })

  test('special tokens come first, and text comes back', () => {
    const json = trainByteLevelBpe(lines, { vocabSize: 400, specialTokens: ['<|end|>'], normalization: 'NFC' })
    const tokenizer = loadHuggingFaceTokenizer(json)
    expect(tokenizer.vocabSize).toBe(400)
    expect([...tokenizer.encode('<|end|>', { special: 'all' })]).toEqual([0])
    for (const text of ['木の箱を作った。', ' a  b\n', '\u0000😀'])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })

  test('what cannot be met is said', () => {
    expect(() => trainByteLevelBpe('text', { vocabSize: 300 })).toThrow(/lines is one string/)
    expect(() => trainByteLevelBpe([], { vocabSize: 100 })).toThrow(/at least 256/)
    expect(() => trainByteLevelBpe([], { vocabSize: 300, minFreq: 1 } as never)).toThrow(/nearest is minFrequency/)
    expect(() => trainByteLevelBpe([], { vocabSize: 300, memory: 2e9 } as never)).toThrow(
      /memory is not supported: .* 4 kB for each word; .* trainOnDisk/,
    )
  })
})

describe('tokenizerJsonFromModel', () => {
  test.each(['unigram', 'bpe', 'kumiki-unigram', 'kumiki-bpe', 'unigram-rules'])(
    '%s: the same ids and texts',
    (name) => {
      const model = read(`${name}.model`)
      const own = loadTokenizer(model)
      const written = loadHuggingFaceTokenizer(tokenizerJsonFromModel(model))
      expect(written.vocabSize).toBe(own.vocabSize)
      for (const line of [...lines, '  two  spaces ', 'ＡＢＣ　１', '鱲a鱲', '']) {
        const ids = own.encode(line)
        expect([...written.encode(line)], line).toEqual([...ids])
        expect(written.decode(ids, { skipSpecialTokens: false }), line).toBe(own.decode(ids))
      }
    },
  )

  test('what has no part is said', () => {
    expect(() => tokenizerJsonFromModel(read('char.model'))).toThrow(/the model is char/)
    expect(() => tokenizerJsonFromModel(read('unigram-suffix.model'))).toThrow(/treat_whitespace_as_suffix/)
  })
})

describe('files of ranks', () => {
  const vectors = JSON.parse(read('hf/ranks.json').toString('utf8')) as {
    tiktoken: string
    texts: string[]
    encodings: Record<string, number[][]>
    special: Record<string, number>
    tekken: { file: { config: object; vocab: number }; ids: number[][]; special: string[]; size: number }
  }

  test.each(Object.entries(vectors.encodings))('.tiktoken, %s', (pattern, ids) => {
    const json = tokenizerJsonFromTiktoken(vectors.tiktoken, { pattern, specialTokens: vectors.special })
    const tokenizer = loadHuggingFaceTokenizer(json)
    vectors.texts.forEach((text, k) => {
      expect([...tokenizer.encode(text, { special: 'all' })], text).toEqual(ids[k])
      expect(tokenizer.decode(ids[k])).toBe(text)
    })
  })

  test('tekken', () => {
    const vocab = vectors.tiktoken
      .split('\n')
      .slice(0, -1)
      .map((line) => ({ rank: Number(line.split(' ')[1]), token_bytes: line.split(' ')[0], token_str: null }))
    const file = JSON.stringify({ ...vectors.tekken.file, vocab })
    const tokenizer = loadHuggingFaceTokenizer(tokenizerJsonFromTekken(file))
    expect(tokenizerFromBytes(new TextEncoder().encode(file)).vocabSize).toBe(tokenizer.vocabSize)
    expect(tokenizer.vocabSize).toBe(vectors.tekken.size)
    expect(vectors.tekken.special.map((_, id) => tokenizer.idToToken(id))).toEqual(vectors.tekken.special)
    vectors.texts.forEach((text, k) => {
      expect([...tokenizer.encode(text)], text).toEqual(vectors.tekken.ids[k])
    })
  })

  test.each([
    ['YQ==', /line 1: a token in base64/],
    ['YQ== 1\nYg== 1', /rank 1 occurs twice/],
    ['YQ== 1\nYQ== 2', /same bytes/],
    ['YQ== 1', /byte 0x0 has no token/],
    ['%%% 1', /not base64/],
  ])('a broken file is said to be: %j', (text, message) => {
    expect(() => tokenizerJsonFromTiktoken(text, { pattern: 'cl100k_base' })).toThrow(TokenizerError)
    expect(() => tokenizerJsonFromTiktoken(text, { pattern: 'cl100k_base' })).toThrow(message)
  })
})

describe('adding tokens', () => {
  const load = () => loadHuggingFaceTokenizer(read('hf/gpt2.tokenizer.json'))

  test('at new ids, found in text, and written to the file', () => {
    const tokenizer = load()
    const size = tokenizer.vocabSize
    expect(tokenizer.addTokens(['<tool>', { content: '<end>', special: true }, '<tool>', 'a'])).toBe(3)
    expect([tokenizer.tokenToId('<tool>'), tokenizer.tokenToId('<end>'), tokenizer.vocabSize]).toEqual([
      size,
      size + 1,
      size + 2,
    ])
    expect([...tokenizer.encode('<tool>')]).toEqual([size])
    expect([...tokenizer.encode('<end>')]).not.toContain(size + 1)
    expect([...tokenizer.encode('<end>', { special: 'all' })]).toContain(size + 1)
    const again = loadHuggingFaceTokenizer(tokenizer.toJson())
    expect([...again.encode('x <tool><end>y', { special: 'all' })]).toEqual([
      ...tokenizer.encode('x <tool><end>y', { special: 'all' }),
    ])
    expect(() => tokenizer.addTokens([{ content: '' }])).toThrow(TokenizerError)
    expect(() => tokenizer.addTokens([{ content: 'x', single_word: true } as never])).toThrow(/nearest is singleWord/)
  })

  test('dropout skips merges', () => {
    const tokenizer = load()
    const text = 'the carpenter built a wooden box'
    expect([...tokenizer.encode(text, { dropout: 0 })]).toEqual([...tokenizer.encode(text)])
    const bytes = tokenizer.encode(text, { dropout: 1 })
    expect(bytes.length).toBe(text.length + 1)
    let seed = 1
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647
    const some = tokenizer.encode(text, { dropout: 0.3, random })
    expect(some.length).toBeGreaterThan(tokenizer.encode(text).length)
    expect(tokenizer.decode(some)).toBe(tokenizer.decode(bytes))
    expect(() => tokenizer.encode(text, { dropout: 2 })).toThrow(/from 0 to 1/)
    expect(() => tokenizer.encode(text, { addSpecialToken: true } as never)).toThrow(/nearest is addSpecialTokens/)
  })
})
