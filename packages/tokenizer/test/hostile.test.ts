/** Corrupt and malicious SentencePiece models. */
import { readFileSync } from 'node:fs'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadTokenizer, TokenizerError } from '../src/index.ts'
import { buildDoubleArray } from '../src/sentencepiece/double-array.ts'
import { compileCharsmap } from '../src/training/compile-charsmap.ts'
import { cpuTime } from './cpu-time.ts'

const small = (name: string) => new Uint8Array(readFileSync(new URL(`../vectors/${name}.model`, import.meta.url)))

type Entry = { piece?: string | Uint8Array; score?: number; type?: number }

/** A model file with the given pieces and raw specs. */
function modelOf(
  pieces: Entry[],
  trainer?: (writer: BinaryWriter) => void,
  normalizer?: (writer: BinaryWriter) => void,
) {
  const writer = new BinaryWriter()
  for (const { piece, score, type } of pieces) {
    writer.tag(1, WireType.LengthDelimited).fork()
    if (typeof piece === 'string') writer.tag(1, WireType.LengthDelimited).string(piece)
    else if (piece) writer.tag(1, WireType.LengthDelimited).bytes(piece)
    // The writer refuses NaN in no way: a float is four bytes.
    if (score !== undefined) writer.tag(2, WireType.Bit32).float(score)
    if (type !== undefined) writer.tag(3, WireType.Varint).int32(type)
    writer.join()
  }
  if (trainer) {
    writer.tag(2, WireType.LengthDelimited).fork()
    trainer(writer)
    writer.join()
  }
  if (normalizer) {
    writer.tag(3, WireType.LengthDelimited).fork()
    normalizer(writer)
    writer.join()
  }
  return writer.finish()
}

const unk: Entry = { piece: '<unk>', type: 2 }

/** A model with one rule, changed. */
function withCharsmap(change: (view: DataView) => void): Uint8Array {
  const blob = compileCharsmap(new Map([['a', 'bcd']]))
  change(new DataView(blob.buffer))
  return modelOf([unk, { piece: 'b', score: -1 }], undefined, (w) => w.tag(2, WireType.LengthDelimited).bytes(blob))
}

/** The unit of the only value. */
function leafOf(view: DataView): number {
  for (let i = 0; ; i++) if (view.getUint32(4 + 4 * i, true) >>> 31 === 1) return i
}

describe('a broken model gives a TokenizerError', () => {
  const cases: [string, () => Uint8Array, RegExp][] = [
    ['empty file', () => new Uint8Array(0), /empty/],
    ['text instead of a model', () => new TextEncoder().encode('{"model": {"type": "Unigram"}}'), /broken|wire type/],
    ['no pieces', () => modelOf([], (w) => w.tag(35, WireType.Varint).bool(true)), /no pieces/],
    ['no unknown piece', () => modelOf([{ piece: 'a', score: -1 }]), /unknown/],
    ['two unknown pieces', () => modelOf([unk, { piece: '<u>', type: 2 }]), /both of type unknown/],
    ['empty piece', () => modelOf([unk, { piece: '', score: -1 }]), /piece 1 is empty/],
    ['piece without text', () => modelOf([unk, { score: -1 }]), /piece 1 is empty/],
    ['a piece twice', () => modelOf([unk, { piece: 'a' }, { piece: 'a' }]), /1 and 2 are both "a"/],
    ['a NaN score', () => modelOf([unk, { piece: 'a', score: Number.NaN }]), /score NaN/],
    ['an infinite score', () => modelOf([unk, { piece: 'a', score: Number.NEGATIVE_INFINITY }]), /score -Infinity/],
    [
      'a piece that is not UTF-8',
      () => modelOf([unk, { piece: '😀あé' }, { piece: Uint8Array.of(0x61, 0xe3, 0x81) }, { piece: 'b' }]),
      /piece 2 is not UTF-8/,
    ],
    ['a last piece that is not UTF-8', () => modelOf([unk, { piece: Uint8Array.of(0xe3) }]), /piece 1 is not UTF-8/],
    ['an overlong piece', () => modelOf([{ piece: Uint8Array.of(0xc0, 0x80) }, unk]), /piece 0 is not UTF-8/],
    [
      'a character that goes on in the next piece',
      () => modelOf([unk, { piece: Uint8Array.of(0xe3, 0x81) }, { piece: Uint8Array.of(0x82) }]),
      /piece 2 is not UTF-8/,
    ],
    ['an unknown type', () => modelOf([unk, { piece: 'a', type: 9 }]), /type 9/],
    ['a byte without byte_fallback', () => modelOf([unk, { piece: '<0x41>', type: 6 }]), /byte_fallback is off/],
    [
      'byte_fallback without the bytes',
      () => modelOf([unk, { piece: '<0x41>', type: 6 }], (w) => w.tag(35, WireType.Varint).bool(true)),
      /byte 0x0 has no piece/,
    ],
    ['an unknown model type', () => modelOf([unk], (w) => w.tag(3, WireType.Varint).int32(7)), /model_type is 7/],
    ['a wrong wire type', () => modelOf([unk], (w) => w.tag(3, WireType.Bit32).float(1)), /wire type/],
    [
      'a charsmap with a rule that points outside it',
      () => withCharsmap((view) => view.setUint32(4 + 4 * leafOf(view), (0x80000000 | 5000) >>> 0, true)),
      /a rule points at byte 5000 of 4 bytes/,
    ],
    [
      'a charsmap with a trie that leads outside it',
      () => withCharsmap((view) => view.setUint32(4, 0x3ff << 10, true)),
      /unit 0 of its trie leads to unit 1023; there are 256/,
    ],
    [
      'a charsmap with a replacement that does not end',
      () => withCharsmap((view) => view.setUint8(view.byteLength - 1, 0x41)),
      /a rule points at byte 0 of 4 bytes/,
    ],
    [
      'a charsmap that claims too much',
      () =>
        modelOf([unk], undefined, (w) =>
          w.tag(2, WireType.LengthDelimited).bytes(Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0)),
        ),
      /claims 2147483647/,
    ],
    ['a length past the end', () => Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x0a), /broken/],
    ['endless groups', () => new Uint8Array(1_000_000).fill(0x0b), /broken|wire type/],
  ]
  test.each(cases)('%s', (_, make, message) => {
    const bytes = make()
    const start = cpuTime()
    expect(() => loadTokenizer(bytes)).toThrow(TokenizerError)
    expect(() => loadTokenizer(bytes)).toThrow(message)
    expect(cpuTime() - start).toBeLessThan(2000)
  })

  test('not bytes', () => {
    expect(() => loadTokenizer('model' as unknown as Uint8Array)).toThrow(TokenizerError)
  })

  test('a rule that points past its replacements', () => {
    const blob = new Uint8Array(4 + 4 * 1024 + 1)
    const view = new DataView(blob.buffer)
    view.setUint32(0, 4096, true)
    // Root: children at offset 1; 'a' (0x61) sits at 1 ^ 0x61 = 0x60, is a leaf, and its value unit is at 0x60 ^ 2.
    view.setUint32(4, 1 << 10, true)
    view.setUint32(4 + 4 * 0x60, (2 << 10) | (1 << 8) | 0x61, true)
    view.setUint32(4 + 4 * 0x62, 0x80000000 + 500, true)
    const model = modelOf([unk, { piece: 'a' }], undefined, (w) => w.tag(2, WireType.LengthDelimited).bytes(blob))
    expect(() => loadTokenizer(model).encode('a')).toThrow(/points at byte 500/)
  })
})

