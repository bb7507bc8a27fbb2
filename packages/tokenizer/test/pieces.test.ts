/** Pieces and their types, normalized text, BPE-dropout and sampling. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../src/index.ts'
import { trainBpe } from '../src/train.ts'
import { sampledLines } from '../src/training/sampled-lines.ts'

const read = (name: string) => readFileSync(new URL(`../vectors/${name}`, import.meta.url))
const text = 'the carpenter built a wooden box'
const generator = () => {
  let seed = 1
  return () => (seed = (seed * 16807) % 2147483647) / 2147483647
}

describe('pieces', () => {
  const tokenizer = loadTokenizer(read('kumiki-bpe.model'))

  test('scores and types', () => {
    expect([tokenizer.pieceType(0), tokenizer.pieceType(1), tokenizer.pieceScore(1)]).toEqual(['unknown', 'control', 0])
    const id = tokenizer.pieceToId('\u2581the')
    expect(tokenizer.pieceType(id)).toBe('normal')
    expect(tokenizer.pieceScore(id)).toBeLessThanOrEqual(0)
    expect(tokenizer.pieceType(tokenizer.pieceToId('<0xE6>'))).toBe('byte')
    expect(() => tokenizer.pieceScore(-1)).toThrow(/not in the vocabulary/)
  })

  // What SentencePiece 0.2.1 gives for these.
  test('text of pieces, those without an id as they are', () => {
    const pieces = ['\u2581the', '<0xE6>', '<0x9C>', '<0xA8>', 'zzz', '\u2581\u2581x', '<unk>']
    expect(tokenizer.decodePieces(pieces)).toBe('the木zzz\u2581\u2581x \u2047 ')
    expect(tokenizer.decodePieces(tokenizer.encodeWithOffsets(text).pieces)).toBe(text)
  })

  test('normalisation alone', () => {
    expect(loadTokenizer(read('unigram.model')).normalize(' Hello  World ')).toBe(
      '\u2581\u2581Hello\u2581\u2581World\u2581',
    )
  })

  test('BPE-dropout', () => {
    const bpe = loadTokenizer(read('bpe.model'))
    expect(bpe.sampleEncode(text, { alpha: 0 })).toEqual(bpe.encode(text))
    expect(bpe.sampleEncode(text, { alpha: 1 }).length).toBe(text.length + 1)
    const some = bpe.sampleEncode(text, { alpha: 0.3, random: generator() })
    expect(some.length).toBeGreaterThan(bpe.encode(text).length)
    expect(bpe.decode(some)).toBe(text)
    expect(() => bpe.sampleEncode(text, { alpha: 1.5 })).toThrow(/0 to 1/)
    expect(() => bpe.sampleEncode(text, { nbestSize: 3 } as never)).toThrow(/nearest is nBestSize/)
  })

  test('sampling from the n best, by their probabilities', () => {
    const unigram = loadTokenizer(read('unigram.model'))
    const best = unigram.encodeNBest(text, 3)
    const random = generator()
    const counts = [0, 0, 0]
    for (let k = 0; k < 2000; k++) {
      const ids = unigram.sampleEncode(text, { alpha: 0.5, nBestSize: 3, random }).join()
      counts[best.findIndex((one) => one.ids.join() === ids)]++
    }
    const weights = best.map(({ score }) => Math.exp(0.5 * score))
    const total = weights.reduce((a, b) => a + b)
    counts.forEach((count, k) => {
      expect(Math.abs(count / 2000 - weights[k] / total)).toBeLessThan(0.04)
    })
  })
})

test('training on some of the lines', () => {
  const lines = Array.from({ length: 1000 }, (_, k) => `line ${k}`)
  const some = [...sampledLines(lines, 100, true)]
  expect([some.length, new Set(some).size]).toEqual([100, 100])
  expect(some).toEqual([...sampledLines(lines, 100, true)])
  expect(some.filter((line) => lines.indexOf(line) < 500).length).toBeGreaterThan(30)
  expect([...sampledLines(lines, 3, false)]).toEqual(['line 0', 'line 1', 'line 2'])
  expect([...sampledLines(lines, 5000, true)]).toEqual(lines)
  const options = { vocabSize: 30, hardVocabLimit: false }
  expect(trainBpe(lines, { ...options, inputSentenceSize: 2000 })).toEqual(trainBpe(lines, options))
  expect(trainBpe(lines, { ...options, inputSentenceSize: 10 })).not.toEqual(trainBpe(lines, options))
})
