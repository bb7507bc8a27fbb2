/**
 * Token files built from text files: formats, encodings, compressed input, limits, shards, and errors that name file
 * and line.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import {
  buildShard,
  documentStream,
  loadBuildPlan,
  mergeParts,
  missingParts,
  planBuild,
  readCorpus,
  readSubsets,
  saveBuildPlan,
  writeIndexedDataset,
} from '../src/node.ts'
import { decodeIndexedDataset, encodeIndexedDataset } from '../src/tokens/indexed-dataset.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-build-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const write = (name: string, data: string | Uint8Array) => {
  writeFileSync(join(folder, name), data)
  return join(folder, name)
}
const vector = (name: string) => fileURLToPath(new URL(`../vectors/${name}`, import.meta.url))
const read = async (path: string, options?: Parameters<typeof documentStream>[1]) => {
  const texts: string[] = []
  for await (const text of documentStream(path, options)) texts.push(text)
  return texts
}

/** A zstd frame of one stored block. */
function stored(text: string, size = Buffer.byteLength(text)): Uint8Array {
  const bytes = Buffer.from(text)
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, size, ((bytes.length << 3) | 1) & 255, bytes.length >> 5, 0]),
    bytes,
  ])
}

describe('documents of a file', () => {
  it('txt, md and jsonl, plain and packed', async () => {
    const text = 'first\nline\n\n\nsecond\r\n'
    expect(await read(write('a.txt', text))).toEqual(['first\nline', 'second'])
    expect(await read(write('a.txt.gz', gzipSync(text)))).toEqual(['first\nline', 'second'])
    expect(await read(write('a.txt.zst', stored(text)))).toEqual(['first\nline', 'second'])
    const frames = Buffer.concat([
      stored('one\n'),
      Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7]),
      stored('two\n'),
    ])
    expect(await read(write('frames.txt.zst', frames))).toEqual(['one', 'two'])
    expect(await read(write('lines.txt', '\none\ntwo\n\n'))).toEqual(['one', 'two'])
    expect(await read(write('a.md', '# t\n\nbody'))).toEqual(['# t\n\nbody'])
    expect(await read(write('a.jsonl', '{"text":"x"}\n\n{"text":"組木"}'))).toEqual(['x', '組木'])
    expect(await read(write('b.jsonl', '{"body":"x"}\n'), { field: 'body' })).toEqual(['x'])
    expect(await read(write('c.json', '{"text":"x"}\n{"text":"y"}'))).toEqual(['x', 'y'])
    expect(await read(write('d.json.gz', gzipSync('\n[{"body":"x"},\n"y"]')), { field: 'body' })).toEqual(['x', 'y'])
    await expect(read(write('e.json', `["a",\n"${'b'.repeat(90)}",\n""]`), { maxDocument: 95 })).rejects.toThrow(
      'an array is held whole, and this one is longer than 95 characters',
    )
  })

  it.each(['snappy', 'zstd', 'gzip', 'brotli', 'lz4', 'pages-v2'])('parquet, %s', async (codec) => {
    const path = vector(`texts-${codec}.parquet`)
    expect(await read(path)).toEqual(['組木は釘を使わない。', 'the second row', 'a'.repeat(3000)])
    await expect(read(path, { field: 'body' })).rejects.toThrow(
      `no column "body"; it has id, ${codec === 'pages-v2' ? 'tags, text, meta' : 'text'} (--field names it)`,
    )
    if (codec === 'pages-v2') await expect(read(path, { field: 'tags' })).rejects.toThrow('column "tags" is not text')
    await expect(read(path, { field: 'id' })).rejects.toThrow('row 0: column "id" is not text')
    for (const length of [20, 200]) {
      const cut = write(`cut-${codec}-${length}.parquet`, readFileSync(path).subarray(0, length))
      await expect(read(cut)).rejects.toThrow(cut)
    }
  })

  it('a byte order mark is one at the start of a file, and text in front of other lines', async () => {
    for (const name of ['marks.txt', 'marks.md']) {
      const path = write(name, '\ufeffone\n\ufefftwo\n')
      expect(await read(path)).toEqual(await readCorpus([path]).then((texts) => texts.map((text) => text.trimEnd())))
      expect((await read(path)).join('\n')).toBe('one\n\ufefftwo')
    }
    // Files that were put together.
    expect(await read(write('marks.jsonl', '\ufeff{"text":"one"}\n\ufeff{"text":"two"}\n'))).toEqual(['one', 'two'])
  })

  it('ranges of JSON lines part them without overlap, wherever they are cut', async () => {
    const lines = Array.from({ length: 12 }, (_, i) => JSON.stringify({ text: `${i} 組木`.repeat(i % 4) }))
    const path = write('ranges.jsonl', `${lines.join('\n')}\n`)
    const whole = await read(path)
    const size = Buffer.byteLength(`${lines.join('\n')}\n`)
    for (const step of [1, 7, 31, 64]) {
      const parts: string[] = []
      for (let begin = 0; begin < size; begin += step)
        parts.push(...(await read(path, { range: { begin, end: begin + step } })))
      expect(parts).toEqual(whole)
    }
  })
})

