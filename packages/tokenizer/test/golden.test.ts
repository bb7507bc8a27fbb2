/**
 * LLM-jp's tokenizer models against ids of the C++ spm_encode. The models are outside the repository: too large, and
 * under various licences.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadTokenizer, type Tokenizer } from '../src/index.ts'

const folder = new URL('../../../../shared/tokenizer/', import.meta.url)
const here = existsSync(new URL('golden/', folder))

const REAL = [
  { name: 'ver2.2-10-20-30', file: 'llm-jp/code10K_en20K_ja30K.ver2.2.model', lines: 39_130 },
  { name: 'ver3.1', file: 'llm-jp/llm-jp-tokenizer-100k.ver3.1.model', lines: 39_130 },
]
const SMALL = ['unigram', 'bpe'].flatMap((type) =>
  ['identity', 'nfkc', 'nmt_nfkc'].map((rules) => `${type}-2000-${rules}`),
)

if (!here) {
  const skipped = REAL.reduce((sum, { lines }) => sum + lines + 303 + 96 + 672 + 16, 0) + SMALL.length * 1107
  console.warn(`tokenizer: the golden ids of real models are not here: ${skipped} cases SKIPPED`)
}

type Row = {
  name?: string
  text?: string
  repeat?: [string, number]
  hex?: string
  ids: number[]
  pieces?: string[]
  offsets_cp?: [number, number][]
  decoded?: string
  nbest5?: { ids: number[]; score: number }[]
  sha256_u32le?: string
}

/**
 * Ordinary tests take every fourth line of the long lists (whole files are held by their hash); `npm run test:deep`
 * all.
 */
const step = process.env.KUMIKI_DEEP ? 1 : 4

const rowsOf = (path: string): Row[] =>
  readFileSync(new URL(path, folder), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

const hashOf = (...ids: Int32Array[]) => {
  const hash = createHash('sha256')
  for (const list of ids) hash.update(new Uint8Array(list.buffer, list.byteOffset, list.byteLength))
  return hash.digest('hex')
}

/** For each UTF-16 offset, how many code points are before it. */
function codePointOffsets(text: string): number[] {
  const result: number[] = []
  let count = 0
  for (const character of text) {
    for (let i = 0; i < character.length; i++) result.push(count)
    count++
  }
  result.push(count)
  return result
}

function check(tokenizer: Tokenizer, row: Row): void {
  const label = row.name ?? JSON.stringify(row.text ?? row.hex)
  if (row.repeat) {
    expect(hashOf(tokenizer.encode(row.repeat[0].repeat(row.repeat[1]))), label).toBe(row.sha256_u32le)
    return
  }
  if (row.hex !== undefined) {
    expect(Array.from(tokenizer.encode(Uint8Array.from(Buffer.from(row.hex, 'hex')))), label).toEqual(row.ids)
    return
  }
  const text = row.text!
  expect(Array.from(tokenizer.encode(text)), label).toEqual(row.ids)
  const { ids, pieces, offsets } = tokenizer.encodeWithOffsets(text)
  expect(Array.from(ids), label).toEqual(row.ids)
  if (row.pieces) expect(pieces, label).toEqual(row.pieces)
  if (row.offsets_cp) {
    const at = codePointOffsets(text)
    expect(
      offsets.map(([start, end]) => [at[start], at[end]]),
      label,
    ).toEqual(row.offsets_cp)
    expect(tokenizer.encodeWithOffsets(text, { unit: 'codePoint' }).offsets, label).toEqual(row.offsets_cp)
  }
  if (row.nbest5) {
    const best = tokenizer.encodeNBest(text, 5).map(({ ids, score }) => ({ ids: [...ids], score }))
    expect(best, label).toEqual(row.nbest5)
  }
  if (row.decoded !== undefined) expect(tokenizer.decode(row.ids), label).toBe(row.decoded)
}

describe.skipIf(!here).each(REAL)('$name', ({ name, file, lines }) => {
  const tokenizer = here ? loadTokenizer(readFileSync(new URL(file, folder))) : (undefined as unknown as Tokenizer)

  test('every line has the ids of spm_encode', () => {
    const rows = rowsOf(`golden/${name}.lines.jsonl`)
    expect(rows.length).toBe(lines)
    const wrong = rows.filter(({ text, ids }, k) => {
      if (k % step !== 0) return false
      const got = tokenizer.encode(text!)
      return got.length !== ids.length || ids.some((id, k) => got[k] !== id)
    })
    expect(wrong).toEqual([])
  })

  test('adversarial texts: ids, pieces, offsets, decoded text', () => {
    for (const row of rowsOf(`golden/${name}.adversarial.jsonl`)) check(tokenizer, row)
  })

  test('broken UTF-8', () => {
    for (const row of rowsOf(`golden/${name}.bytes.jsonl`)) check(tokenizer, row)
  })

  test('decode', () => {
    for (const { ids, decoded } of rowsOf(`golden/${name}.decode.jsonl`)) expect(tokenizer.decode(ids)).toBe(decoded)
  })

  test('whole files, by line and as one string', () => {
    const separator = Int32Array.of(-1)
    const files = JSON.parse(readFileSync(new URL(`golden/${name}.files.json`, folder), 'utf8'))
    for (const [path, golden] of Object.entries<any>(files)) {
      const text = readFileSync(new URL(path, folder), 'utf8')
      const byLine = text.replace(/\n$/, '').split('\n')
      expect(hashOf(...byLine.flatMap((line) => [tokenizer.encode(line), separator])), path).toBe(
        golden.sha256_u32le_ids_with_0xffffffff_after_each_line,
      )
      expect(hashOf(tokenizer.encode(text)), path).toBe(golden.whole_file_as_one_string.sha256_u32le)
    }
  })
})

describe.skipIf(!here).each(SMALL)('%s', (name) => {
  test('ids, pieces, offsets, decoded text', () => {
    const tokenizer = loadTokenizer(readFileSync(new URL(`models/${name}.model`, folder)))
    for (const row of rowsOf(`golden-small/${name}.jsonl`)) check(tokenizer, row)
  })
})
