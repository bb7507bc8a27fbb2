/** Time of the data package at increasing sizes: duplicates, token files, the order of samples. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { minhash } from '@kumiki/data'
import { openIndexedDataset, writeIndexedDataset } from '@kumiki/data/node'
import { type EachKey, exactWords, findDuplicates } from '../../packages/data/src/clean/duplicates.ts'
import { minhashBands } from '../../packages/data/src/clean/minhash.ts'
import { SampleOrder } from '../../packages/data/src/megatron/sample-order.ts'
import { type HostCurve, linear, linesOf, random } from './host-curves.ts'

/** A folder that is removed when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'growth-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const dataCurves: readonly HostCurve[] = [
  {
    package: 'data',
    name: 'duplicates by key and MinHash',
    axis: 'documents',
    sizes: [2_000, 8_000, 32_000, 128_000],
    ...linear,
    prepare(documents) {
      const words = exactWords + 2 * minhashBands
      const next = random(7)
      const keys = Uint32Array.from({ length: documents * words }, () => Math.floor(next() * 2 ** 32))
      // One document in eight repeats a band of an earlier one.
      for (let at = 8; at < documents; at += 8) {
        const band = exactWords + 2 * (at % minhashBands)
        const from = Math.floor(next() * at) * words + band
        keys.copyWithin(at * words + band, from, from + 2)
      }
      const each: EachKey = (visit) => {
        for (let i = 0; i < documents; i++) visit(keys, i * words, i)
      }
      return () => findDuplicates(documents, each, true)
    },
  },
  {
    package: 'data',
    name: 'MinHash of a text',
    axis: 'characters',
    sizes: [1_000, 10_000, 100_000, 1_000_000],
    ...linear,
    prepare(size) {
      const text = linesOf(size).join(' ').slice(0, size)
      return () => minhash(text)
    },
  },
  {
    package: 'data',
    name: 'token files, written and read',
    axis: 'documents',
    sizes: [2_000, 8_000, 32_000, 128_000],
    ...linear,
    prepare(count) {
      const prefix = join(temporaryFolder(), 'tokens')
      const documents = Array.from({ length: count }, (_, i) =>
        Int32Array.from({ length: 64 }, (_, j) => (i * 31 + j) % 50_000),
      )
      return async () => {
        await writeIndexedDataset(prefix, documents, { vocabSize: 99_584, eosId: 2 })
        using dataset = await openIndexedDataset(prefix)
        for (let i = 0; i < count; i++) dataset.document(i)
      }
    },
  },
  {
    package: 'data',
    name: "Megatron-LM's order of samples",
    axis: 'documents',
    sizes: [10_000, 40_000, 160_000, 640_000],
    ...linear,
    bends: {
      allowed: 2,
      why: 'the lengths of shuffled documents are read at random places, past the caches (the shuffle itself takes 17 to 19 ns an entry at every size)',
    },
    prepare(documents) {
      const next = random(8)
      const sequenceLengths = Int32Array.from({ length: documents }, () => 1 + Math.floor(next() ** 3 * 4095))
      const split = { begin: 0, end: documents, sequenceLength: 4096, samples: null, seed: 1 }
      return () => new SampleOrder({ sequenceLengths, ...split })
    },
  },
]
