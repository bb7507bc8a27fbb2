/** Batches streamed from token files: every window once, by seed, split between processes, resumable. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { keyedPermutation } from '../src/batches/keyed-permutation.ts'
import { joinStreams, type StreamBatch, streamBatches } from '../src/index.ts'
import { openIndexedDataset, writeIndexedDataset } from '../src/node.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-stream-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an order that is computed', () => {
  test.each([1, 2, 3, 7, 8, 9, 1000, 1025, 65_537])('has each of %i numbers once', (count) => {
    const order = keyedPermutation(count, 5, 1)
    expect(new Set(Array.from({ length: count }, (_, i) => order(i))).size).toBe(count)
    for (let i = 0; i < Math.min(count, 50); i++) expect(order(i)).toBeLessThan(count)
  })

  test('is spread evenly, and another for other seeds and epochs', () => {
    const n = 4096
    // Where the first 16 places go, over 2048 seeds, in 16 equal parts: chi-squared with 255 degrees of freedom.
    const cells = new Float64Array(256)
    for (let seed = 0; seed < 2048; seed++) {
      const order = keyedPermutation(n, seed, 0)
      for (let place = 0; place < 16; place++) cells[place * 16 + Math.floor(order(place * 255) / 256)]++
    }
    const chi = cells.reduce((sum, count) => sum + (count - 128) ** 2 / 128, 0)
    expect(chi).toBeGreaterThan(170)
    expect(chi).toBeLessThan(350)
    const [a, b, c] = [keyedPermutation(n, 1, 0), keyedPermutation(n, 1, 1), keyedPermutation(n, 2, 0)]
    const same = (x: typeof a, y: typeof a) =>
      Array.from({ length: n }, (_, i) => Number(x(i) === y(i))).reduce((s, v) => s + v)
    expect([same(a, b) < 12, same(a, c) < 12, same(b, c) < 12]).toEqual([true, true, true])
    // Neighbours do not stay together.
    expect(
      Array.from({ length: n - 1 }, (_, i) => Number(Math.abs(a(i + 1) - a(i)) === 1)).reduce((s, v) => s + v),
    ).toBeLessThan(16)
    // A fixed order: a change here breaks every saved state.
    expect(Array.from({ length: 6 }, (_, i) => a(i))).toMatchInlineSnapshot(`
      [
        2369,
        3686,
        3700,
        206,
        3816,
        858,
      ]
    `)
    expect(keyedPermutation(2 ** 48 - 59, 3, 0)(2 ** 47)).toBeLessThan(2 ** 48 - 59)
  })
})

describe.each([
  ['uint16', 60_000],
  ['int32', 100_000],
] as const)('token files of %s', (dtype, vocabSize) => {
  const prefix = join(folder, dtype)
  // Ids count up, so that a window is known by its first one.
  const documents = Array.from({ length: 40 }, (_, d) => Array.from({ length: 25 }, (_, i) => 25 * d + i))
  const options = { sequenceLength: 8, batchSize: 4, seed: 3 }
  const firsts = (all: Iterable<StreamBatch>) =>
    [...all].flatMap(({ inputs, batchSize }) => Array.from({ length: batchSize }, (_, row) => inputs[row * 8] / 8))

  test('every window once an epoch, targets moved on by one', async () => {
    await writeIndexedDataset(prefix, documents, { vocabSize })
    using dataset = await openIndexedDataset(prefix)
    expect(dataset.dtype).toBe(dtype)
    const all = [...streamBatches({ dataset, ...options, epochs: 1 })]
    expect(all).toHaveLength(31)
    for (const { inputs, targets } of all) inputs.forEach((id, i) => void expect(targets[i]).toBe(id + 1))
    expect(new Set(firsts(all)).size).toBe(124)
    expect(firsts(streamBatches({ dataset, ...options, seed: 4, epochs: 1 }))).not.toEqual(firsts(all))
  })

  test('readers share it without overlap, and go on as many or as others', async () => {
    using dataset = await openIndexedDataset(prefix)
    const alone = firsts(streamBatches({ dataset, ...options, epochs: 2 }))
    const read = (of: number, from?: ReturnType<ReturnType<typeof streamBatches>['state']>, batches = 2) =>
      Array.from({ length: of }, (_, index) => {
        const data = streamBatches({ dataset, ...options, batchSize: 2, reader: { index, of } })
        if (from) data.restore(from)
        return { data, seen: firsts(Array.from({ length: batches }, () => data.next().value as StreamBatch)) }
      })
    const three = read(3)
    // Row r of reader i is window 3 r + i of the order.
    expect(Array.from({ length: 12 }, (_, place) => three[place % 3].seen[Math.floor(place / 3)])).toEqual(
      alone.slice(0, 12),
    )
    const states = three.map(({ data }) => JSON.stringify(data.state()))
    expect(new Set(states).size).toBe(1)
    const two = read(2, JSON.parse(states[0]), 60)
    expect(Array.from({ length: 236 }, (_, place) => two[place % 2].seen[Math.floor(place / 2)])).toEqual(
      alone.slice(12, 248),
    )
  })

  test('a state of other data is refused, and the walk stays', async () => {
    using dataset = await openIndexedDataset(prefix)
    const data = streamBatches({ dataset, ...options })
    const state = data.state()
    expect(() => data.restore({ ...state, tokens: 5 })).toThrow(/the state has tokens 5, here it is 1000/)
    expect(() => data.restore({ ...state, seed: 9 })).toThrow(/seed 9/)
    expect(() => data.restore({ ...state, consumed: -1 })).toThrow(/consumed/)
    expect(() => data.restore(null as never)).toThrow(TypeError)
    expect(data.state()).toEqual(state)
    expect(() => streamBatches({ dataset, ...options, reader: { index: 2, of: 2 } })).toThrow(/reader.index must be/)
    expect(() => streamBatches({ dataset, ...options, sequenceLength: 1000 })).toThrow(
      /takes 1001 tokens, the dataset has 1000/,
    )
    expect(() => dataset.readStream(999, new Int32Array(2))).toThrow(/tokens 999 to 1000 are not within its 1000/)
  })
})

test('an .idx whose numbers reach 2^63 is refused by place', async () => {
  const prefix = join(folder, 'wide')
  await writeIndexedDataset(prefix, [[1, 2], [3]], { vocabSize: 10 })
  const { readFileSync } = await import('node:fs')
  const idx = readFileSync(`${prefix}.idx`)
  const with64 = (at: number, value: bigint) => {
    const bytes = new Uint8Array(idx)
    new DataView(bytes.buffer).setBigUint64(at, value, true)
    writeFileSync(`${prefix}.idx`, bytes)
    return openIndexedDataset(prefix)
  }
  const [offsets, documents] = [34 + 2 * 4, 34 + 2 * 12]
  for (const value of [2n ** 63n, 2n ** 64n - 2n, 2n ** 63n - 2n, 2n ** 53n]) {
    await expect(with64(18, value)).rejects.toThrow(/wide.idx: .*sequences and 3 document entries take/)
    await expect(with64(26, value)).rejects.toThrow(/document entries take/)
    await expect(with64(offsets + 8, value)).rejects.toThrow(
      /wide.idx: sequence 1 .* is outside a .bin file of 6 bytes/,
    )
    await expect(with64(documents + 8, value)).rejects.toThrow(/document entry 1 must be from 0 to 2/)
  }
})

test('several streams are one, whatever is read across their ends', () => {
  const counting = (from: number, tokens: number) => ({
    tokens,
    readStream(position: number, into: Int32Array) {
      for (let i = 0; i < into.length; i++) into[i] = from + position + i
    },
  })
  const joined = joinStreams([counting(0, 3), counting(3, 0), counting(3, 1), counting(4, 6)])
  expect(joined.tokens).toBe(10)
  for (let position = 0; position < 10; position++)
    for (let length = 0; position + length <= 10; length++) {
      const into = new Int32Array(length)
      joined.readStream(position, into)
      expect([...into]).toEqual(Array.from({ length }, (_, i) => position + i))
    }
  expect(() => joined.readStream(8, new Int32Array(3))).toThrow('tokens 8 to 10 are not within the 10')
  expect(() => joinStreams([])).toThrow('at least one stream')
})
