/** Encoding and decoding of a SentencePiece model: round trips, offsets, streams, errors of wrong input. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadTokenizer, TokenizerError, textFromBytes } from '../src/index.ts'
import { trainUnigram } from '../src/train.ts'
import { cpuTime } from './cpu-time.ts'

const bytes = (name: string) => readFileSync(new URL(`../vectors/${name}.model`, import.meta.url))
const lossless = loadTokenizer(bytes('unigram'))
const text = fc.string({ unit: 'binary', maxLength: 60 }).map((s) => s.replaceAll('\u2581', '_'))

describe('round trip', () => {
  test('a model that keeps spaces and has all bytes gives the text back', () => {
    fc.assert(
      fc.property(text, (s) => {
        const ids = lossless.encode(s)
        expect(lossless.decode(ids)).toBe(s)
      }),
    )
  })

  test('lone surrogates become U+FFFD', () => {
    expect(lossless.decode(lossless.encode('a\ud800b\udc00'))).toBe('a\ufffdb\ufffd')
  })

  test('offsets cover the text in order, and pieces are what the ids say', () => {
    for (const name of ['unigram', 'bpe', 'unigram-rules', 'unigram-suffix', 'char']) {
      const tokenizer = loadTokenizer(bytes(name))
      fc.assert(
        fc.property(text, (s) => {
          const { ids, pieces, offsets } = tokenizer.encodeWithOffsets(s)
          expect([...ids]).toEqual([...tokenizer.encode(s)])
          let before = 0
          ids.forEach((id, k) => {
            const [start, end] = offsets[k]
            expect(start).toBeGreaterThanOrEqual(before)
            expect(end).toBeGreaterThanOrEqual(start)
            expect(end).toBeLessThanOrEqual(s.length)
            before = start
            if (id !== tokenizer.unkId) expect(tokenizer.idToPiece(id)).toBe(pieces[k])
          })
        }),
        { numRuns: 60 },
      )
    }
  })
})

test('bytes are read as UTF-8, and a malformed one is U+FFFD', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        text.map((s) => new TextEncoder().encode(s)),
      ),
      (given) => {
        expect(lossless.encodeWithOffsets(given)).toEqual(lossless.encodeWithOffsets(textFromBytes(given)))
        expect(lossless.encode(given)).toEqual(lossless.encode(textFromBytes(given)))
      },
    ),
  )
})

// Bytes are normalised before they are segmented; this string is not, since the model has no rules or symbols.
test('a text that is segmented as it is has the offsets of the normalised text', () => {
  const lines = ['the carpenter built a box', '木を組む', '木組みの箱を組み立てる', '😀😀', '        a        b']
  const options = { vocabSize: 300, hardVocabLimit: false, removeExtraWhitespaces: false, byteFallback: true }
  const strings = fc.string({
    unit: fc.constantFrom(...'abox     木組箱みで', '\u2581', '\ufffd', '😀', '𠮷', 'é', '\0'),
    maxLength: 40,
  })
  for (const addDummyPrefix of [true, false]) {
    for (const byteFallback of [true, false]) {
      const tokenizer = loadTokenizer(trainUnigram(lines, { ...options, addDummyPrefix, byteFallback }))
      fc.assert(
        fc.property(strings, fc.constantFrom('utf16', 'codePoint'), (s, unit) => {
          const wanted = tokenizer.encodeWithOffsets(new TextEncoder().encode(s), { unit })
          expect(tokenizer.encodeWithOffsets(s, { unit })).toEqual(wanted)
          expect(tokenizer.encode(s)).toEqual(wanted.ids)
        }),
      )
      expect(tokenizer.encodeWithOffsets('木\udc00\ud800 箱').offsets.at(-1)).toEqual([4, 5])
    }
  }
})

describe('decodeStream', () => {
  test('gives what decode gives, and never half a character', () => {
    const anyIds = fc.array(fc.nat(lossless.vocabSize - 1), { maxLength: 40 })
    const byteIds = fc.array(fc.constantFrom(0xe3, 0x81, 0x82, 0xf0, 0x9f, 0x98, 0x80, 0xc3, 0x41), { maxLength: 20 })
    const first = lossless.pieceToId('<0x00>')
    fc.assert(
      fc.property(
        fc.oneof(
          anyIds,
          byteIds.map((list) => list.map((byte) => first + byte)),
        ),
        (ids) => {
          const stream = lossless.decodeStream()
          const parts = ids.map((id) => stream.push(id))
          parts.push(stream.end())
          expect(parts.join('')).toBe(lossless.decode(ids))
          for (const part of parts) expect(part).not.toMatch(/\p{Surrogate}/u)
        },
      ),
    )
  })

  test('holds the bytes of a character back until it is whole', () => {
    const stream = lossless.decodeStream()
    const first = lossless.pieceToId('<0x00>')
    expect([0xf0, 0x9f, 0x98, 0x80].map((byte) => stream.push(first + byte))).toEqual(['', '', '', '😀'])
    expect([0xe3, 0x41].map((byte) => stream.push(first + byte))).toEqual(['', '\ufffdA'])
    expect(stream.push(first + 0xe3)).toBe('')
    expect(stream.end()).toBe('\ufffd')
  })

  test('an id that is not there is named, and the stream goes on', () => {
    const stream = lossless.decodeStream()
    expect(() => stream.push(99_999)).toThrow(/id 99999 is not in the vocabulary; 0 to 699 are/)
    expect(() => lossless.decode([-1])).toThrow(TokenizerError)
    expect(() => lossless.decode([0.5])).toThrow(TokenizerError)
    expect(stream.push(lossless.pieceToId('▁')) + stream.end()).toBe('')
  })
})

describe('the model', () => {
  test('pieces and ids', () => {
    expect(lossless.idToPiece(0)).toBe('<unk>')
    expect(lossless.pieceToId('<mask>')).toBeGreaterThan(0)
    expect(lossless.pieceToId('no such piece')).toBe(lossless.unkId)
    expect(() => lossless.idToPiece(700)).toThrow(/id 700/)
  })

  test('modelBytes is the file, whatever became of the caller’s copy', () => {
    const given = new Uint8Array(bytes('unigram-rules'))
    const original = given.slice()
    const tokenizer = loadTokenizer(given)
    const before = tokenizer.encode('ＡＢＣ ﾊﾟ')
    given.fill(0)
    expect(tokenizer.encode('ＡＢＣ ﾊﾟ')).toEqual(before)
    expect(tokenizer.modelBytes()).toEqual(original)
  })

  test('encode refuses what is not text', () => {
    expect(() => lossless.encode(undefined as unknown as string)).toThrow(
      /a string or UTF-8 bytes are needed, got undefined/,
    )
  })

  test('a megabyte on one line takes time in proportion', () => {
    for (const name of ['unigram', 'bpe']) {
      const tokenizer = loadTokenizer(bytes(name))
      const start = cpuTime()
      for (const unit of ['x', 'あ', ' ', '\u{3fffd}']) tokenizer.encode(unit.repeat(300_000))
      expect(cpuTime() - start).toBeLessThan(8000)
    }
  })
})

test('bytes give the ids of their text, well-formed or not', () => {
  // With the spaces in front, behind, squeezed, and rules.
  for (const name of ['unigram', 'bpe', 'unigram-suffix', 'unigram-rules', 'char']) {
    const tokenizer = loadTokenizer(bytes(name))
    const parts = fc.oneof(
      text.map((s) => new TextEncoder().encode(s)),
      fc.uint8Array({ maxLength: 6 }),
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 5 }), (given) => {
        const joined = new Uint8Array(Buffer.concat(given))
        if (name !== 'unigram-rules') expect(tokenizer.encode(joined)).toEqual(tokenizer.encode(textFromBytes(joined)))
        expect(tokenizer.encode(joined)).toEqual(tokenizer.encodeWithOffsets(joined).ids)
      }),
      { numRuns: 60 },
    )
  }
})

test('textFromBytes: one U+FFFD for each byte outside a character', () => {
  expect(textFromBytes(Uint8Array.of(0xe3, 0x81))).toBe('\ufffd\ufffd')
  expect(textFromBytes(Uint8Array.of(0x61, 0xf0, 0x9f, 0x98, 0x62))).toBe('a\ufffd\ufffd\ufffdb')
  expect(textFromBytes(Uint8Array.of(0xed, 0xa0, 0x80))).toBe('\ufffd\ufffd\ufffd')
  expect(textFromBytes(Uint8Array.of(0xc0, 0x80, 0xf5))).toBe('\ufffd\ufffd\ufffd')
  expect(textFromBytes(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41))).toBe('\ufeffA')
  fc.assert(
    fc.property(text, (s) => {
      expect(textFromBytes(new TextEncoder().encode(s))).toBe(s)
    }),
  )
})
