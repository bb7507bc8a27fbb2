/** Corpora read from folders, the built-in corpus, and mixed sources. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { megatronDataPath, mixSources } from '../src/blend/mix.ts'
import { assertTrainable, type ReleaseLevel } from '../src/blend/release-level.ts'
import { builtinCorpus, readCorpus, readCorpusFiles } from '../src/node.ts'

function folder(files: Record<string, string | Uint8Array>): string {
  const root = mkdtempSync(join(tmpdir(), 'kumiki-corpus-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}

// "日本語の文章です。これは" in both.
const eucJp = Uint8Array.from(Buffer.from('c6fccbdcb8eca4cecab8becfa4c7a4b9a1a3a4b3a4eca4cf', 'hex'))
const shiftJis = Uint8Array.from(Buffer.from('93fa967b8cea82cc95b68fcd82c582b7814282b182ea82cd', 'hex'))

describe('readCorpus', () => {
  it('cuts each kind of file into documents', async () => {
    const root = folder({
      'b.txt': '\ufeff一段落目\n続き\n\n \n二段落目\r\n\r\nthird\n',
      'a/lines.txt': 'one\ntwo\n\n',
      'a/page.md': '# title\n\ntext\n',
      'c.jsonl': '{"text": "first", "id": 1}\n\n{"text": "second\\nline"}\n',
      'ignored.bin': new Uint8Array([0]),
      '.hidden.txt': 'secret',
    })
    symlinkSync('/', join(root, 'loop'))
    const files = await readCorpusFiles([root])
    expect(files.map(({ path }) => path.slice(root.length + 1))).toEqual([
      'a/lines.txt',
      'a/page.md',
      'b.txt',
      'c.jsonl',
    ])
    expect(await readCorpus([root, join(root, 'b.txt')])).toEqual([
      'one',
      'two',
      '# title\n\ntext\n',
      '一段落目\n続き',
      '二段落目',
      'third',
      'first',
      'second\nline',
    ])
  })

  it('reads a file that is named itself as text, whatever its ending', async () => {
    const root = folder({
      'a.html': '<p>one</p>\n\n<p>two</p>',
      'b.py': 'x = 1',
      'c.ndjson': '{"text":"three"}',
      LICENSE: 'four',
      'd.json': '{"text":"five"}\n{"text":"six"}\n',
      'e.json': '[\n  {"text": "seven", "id": 1},\n  "eight"\n]',
    })
    const at = (name: string) => join(root, name)
    expect(await readCorpus(['a.html', 'b.py', 'c.ndjson', 'LICENSE', 'd.json', 'e.json'].map(at))).toEqual([
      '<p>one</p>',
      '<p>two</p>',
      'x = 1',
      'three',
      'four',
      'five',
      'six',
      'seven',
      'eight',
    ])
  })

  it.each([
    ['a missing path', {}, 'no.txt', /no.txt: there is no such file or directory; check the path/],
    ['an empty directory', {}, '', /the directory holds no .txt, .md, .jsonl file/],
    ['an empty file', { 'a.txt': '' }, 'a.txt', /a.txt: the file is empty/],
    ['a blank file', { 'a.txt': ' \n\n' }, '', /a.txt: the file has no text/],
    ['a binary file', { 'a.txt': new Uint8Array([65, 0]) }, '', /byte 1 is 0, so the file is binary/],
    ['EUC-JP', { 'a.txt': eucJp }, '', /line 1 is not UTF-8; .* iconv -f EUC-JP/],
    ['longer Shift_JIS', { 'a.txt': shiftJis }, '', /line 1 is not UTF-8; .* iconv -f SHIFT_JIS/],
    ['Latin-1', { 'a.txt': new Uint8Array([0x63, 0x61, 0x66, 0xe9, 0x20, 0x66]) }, '', /iconv -f WINDOWS-1252/],
    ['Shift_JIS', { 'a.txt': new Uint8Array([65, 10, 0x82, 0xa0]) }, '', /line 2 is not UTF-8; .* iconv -f SHIFT_JIS/],
    ['ISO-2022-JP', { 'a.txt': '\u001b$BF|K\\\u001b(B' }, '', /ISO-2022-JP, not UTF-8/],
    ['UTF-16', { 'a.txt': new Uint8Array([0xff, 0xfe, 65, 0]) }, '', /UTF-16, not UTF-8/],
    [
      'another extension',
      { 'a.pdf': 'x' },
      'a.pdf',
      /extension ".pdf" is not known; known are .txt, .md, .jsonl, and any other plain text/,
    ],
    ['a line that is not JSON', { 'a.jsonl': '{"text":"a"}\n{text}\n' }, '', /a.jsonl: line 2 is not JSON/],
    ['a line without text', { 'a.jsonl': '{"body":"a"}' }, '', /a.jsonl: line 1 has no string field "text"/],
    [
      'JSON that is no text',
      { 'a.json': '{"steps": 3}' },
      'a.json',
      /a.json: line 1 has no string field "text"; each line is one {"text": "..."}, or the file one array of them/,
    ],
    ['an array of other things', { 'a.json': '["a", {"b": 1}]' }, 'a.json', /entry 1 must be a text .*, got {"b":1}/],
    ['an array that is cut', { 'a.json': '["a",\n"b"' }, 'a.json', /it begins as an array but is not JSON/],
    ['a line that is null', { 'a.jsonl': 'null' }, '', /line 1 has no string field "text"/],
  ])('names %s', async (_, files, path, message) => {
    await expect(readCorpus([join(folder(files as Record<string, string>), path)])).rejects.toThrow(message)
  })

  it('wants a path', async () => {
    await expect(readCorpus([])).rejects.toThrow(/no path was given/)
  })
})

describe('builtinCorpus', () => {
  it('pairs languages and keeps a message on one side', async () => {
    const { train, heldOut, version } = await builtinCorpus()
    expect(version).toMatch(/^5\.9\./)
    const pairs = (train.length + heldOut.length) / 2
    expect(pairs).toBeGreaterThan(2000)
    expect(pairs).toBeLessThan(2300)
    expect(heldOut.length / 2 / pairs).toBeGreaterThan(0.07)
    expect(heldOut.length / 2 / pairs).toBeLessThan(0.13)
    const keys = new Set(heldOut.map(({ key }) => key))
    expect(train.filter(({ key }) => keys.has(key))).toEqual([])
    for (const side of [train, heldOut]) {
      for (let i = 0; i < side.length; i += 2) {
        expect([side[i].language, side[i + 1].language, side[i].key === side[i + 1].key]).toEqual(['ja', 'en', true])
        expect(side[i].text.length > 0 && side[i + 1].text.length > 0).toBe(true)
      }
    }
    const japanese = train.filter(
      ({ language, text }) => language === 'ja' && /[\p{sc=Hiragana}\p{sc=Han}\p{sc=Katakana}]/u.test(text),
    )
    expect(japanese.length).toBeGreaterThan((train.length / 2) * 0.95)
  })
})

describe('mixSources', () => {
  const japanese = { name: 'ja', documents: [[1, 1], [2], [3, 3, 3]], repeats: 2 }
  const english = { name: 'en', documents: Array.from({ length: 100 }, () => Array(10).fill(9)), repeats: 0.25 }

  it('repeats sources, whole and in part', () => {
    const { documents, table } = mixSources([japanese, english])
    expect(documents).toHaveLength(6 + 25)
    expect(table).toEqual([
      { name: 'ja', releaseLevel: 'L3', repeats: 2, size: 6, documents: 6, mixedSize: 12, share: 12 / 262 },
      { name: 'en', releaseLevel: 'L3', repeats: 0.25, size: 1000, documents: 25, mixedSize: 250, share: 250 / 262 },
    ])
    expect(mixSources([japanese, english]).documents).toEqual(documents)
  })

  it('gives the part of a corpus of one document', () => {
    const [one] = [['0123456789'.repeat(10)]]
    for (const repeats of [0.3, 1.3]) {
      const { documents, table } = mixSources([{ name: 'one', documents: one, repeats }])
      expect(table[0].mixedSize).toBe(100 * repeats)
      expect(documents.at(-1)).toBe(one[0].slice(0, 30))
    }
    const ids = mixSources([{ name: 'ids', documents: [Int32Array.from({ length: 10 }, (_, i) => i)], repeats: 0.5 }])
    expect(ids.documents).toEqual([Int32Array.of(0, 1, 2, 3, 4)])
    // No half of a character.
    const pairs = mixSources([{ name: 'pairs', documents: ['𠮷'.repeat(5)], repeats: 0.3 }])
    expect(pairs.documents).toEqual(['𠮷'])
    // Two long documents: the part comes out too.
    const two = mixSources([{ name: 'two', documents: ['a'.repeat(100), 'b'.repeat(100)], repeats: 0.2 }])
    expect(two.table[0].mixedSize).toBe(40)
  })

  it('draws the part by seed', () => {
    const numbered = [{ name: 'n', documents: Array.from({ length: 100 }, (_, i) => [i]), repeats: 0.1 }]
    const draw = (seed: number) => mixSources(numbered, { seed }).documents.flat()
    expect(draw(1)).toHaveLength(10)
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
  })

  it('keeps levels that may not train out', () => {
    for (const level of ['L1', 'L2', 'L3'] as const) expect(() => assertTrainable('x', level)).not.toThrow()
    expect(() => mixSources([japanese, { ...english, releaseLevel: 'LX' }])).toThrow(
      /source "en" has release level LX \(no-train: test time only\); only L1, L2 and L3 allow training/,
    )
    expect(() => assertTrainable('x', 'LZ')).toThrow(/source "x" has release level LZ \(no-use\)/)
    expect(() => assertTrainable('x', 'toString' as ReleaseLevel)).toThrow(/must be one of L1, L2, L3, LX, LZ/)
  })

  it('names what is wrong', () => {
    expect(() => mixSources([japanese, japanese])).toThrow(/source "ja" is given twice/)
    expect(() => mixSources([{ ...japanese, repeats: -1 }])).toThrow(/repeats of source "ja" must be from 0/)
    expect(() => mixSources([{ ...japanese, repeats: Number.NaN }])).toThrow(/got NaN/)
    expect(() => mixSources([{ ...japanese, repeats: 0 }])).toThrow(/the mix is empty/)
  })

  it("writes Megatron-LM's weights", () => {
    const sources = [
      { name: 'ja', prefix: '/data/ja', tokens: 1000, repeats: 2.5 },
      { name: 'en', prefix: '/data/en', tokens: 500 },
    ]
    expect(megatronDataPath(sources)).toEqual(['2500', '/data/ja', '500', '/data/en'])
    expect(() => megatronDataPath([{ ...sources[0], releaseLevel: 'LZ' }])).toThrow(/LZ/)
    expect(() => megatronDataPath([{ ...sources[0], tokens: 0 }])).toThrow(/at least 1/)
  })
})
