/** Token files (`.bin`, `.idx`) against Megatron-LM's `preprocess_data.py`, and corrupt index files. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openIndexedDataset, writeIndexedDataset } from '../src/node.ts'
import { decodeIndexedDataset, encodeIndexedDataset, parseIndex, tokenDtype } from '../src/tokens/indexed-dataset.ts'

const vector = (name: string) => new Uint8Array(readFileSync(new URL(`../vectors/${name}`, import.meta.url)))

describe("Megatron-LM's own files", () => {
  it.each([
    ['uint16', 65_498, [3, 1, 5], [0, 1, 2, 3]],
    ['int32', 196_607, [3, 1, 2, 3], [0, 1, 2, 4]],
  ] as const)('read: %s', (dtype, top, lengths, documents) => {
    const bin = vector(`megatron-${dtype}.bin`)
    const idx = vector(`megatron-${dtype}.idx`)
    expect(decodeIndexedDataset(bin, idx).map((ids) => [...ids])).toEqual([[1, 2, top], [7], [0, 5, 6, 8, 9]])
    const index = parseIndex(idx, bin.length)
    expect(index.dtype).toBe(dtype)
    expect([...index.sequenceLengths]).toEqual(lengths)
    expect([...index.documentIndex]).toEqual(documents)
  })

  it('are what we write, byte for byte', () => {
    const ours = encodeIndexedDataset([[1, 2, 65_498], [7], [0, 5, 6, 8, 9]], { vocabSize: 65_499 })
    expect(ours.bin).toEqual(vector('megatron-uint16.bin'))
    expect(ours.idx).toEqual(vector('megatron-uint16.idx'))
    const wide = encodeIndexedDataset([[1, 2, 196_607], [7], [0, 5, 6, 8, 9]], { vocabSize: 196_608 })
    expect(wide.bin).toEqual(vector('megatron-int32.bin'))
  })
})

describe('encodeIndexedDataset', () => {
  it('picks the dtype as Megatron-LM does and appends eos', () => {
    expect([65_499, 65_500, 99_487].map(tokenDtype)).toEqual(['uint16', 'int32', 'int32'])
    const { bin, idx } = encodeIndexedDataset([[1], []], { vocabSize: 10, eosId: 9 })
    expect(decodeIndexedDataset(bin, idx).map((ids) => [...ids])).toEqual([[1, 9], []])
    expect(decodeIndexedDataset(new Uint8Array(0), encodeIndexedDataset([], { vocabSize: 10 }).idx)).toEqual([])
  })

  it('names what is wrong', () => {
    expect(() => encodeIndexedDataset([[1], [3, 10]], { vocabSize: 10 })).toThrow(
      /token 1 of document 1 must be an id from 0 to 9, got 10/,
    )
    expect(() => encodeIndexedDataset([], { vocabSize: 0 })).toThrow(/vocabSize must be an integer from 1/)
    expect(() => encodeIndexedDataset([], { vocabSize: 4, eosId: 4 })).toThrow(/eosId must be an id from 0 to 3, got 4/)
  })
})

describe('a hostile .idx', () => {
  const { bin, idx } = encodeIndexedDataset([[1, 2], [3]], { vocabSize: 10 })
  const changed = (change: (view: DataView) => void) => {
    const copy = idx.slice()
    change(new DataView(copy.buffer))
    return copy
  }
  it.each([
    ['is short', idx.slice(0, 20), /a header takes 34 bytes, the file has 20/],
    ['is something else', changed((view) => view.setUint8(0, 0)), /does not start with "MMIDIDX"/],
    ['is of another version', changed((view) => view.setUint8(9, 2)), /version 2 is not supported/],
    ['holds floats', changed((view) => view.setUint8(17, 7)), /dtype code 7 is not an integer type/],
    ['claims many sequences', changed((view) => view.setBigUint64(18, 2n ** 62n, true)), /sequences and 3 document/],
    ['is cut', idx.slice(0, -1), /the file has/],
    ['has a negative length', changed((view) => view.setInt32(34, -1, true)), /sequence 0 \(-1 tokens at byte 0\)/],
    ['has a length past the end', changed((view) => view.setInt32(38, 9, true)), /sequence 1 .* .bin file of 6 bytes/],
    [
      'has sequences that overlap',
      changed((view) => {
        view.setInt32(38, 2, true)
        view.setBigInt64(50, 2n, true)
      }),
      /2 sequences take 8 bytes, but the .bin file has 6: sequences overlap/,
    ],
    ['has an odd offset', changed((view) => view.setBigInt64(50, 3n, true)), /sequence 1/],
    ['has a document going back', changed((view) => view.setBigInt64(66, -1n, true)), /document entry 1/],
    ['ends its documents early', changed((view) => view.setBigInt64(74, 1n, true)), /end with the number of sequences/],
  ])('that %s is refused', (_, bytes, message) => {
    expect(() => decodeIndexedDataset(bin, bytes)).toThrow(message)
  })
})

describe('files', () => {
  it('are written document by document and read one by one', async () => {
    const prefix = join(mkdtempSync(join(tmpdir(), 'kumiki-data-')), 'corpus')
    async function* documents() {
      yield [5, 6, 7]
      yield Int32Array.of(8)
    }
    expect(await writeIndexedDataset(prefix, documents(), { vocabSize: 99_487, eosId: 2 })).toEqual({
      documents: 2,
      tokens: 6,
    })
    const data = await openIndexedDataset(prefix)
    expect([data.documentCount, data.tokens, data.dtype]).toEqual([2, 6, 'int32'])
    expect([...data.document(1)]).toEqual([8, 2])
    expect([...data.document(0)]).toEqual([5, 6, 7, 2])
    expect(() => data.document(2)).toThrow(/document must be an integer from 0 to 1, got 2/)
    data.close()
    expect(() => data.document(0)).toThrow(/closed/)
  })

  it('stay as they were when writing fails', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kumiki-data-'))
    const prefix = join(folder, 'corpus')
    writeFileSync(`${prefix}.bin`, 'older')
    await expect(writeIndexedDataset(prefix, [[1], [99]], { vocabSize: 10 })).rejects.toThrow(/token 0 of document 1/)
    expect(readdirSync(folder)).toEqual(['corpus.bin'])
    expect(readFileSync(`${prefix}.bin`, 'utf8')).toBe('older')
    await expect(openIndexedDataset(prefix)).rejects.toThrow(/corpus.idx: there is no such file; give the prefix/)
  })
})

const preprocessed: {
  cases: { vocabulary: number; documents: number; append: boolean; empty: number; bin: string; idx: string }[]
} = JSON.parse(new TextDecoder().decode(vector('megatron-preprocess.json')))

// tools/preprocess_data.py of Megatron-LM, run for the same ids (vectors/make_preprocess.py).
it.each(preprocessed.cases)(
  'bytes are those of Megatron-LM’s preprocessing: vocabulary $vocabulary, $documents documents, eod $append, without tokens every $empty',
  async ({ vocabulary, documents, append, empty, bin, idx }) => {
    const length = (d: number) =>
      empty && d % empty === empty - 1 ? 0 : 1 + (((Math.imul(d, 2654435761) >>> 0) >>> 9) % 90)
    const ids = Array.from({ length: documents }, (_, d) =>
      Array.from({ length: length(d) }, (_, i) => (d * 7919 + i * 104729) % vocabulary),
    )
    const made = encodeIndexedDataset(ids, { vocabSize: vocabulary, ...(append && { eosId: 2 }) })
    const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    expect([hash(made.bin), hash(made.idx)]).toEqual([bin, idx])
    const prefix = join(mkdtempSync(join(tmpdir(), 'kumiki-data-')), 'corpus')
    await writeIndexedDataset(prefix, ids, { vocabSize: vocabulary, ...(append && { eosId: 2 }) })
    expect([hash(readFileSync(`${prefix}.bin`)), hash(readFileSync(`${prefix}.idx`))]).toEqual([bin, idx])
    rmSync(dirname(prefix), { recursive: true })
  },
)