describe('bad input is told by file and place', () => {
  it.each([
    ['utf16.txt', Buffer.from('\ufeff文', 'utf16le'), 'the file is UTF-16, not UTF-8; give --encoding utf-16le'],
    [
      'sjis.txt',
      Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea, 0x82, 0xcc, 0x0a]),
      'the line at byte 0 is not UTF-8; it looks like SHIFT_JIS',
    ],
    ['binary.txt', Buffer.from([65, 10, 0, 1]), 'byte 2 is 0, so the file is binary'],
    ['broken.jsonl', '{"text":"a"}\n{"text":', 'the line at byte 13 is not JSON'],
    ['field.jsonl', '{"body":"a"}', 'has no text in a field "text"; it has body (--field names it)'],
    ['number.jsonl', '{"text":"a"}\n{"text":3}', 'the line at byte 13: field "text" must be a text, got number'],
    [
      'utf16-bare.txt',
      Buffer.from('組木は釘を使わない。\n', 'utf16le'),
      'it looks like UTF-16LE: give --encoding utf-16le',
    ],
    [
      'jis.txt',
      Buffer.concat([Buffer.from('a \u001b$B'), Buffer.from([0x46, 0x7c, 0x4b, 0x5c]), Buffer.from('\u001b(B')]),
      'the line at byte 0 is not UTF-8; it looks like ISO-2022-JP: give --encoding iso-2022-jp',
    ],
    [
      'half.txt',
      Buffer.concat([Buffer.from('良い行\n'), Buffer.from([0xff, 0xfe, 0x80])]),
      'the line at byte 10 is not UTF-8, though text before it is; repair it',
    ],
    ['proto.jsonl', '{"__proto__":{"text":"a"}}', 'has no text in a field "text"'],
    ['cut.txt.gz', gzipSync('a'.repeat(4000)).subarray(0, 20), 'the gzip archive is corrupt'],
    ['not.txt.gz', 'plain', 'the gzip archive is corrupt'],
    ['not.txt.zst', 'plain text, not zstd', 'it is no zstd archive'],
    ['cut.txt.zst', stored('x'.repeat(100)).subarray(0, 60), 'the zstd archive is corrupt'],
    [
      'window.txt.zst',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      'bytes; at most 134217728',
    ],
    [
      'single.txt.zst', // a single segment that claims 2 GB
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x7f, 1, 0, 0]),
      'needs a window of 2130706432 bytes; at most 134217728',
    ],
    [
      'second.txt.zst', // a good frame, something skipped, and one that lies
      Buffer.concat([
        stored('good\n'),
        Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]),
        Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0]),
      ]),
      'needs a window of 1152921504606847000 bytes',
    ],
    ['rest.txt.zst', Buffer.concat([stored('good\n'), Buffer.from('more')]), 'it is no zstd archive'],
    ['not.parquet', 'PAR1 no', 'it is not a Parquet file'],
    ['packed.jsonl', gzipSync('{"text":"x"}\n'), 'the file is a gzip archive; name it .gz'],
    ['packed.txt', Buffer.concat([Buffer.from('BZh91AY'), Buffer.from([200, 1, 2])]), 'a bzip2 archive; decompress it'],
    ['page.txt', '%PDF-1.7\n', 'a PDF document; extract its text first'],
    ['list.jsonl', '[{"text":"x"}]', 'the line at byte 0 is an array; every line must be one object'],
  ])('%s', async (name, data, message) => {
    const path = write(name, data)
    await expect(read(path)).rejects.toThrow(`${path}: `)
    await expect(read(path)).rejects.toThrow(message)
  })

  it('letters that archives begin with are text; a file of JSON lines may be called .json; empty lines are folded', async () => {
    expect(await read(write('bzh.txt', 'BZh is how bzip2 begins\n'))).toEqual(['BZh is how bzip2 begins'])
    expect(await read(write('c4.json.gz', gzipSync('{"text":"x"}\n{"text":"y"}\n')))).toEqual(['x', 'y'])
    expect(await read(write('wide.txt', `a\nb${'\n'.repeat(2_000_000)}c\n`))).toEqual(['a\nb', 'c'])
    expect(await read(write('wide.md', 'a\n\n\n\nb\n'))).toEqual(['a\n\n\n\nb'])
    const bad = write('far.jsonl', `\n\n\n\n{"text":"x"}\n\n\n{"text":1}\n`)
    await expect(read(bad)).rejects.toThrow('the line at byte 19: field "text" must be a text, got number')
  })

  it('--encoding reads what is not UTF-8, and refuses what is not of it', async () => {
    expect(await read(join(folder, 'sjis.txt'), { encoding: 'shift_jis' })).toEqual(['日本語の'])
    expect(await read(join(folder, 'utf16.txt'), { encoding: 'utf-16le' })).toEqual(['文'])
    await expect(read(join(folder, 'sjis.txt'), { encoding: 'euc-jp' })).rejects.toThrow('is not euc-jp')
    await expect(read(join(folder, 'sjis.txt'), { encoding: 'klingon' })).rejects.toThrow(
      'encoding "klingon" is not known',
    )
  })

  it('a line too long, a document too long, an archive that swells', async () => {
    const long = write('long.jsonl', `{"text":"${'x'.repeat(300_000)}"}`)
    await expect(read(long, { maxDocument: 2 ** 17 })).rejects.toThrow('the line at byte 0 is longer than 131072 bytes')
    const doc = write('doc.txt', `${'line\n'.repeat(100)}\n\nb\n`)
    await expect(read(doc, { maxDocument: 64 })).rejects.toThrow('the document at byte 0 is longer than 64 characters')
    const bomb = write('bomb.txt.gz', gzipSync(Buffer.alloc(66 * 2 ** 20, `${'a'.repeat(2 ** 20)}\n`)))
    await expect(read(bomb)).rejects.toThrow('1000 times as many')
  })
})

