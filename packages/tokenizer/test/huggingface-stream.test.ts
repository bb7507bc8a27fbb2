/** Streaming decoders, Unicode normalization, and time linear in the input. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadHuggingFaceTokenizer } from '../src/huggingface.ts'
import { cpuTime } from './cpu-time.ts'

const read = (name: string) =>
  loadHuggingFaceTokenizer(readFileSync(new URL(`../vectors/hf/${name}.tokenizer.json`, import.meta.url)))

describe('a stream of byte-level tokens', () => {
  const tokenizer = read('gpt2')
  const bytes = (...values: number[]) => {
    const text = new TextDecoder('latin1').decode(Uint8Array.from(values))
    return [...text].flatMap((character) => {
      const id = [character, String.fromCodePoint(character.codePointAt(0)! - 0x7f + 0x121)]
        .map((token) => tokenizer.tokenToId(token))
        .find((found) => found >= 0)
      return id ?? []
    })
  }

  test('shows U+FFFD when it is certain, in time that grows with the ids alone', () => {
    const ids = [...tokenizer.encode('\ufffd'.repeat(20_000))].slice(1)
    const stream = tokenizer.decodeStream()
    const start = cpuTime()
    let shown = ''
    for (const id of ids) shown += stream.push(id)
    expect(cpuTime() - start).toBeLessThan(1000)
    expect(shown).toBe(tokenizer.decode(ids).slice(0, shown.length))
    expect(shown.length).toBeGreaterThan(19_990)
  })

  test('a byte that begins no character is shown at once, half a character is held back', () => {
    const [space] = bytes(0x21)
    const stream = tokenizer.decodeStream()
    const lead = tokenizer.tokenToId('ã')
    expect(lead).toBeGreaterThanOrEqual(0)
    expect(stream.push(lead)).toBe('')
    expect(stream.push(lead)).toBe('\ufffd')
    expect(stream.push(space)).toBe('\ufffd!')
    expect(stream.push(lead)).toBe('')
    expect(stream.end()).toBe('\ufffd')
    expect(stream.push(space)).toBe('!')
  })
})

test('a stream with byte fallback is not held up by a token that ends in U+FFFD', () => {
  const vocab = { '\ufffd': 0, a: 1, '<0xE3>': 2 }
  const file = {
    decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
    model: { type: 'BPE', vocab, merges: [] },
  }
  const stream = loadHuggingFaceTokenizer(JSON.stringify(file)).decodeStream()
  expect([0, 1, 2].map((id) => stream.push(id))).toEqual(['\ufffd', 'a', ''])
  expect(stream.end()).toBe('\ufffd')
})

test('a Unigram file with a piece twice: text becomes the last, both are decoded', () => {
  const vocab = [
    ['<unk>', 0],
    ['<s>', -1],
    ['<s>', -5],
    ['<', -2],
    ['s', -2],
    ['>', -2],
  ]
  const tokenizer = loadHuggingFaceTokenizer(JSON.stringify({ model: { type: 'Unigram', unk_id: 0, vocab } }))
  expect([...tokenizer.encode('<s>s')]).toEqual([2, 4])
  expect([tokenizer.tokenToId('<s>'), tokenizer.idToToken(1), tokenizer.vocabSize]).toEqual([2, '<s>', 6])
})

test('Hangul of every kind composes under NFC, NFKC and NFKD as in Unicode, and keeps its place', () => {
  for (const type of ['NFC', 'NFD', 'NFKC', 'NFKD'] as const) {
    for (const text of [
      'ㄱㅐ',
      'ㅇㅏ니',
      '가ㄳ',
      'ｶﾞ',
      '\uffa2\uffc2',
      'ㅋㅋㅋ',
      '\u1100\u1162\u11a8',
      '각\u11a8',
      'ㅎㅏㄴ글',
      '\u{16d63}\u{16d67}\u{16d67}',
      'e\u0323\u0301',
      'ㄱ\u0301ㅏ',
    ]) {
      const want = text.normalize(type)
      const all = new Set([
        ...text,
        ...want,
        ...text.normalize('NFKD'),
        ...Array.from(text).flatMap((c) => [...c.normalize('NFKC')]),
      ])
      const vocab = Object.fromEntries(Array.from(all, (c, k) => [c, k]))
      const file = { normalizer: { type }, model: { type: 'BPE', vocab, merges: [] } }
      const { pieces, offsets } = loadHuggingFaceTokenizer(JSON.stringify(file)).encodeWithOffsets(text)
      expect(pieces.join(''), `${type} ${JSON.stringify(text)}`).toBe(want)
      offsets.forEach(([start], k) => {
        if (k > 0) expect(start).toBeGreaterThanOrEqual(offsets[k - 1][0])
      })
    }
  }
})

test('10^5 marks on one letter take no time that grows with their square', () => {
  const text = `e${'\u0301'.repeat(100_000)}`
  const file = { normalizer: { type: 'NFC' }, model: { type: 'BPE', vocab: { é: 0, '\u0301': 1 }, merges: [] } }
  const tokenizer = loadHuggingFaceTokenizer(JSON.stringify(file))
  const start = cpuTime()
  expect(tokenizer.encode(text).length).toBe(100_000)
  expect(cpuTime() - start).toBeLessThan(2000)
})

test.each(['llama3', 'llmjp'])('%s: 2^22 characters of one kind', (name) => {
  const tokenizer = read(name)
  const ids = tokenizer.encode('a'.repeat(2 ** 22))
  expect(ids.length).toBeGreaterThan(1000)
})

test('200,000 added tokens one after another', () => {
  const file = {
    added_tokens: [
      { id: 1, content: '<x>', normalized: true, special: false },
      { id: 2, content: '<y>', special: true },
    ],
    model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
  }
  expect(loadHuggingFaceTokenizer(JSON.stringify(file)).encode(`<x>`.repeat(200_000)).length).toBe(200_000)
})

test('single words are told by what Rust calls a word', () => {
  const file = {
    added_tokens: [{ id: 1, content: 'xx', single_word: true }],
    model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
  }
  const tokenizer = loadHuggingFaceTokenizer(JSON.stringify(file))
  const found = (text: string) => [...tokenizer.encode(text)].includes(1)
  expect(['xx', ' xx.', '²xx', '\u{1f600}xx', 'xx½'].map(found)).toEqual([true, true, true, true, true])
  expect(['xx\u200c', '\u200dxx', 'Ⓐxx', '𠮷xx', 'xx𠮷'].map(found)).toEqual([false, false, false, false, false])
})
