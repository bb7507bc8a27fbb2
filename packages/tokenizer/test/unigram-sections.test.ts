/** Texts that are segmented by sections, most of them from the cache, have the ids of one search with rounded sums. */
import { expect, test } from 'vitest'
import { type Piece, PieceType } from '../src/sentencepiece/model-file.ts'
import { joinTexts, PieceList } from '../src/sentencepiece/piece-list.ts'
import { hashOf, SegmentationCache } from '../src/sentencepiece/segmentation-cache.ts'
import { Segments } from '../src/sentencepiece/segments.ts'
import { UnigramSegmenter } from '../src/sentencepiece/unigram-segmenter.ts'
import { Vocabulary } from '../src/sentencepiece/vocabulary.ts'

/** Integers below n, the same every time. */
function randomBelow(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

function segmenterOf(pieces: readonly Piece[]): UnigramSegmenter {
  const empty = { name: '', precompiledCharsmap: new Uint8Array(0), addDummyPrefix: false }
  return new UnigramSegmenter(
    new Vocabulary({
      pieces: new PieceList(
        joinTexts(pieces.map(({ piece }) => piece)),
        Float32Array.from(pieces, ({ score }) => score),
        Uint8Array.from(pieces, ({ type }) => type),
      ),
      trainer: {
        modelType: 'unigram',
        byteFallback: false,
        treatWhitespaceAsSuffix: false,
        unkPiece: '<unk>',
        bosPiece: '<s>',
        eosPiece: '</s>',
        padPiece: '<pad>',
        unkSurface: '',
      },
      normalizer: { ...empty, removeExtraWhitespaces: false, escapeWhitespaces: true },
      denormalizer: undefined,
    }),
  )
}

/** SentencePiece's EncodeOptimized: sums in double precision, stored in single, replaced only by larger ones. */
function ids(pieces: readonly Piece[], text: string, round = Math.fround): number[] {
  const normal = pieces.filter(({ type }) => type === PieceType.normal).map(({ score }) => score)
  const largest = Math.max(2 ** -126, ...normal)
  const unknown = Math.fround(Math.min(...normal) - 10)
  const byText = new Map(pieces.map(({ piece }, id) => [piece, id]))
  const best: number[] = [0]
  const from: number[] = []
  const last: number[] = []
  for (let start = 0; start < text.length; ) {
    const width = text.codePointAt(start)! > 0xffff ? 2 : 1
    let single = false
    for (let end = start + width; end <= Math.min(text.length, start + 12); end++) {
      const id = byText.get(text.slice(start, end))
      if (id === undefined || id === 0) continue
      if (end === start + width) single = true
      const { type, score, piece } = pieces[id]
      const gain = type === PieceType.userDefined ? Math.fround(Buffer.byteLength(piece) * largest) - 0.1 : score
      if (best[end] === undefined || gain + best[start] > best[end]) {
        best[end] = round(gain + best[start])
        from[end] = start
        last[end] = id
      }
    }
    const end = start + width
    const candidate = round(unknown + best[start])
    if (!single && (best[end] === undefined || candidate > best[end])) {
      best[end] = candidate
      from[end] = start
      last[end] = 0
    }
    start = end
  }
  const found: number[] = []
  for (let end = text.length; end > 0; end = from[end]) found.push(last[end])
  return found.reverse()
}

/** Pieces of few characters; scores have ties, and differences of a few units in the last place of long sums. */
function somePieces(random: (n: number) => number): Piece[] {
  const characters = ['a', 'b', 'c', 'd', '▁', '木', '組', '𠮷', '𠮟']
  const texts = new Set(characters.slice(0, 3 + random(6)))
  for (let k = 0; k < 40; k++) {
    const length = 2 + random(3)
    texts.add(Array.from({ length }, () => characters[random(random(2) === 0 ? 3 : characters.length)]).join(''))
  }
  for (const run of [2, 3, 4, 5, 6, 7, 8]) texts.add('▁'.repeat(run))
  return [
    { piece: '<unk>', score: 0, type: PieceType.unknown },
    ...[...texts].map((piece) => ({
      piece,
      score: Math.fround(-0.5 * (2 + random(8)) - random(2) * random(50) * 1e-5),
      type: random(20) === 0 ? PieceType.userDefined : PieceType.normal,
    })),
  ]
}

test('sections and the cache change no id, whatever rounding does to ties', () => {
  const random = randomBelow(7)
  const characters = ['a', 'b', 'c', 'd', ' ', ' ', '木', '組', '𠮷', '𠮟', '𩸽', 'x', 'あ']
  let different = 0
  for (let model = 0; model < 40; model++) {
    const pieces = somePieces(random)
    const segmenter = segmenterOf(pieces)
    const segments = new Segments()
    for (let k = 0; k < 12; k++) {
      const words = Array.from({ length: 6 }, () =>
        Array.from({ length: 1 + random(9) }, () => characters[random(characters.length)]).join(''),
      )
      const text = Array.from({ length: 1 + random(k < 10 ? 20 : 400) }, () =>
        random(9) === 0 ? ' '.repeat(random(30)) : words[random(6)],
      ).join('')
      segmenter.segmentText(text, 0, segments)
      const given = text.replaceAll(' ', '▁')
      expect(Array.from(segments.ids.subarray(0, segments.count)), JSON.stringify({ model, text })).toEqual(
        ids(pieces, given),
      )
      if (String(ids(pieces, given)) !== String(ids(pieces, given, (sum) => sum))) different++
    }
  }
  // In some texts rounding decides; else this would test little.
  expect(different).toBeGreaterThan(20)
})

test('a lone surrogate is U+FFFD, beside pairs too', () => {
  const pieces = [
    { piece: '<unk>', score: 0, type: PieceType.unknown },
    ...['a', '\ufffd', '𠮷', 'a𠮷', '𠮷a'].map((piece, k) => ({ piece, score: -1 - k, type: PieceType.normal })),
  ]
  const segmenter = segmenterOf(pieces)
  const segments = new Segments()
  // An encoder of UTF-8 replaces lone surrogates.
  const wellFormed = (text: string) => new TextDecoder().decode(new TextEncoder().encode(text))
  for (const text of [
    '\ud842',
    '\udfb7',
    'a\ud842',
    '\udfb7a',
    '\ud842\ud842\udfb7',
    '𠮷\udfb7',
    '\ud842𠮷',
    '𩸽\ud842a',
  ]) {
    segmenter.segmentText(text, 0, segments)
    expect(Array.from(segments.ids.subarray(0, segments.count))).toEqual(ids(pieces, wellFormed(text)))
  }
})

const hashOfAll = (codes: Int32Array, length: number) => codes.subarray(0, length).reduce(hashOf, 0)

test('the cache grows, and forgets when it is full', () => {
  const cache = new SegmentationCache()
  const codes = new Int32Array(4)
  const stringOf = (k: number) => codes.set([k & 0xffff, k >>> 16, 7, k & 1])
  for (let k = 0; k < 200_000; k++) {
    stringOf(k)
    const length = 3 + (k & 1)
    cache.floats[cache.add(hashOfAll(codes, length), codes, 0, length, 1) + 1] = k
    if (k % 1000 === 0) expect(cache.floats[cache.find(hashOfAll(codes, length), codes, 0, length) + 1]).toBe(k)
  }
  expect(cache.words.length).toBe(2 ** 20)
  let found = 0
  for (let k = 0; k < 200_000; k++) {
    stringOf(k)
    const length = 3 + (k & 1)
    const at = cache.find(hashOfAll(codes, length), codes, 0, length)
    if (at === 0) continue
    found++
    expect(cache.floats[at + 1]).toBe(k)
  }
  expect(found).toBeGreaterThan(1000)
  expect(found).toBeLessThan(200_000)
})

test('the cache keeps nearly all strings as long as it is not full', () => {
  const cache = new SegmentationCache()
  const random = randomBelow(11)
  const count = 50_000
  const strings = Array.from({ length: count }, () => Int32Array.from({ length: 6 }, () => random(14_000)))
  strings.forEach((codes, k) => {
    cache.floats[cache.add(hashOfAll(codes, 6), codes, 0, 6, 3) + 1] = k
  })
  const found = strings.filter((codes, k) => {
    const at = cache.find(hashOfAll(codes, 6), codes, 0, 6)
    return at > 0 && cache.floats[at + 1] === k
  })
  expect(found.length).toBeGreaterThan(0.995 * count)
})

test('the cache never confuses two strings of one hash, and keeps four with the same places', () => {
  // A second code that makes up for the difference of two first ones, where it fits in 16 bits.
  const byHighBits = new Map<number, number>()
  let same: Int32Array[] = []
  for (let code = 1; same.length === 0; code++) {
    const other = byHighBits.get(hashOf(0, code) >>> 16)
    byHighBits.set(hashOf(0, code) >>> 16, code)
    if (other !== undefined)
      same = [Int32Array.of(other, 0), Int32Array.of(code, (hashOf(0, code) ^ hashOf(0, other)) & 0xffff)]
  }
  expect(hashOfAll(same[0], 2)).toBe(hashOfAll(same[1], 2))
  const cache = new SegmentationCache()
  const strings = [...same]
  for (let code = 1; strings.length < 4; code++) {
    const codes = Int32Array.of(code, code)
    if (hashOfAll(codes, 2) >>> 24 === hashOfAll(same[0], 2) >>> 24) strings.push(codes)
  }
  strings.forEach((codes, k) => {
    expect(cache.find(hashOfAll(codes, 2), codes, 0, 2)).toBe(0)
    cache.floats[cache.add(hashOfAll(codes, 2), codes, 0, 2, 1) + 1] = k
  })
  strings.forEach((codes, k) => {
    expect(cache.floats[cache.find(hashOfAll(codes, 2), codes, 0, 2) + 1]).toBe(k)
  })
})