describe('any bytes', () => {
  test('load or give a TokenizerError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        tryLoad(bytes)
      }),
      { numRuns: 2000 },
    )
  })

  test.each(['unigram', 'bpe', 'unigram-rules', 'word'])('%s cut short, or with bytes changed', (name) => {
    const whole = small(name)
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.boolean(),
        (length, changes, cut) => {
          const bytes = cut ? whole.slice(0, length) : whole.slice()
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
          tryLoad(bytes)
        },
      ),
      { numRuns: 300 },
    )
  })
})

function tryLoad(bytes: Uint8Array): void {
  try {
    const tokenizer = loadTokenizer(bytes)
    tokenizer.decode(tokenizer.encode('A broken model may still load. 組木 ＡＢ ﾊﾟ\n'))
  } catch (error) {
    expect(error).toBeInstanceOf(TokenizerError)
  }
}

test('the trie of pieces that share no pattern takes no memory that grows with their characters', () => {
  let state = 1
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  // 1000 first codes, each followed by 64 others of 65,535.
  const codes = Uint16Array.from({ length: 128_000 }, (_, i) => 1 + (i % 2 === 0 ? (i / 2) % 1000 : below(0xffff)))
  const starts = Int32Array.from({ length: 64_001 }, (_, k) => 2 * k)
  const { base, check, value } = buildDoubleArray(codes, starts, 0xffff)
  expect(base.length).toBeLessThan(6 * codes.length)
  const keyOf = new Map<number, number>()
  for (let k = 0; k < 64_000; k++) {
    const first = base[0] + codes[2 * k]
    const node = base[first] + codes[2 * k + 1]
    const key = codes[2 * k] * 0x10000 + codes[2 * k + 1]
    if (!keyOf.has(key)) keyOf.set(key, k)
    if (check[first] !== 0 || check[node] !== first || value[node] !== keyOf.get(key))
      throw new Error(`key ${k} is lost`)
  }
})

test('the trie of nodes with many children that do not fit between each other is built in few steps', () => {
  // 200 first codes, each followed by 1000 others at distances of its own.
  const nodes = 200
  const children = 1000
  const codes = new Uint16Array(2 * nodes * children)
  for (let n = 0; n < nodes; n++)
    for (let k = 0; k < children; k++) codes.set([1 + n, 1 + ((k * (n + 1)) % 60_000)], 2 * (n * children + k))
  const starts = Int32Array.from({ length: nodes * children + 1 }, (_, k) => 2 * k)
  const { base, steps } = buildDoubleArray(codes, starts, 60_000)
  // 8.9 million slots; tried one at a time, they take 435 million steps.
  expect(base.length).toBeLessThan(9_000_000)
  expect(steps).toBeLessThan(25_000_000)
})

describe('pieces that are unused', () => {
  const pieces: Entry[] = [unk, ...['▁', 'a', 'b', 'c'].map((piece) => ({ piece, score: -10 }))]

  test('bpe: they lead to longer pieces and are taken apart where they are left over', () => {
    const merges: Entry[] = [
      { piece: 'ab', score: -1, type: 5 },
      { piece: 'abc', score: -2 },
    ]
    const model = modelOf([...pieces, ...merges], (w) => w.tag(3, WireType.Varint).int32(2))
    const { pieces: found, offsets } = loadTokenizer(model).encodeWithOffsets('abcab')
    expect(found).toEqual(['▁', 'abc', 'a', 'b'])
    expect(offsets).toEqual([
      [0, 0],
      [0, 3],
      [3, 4],
      [4, 5],
    ])
  })

  test('unigram: they are never used', () => {
    const model = modelOf([...pieces, { piece: 'ab', score: -1, type: 5 }])
    expect(loadTokenizer(model).encodeWithOffsets('ab').pieces).toEqual(['▁', 'a', 'b'])
  })
})