describe('builds', () => {
  const encode = (text: string) => [...text].map((c) => c.charCodeAt(0) % 500)
  const settings = { vocabSize: 500, eosId: 2, field: 'text', encoding: 'utf-8', identity: '' }
  const data = join(folder, 'corpus')
  mkdirSync(data)
  const texts = Array.from({ length: 40 }, (_, i) => `document ${i % 25} of a corpus, with words of number ${i % 25}`)
  for (let file = 0; file < 5; file++)
    writeFileSync(
      join(data, `${file}.jsonl`),
      texts
        .slice(file * 8, file * 8 + 8)
        .map((text) => `${JSON.stringify({ text })}\n`)
        .join(''),
    )

  const run = async (name: string, shards: number, duplicates: 'keep' | 'exact' | 'near') => {
    const prefix = join(folder, name)
    const plan = await planBuild([data], { ...settings, duplicates })
    await saveBuildPlan(`${prefix}.parts`, plan)
    // The last shard first: order must not matter.
    for (let index = shards - 1; index >= 0; index--)
      await buildShard(`${prefix}.parts`, plan, { index, of: shards }, { encode })
    return { result: mergeParts(`${prefix}.parts`, prefix), prefix }
  }

  it('the same bytes whatever the shards, those of Megatron-LM’s format, repeats left out', async () => {
    const one = await run('one', 1, 'exact')
    const four = await run('four', 4, 'exact')
    const expected = encodeIndexedDataset([...new Set(texts)].map(encode), { vocabSize: 500, eosId: 2 })
    for (const { prefix, result } of [one, four]) {
      expect(new Uint8Array(readFileSync(`${prefix}.bin`))).toEqual(expected.bin)
      expect(new Uint8Array(readFileSync(`${prefix}.idx`))).toEqual(expected.idx)
      expect(result).toMatchObject({ documents: 25, dtype: 'uint16' })
      expect(result.counts.dropped).toEqual({ 'duplicates: the same text': { count: 15, samples: [] } })
    }
    const all = await run('all', 2, 'keep')
    expect(decodeIndexedDataset(readFileSync(`${all.prefix}.bin`), readFileSync(`${all.prefix}.idx`))).toHaveLength(40)
  })

  it('goes on after a kill, tells what is missing, and refuses other settings', async () => {
    const prefix = join(folder, 'killed')
    const parts = `${prefix}.parts`
    const plan = await planBuild([data], { ...settings, duplicates: 'near' })
    await saveBuildPlan(parts, plan)
    let calls = 0
    const dying = (text: string) => {
      if (++calls > 20) throw new Error('killed')
      return encode(text)
    }
    await expect(buildShard(parts, plan, { index: 0, of: 1 }, { encode: dying })).rejects.toThrow('killed')
    expect(missingParts(parts, plan)).toEqual([2, 3, 4])
    expect(readdirSync(parts).some((name) => name.endsWith('.tmp'))).toBe(false)
    expect(() => mergeParts(parts, prefix)).toThrow('3 of 5 parts are not done: 2, 3, 4')
    let again = 0
    await buildShard(
      parts,
      plan,
      { index: 0, of: 1 },
      {
        encode: (text) => {
          again++
          return encode(text)
        },
      },
    )
    expect(again).toBe(24)
    await saveBuildPlan(parts, plan)
    await expect(saveBuildPlan(parts, { ...plan, settings: { ...plan.settings, eosId: null } })).rejects.toThrow(
      'eosId was 2, is null',
    )
    await expect(saveBuildPlan(parts, { ...plan, settings: { ...plan.settings, identity: 'x' } })).rejects.toThrow(
      'another tokenizer or other filters',
    )
    expect(mergeParts(parts, prefix, { memory: 2 ** 12 }).documents).toBeLessThanOrEqual(25)
    truncateSync(join(parts, '000001.docs'), 17)
    expect(() => mergeParts(parts, prefix)).toThrow('000001.docs: it is truncated')
    expect(readdirSync(folder).some((name) => name.endsWith('.tmp'))).toBe(false)
  })
  it('documents without tokens are kept as Megatron-LM’s preprocessing keeps them, byte for byte', async () => {
    const preprocessed = JSON.parse(readFileSync(vector('megatron-preprocess.json'), 'utf8')).cases[4]
    const length = (d: number) => (d % 3 === 2 ? 0 : 1 + (((Math.imul(d, 2654435761) >>> 0) >>> 9) % 90))
    const lines = Array.from({ length: 300 }, (_, d) =>
      JSON.stringify({ text: Array.from({ length: length(d) }, (_, i) => (d * 7919 + i * 104729) % 32000).join(' ') }),
    )
    const path = write('empty.jsonl', `${lines.join('\n')}\n`)
    const prefix = join(folder, 'empty')
    const plan = await planBuild([path], { ...settings, vocabSize: 32000, duplicates: 'keep' })
    await saveBuildPlan(`${prefix}.parts`, plan)
    const ids = (text: string) => (text === '' ? [] : text.split(' ').map(Number))
    await buildShard(`${prefix}.parts`, plan, { index: 0, of: 1 }, { encode: ids })
    expect(mergeParts(`${prefix}.parts`, prefix)).toMatchObject({ documents: 300, empty: 100 })
    const hash = (end: string) =>
      createHash('sha256')
        .update(readFileSync(`${prefix}.${end}`))
        .digest('hex')
    expect([hash('bin'), hash('idx')]).toEqual([preprocessed.bin, preprocessed.idx])
  })

  it('many files share parts; the plan that is kept is held against the files, one by one', async () => {
    const many = join(folder, 'many')
    mkdirSync(many)
    for (let i = 0; i < 4200; i++) writeFileSync(join(many, `${String(i).padStart(4, '0')}.md`), '')
    writeFileSync(join(many, '1500.md'), 'x'.repeat(9 * 2 ** 20))
    const plan = await planBuild([many, join(many, '0000.md')], { ...settings, duplicates: 'keep' })
    expect(plan.parts.map(({ files }) => files.length)).toEqual([1000, 500, 1, 1000, 1000, 699])
    const parts = join(folder, 'many.parts')
    await saveBuildPlan(parts, plan)
    expect(loadBuildPlan(parts)).toEqual(plan)
    writeFileSync(join(many, '3000.md'), 'grown')
    const grown = await planBuild([many], { ...settings, duplicates: 'keep' })
    await expect(saveBuildPlan(parts, grown)).rejects.toThrow(
      `there was ${join(many, '3000.md')} (0 bytes), now there is ${join(many, '3000.md')} (5 bytes)`,
    )
    truncateSync(join(parts, 'plan.jsonl'), 200_000)
    expect(() => loadBuildPlan(parts)).toThrow(/plan.jsonl: line \d is not JSON/)
  })

  it('the record of a part that is cut is named, with what to do', async () => {
    const parts = join(folder, 'cut.parts')
    const plan = await planBuild([data], { ...settings, duplicates: 'keep' })
    await saveBuildPlan(parts, plan)
    await buildShard(parts, plan, { index: 0, of: 1 }, { encode })
    const record = readdirSync(parts).find((name) => /^\d{6}\.json$/.test(name))!
    for (const text of ['', '{"documents":3', 'null', '{}']) {
      writeFileSync(join(parts, record), text)
      const fault = `${record}: is not the record of a finished part; remove it and build its shard again`
      expect(() => mergeParts(parts, join(folder, 'cut'))).toThrow(fault)
      await expect(buildShard(parts, plan, { index: 0, of: 1 }, { encode })).rejects.toThrow(fault)
    }
    rmSync(join(parts, record))
    await buildShard(parts, plan, { index: 0, of: 1 }, { encode })
    expect(mergeParts(parts, join(folder, 'cut')).documents).toBeGreaterThan(0)
  })

  it('levels are kept beside the files, and go when the files are written anew', async () => {
    const prefix = join(folder, 'levels')
    const subset = { subset: 'ja', language: 'ja', source: null, licence: 'CC0', releaseLevel: 'L2' } as const
    const plan = await planBuild([data], { ...settings, duplicates: 'keep', subset })
    await saveBuildPlan(`${prefix}.parts`, plan)
    const other = { ...plan, settings: { ...plan.settings, subset: { ...subset, releaseLevel: 'L1' } as const } }
    await expect(saveBuildPlan(`${prefix}.parts`, other)).rejects.toThrow(/subset was .*"L2".*, is .*"L1"/)
    await buildShard(`${prefix}.parts`, plan, { index: 0, of: 1 }, { encode })
    const { tokens } = mergeParts(`${prefix}.parts`, prefix)
    expect(readSubsets(prefix)).toEqual([{ ...subset, repeats: 1, tokens }])
    writeFileSync(`${prefix}.subsets.json`, '{"version":1,"subsets":[{"subset":"a","releaseLevel":"L9"}]}')
    expect(() => readSubsets(prefix)).toThrow('subsets[0].releaseLevel must be one of L1, L2, L3, LX, LZ, got "L9"')
    await writeIndexedDataset(prefix, [[1]], { vocabSize: 10 })
    expect(readSubsets(prefix)).toBe(null)
  })
})
