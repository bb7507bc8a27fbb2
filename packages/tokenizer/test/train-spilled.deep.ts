/**
 * Training under memory limits of every size, with lines in every order and many options: the model of training in
 * memory, byte for byte.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'vitest'
import { type TrainOptions, trainBpe, trainUnigram } from '../src/train.ts'
import { trainSpilled } from '../src/training/train-spilled.ts'
import { MemoryDisk } from './memory-disk.ts'

const corpus = readFileSync(new URL('../vectors/corpus.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

const options: fc.Arbitrary<TrainOptions> = fc.record({
  vocabSize: fc.integer({ min: 60, max: 700 }),
  hardVocabLimit: fc.constant(false),
  characterCoverage: fc.constantFrom(0.9, 0.98, 1),
  splitDigits: fc.boolean(),
  splitByWhitespace: fc.boolean(),
  splitByUnicodeScript: fc.boolean(),
  treatWhitespaceAsSuffix: fc.boolean(),
  allowWhitespaceOnlyPieces: fc.boolean(),
  removeExtraWhitespaces: fc.boolean(),
  maxPieceLength: fc.integer({ min: 1, max: 20 }),
  seedSize: fc.constantFrom(100, 1000, 1_000_000),
  userDefinedSymbols: fc.constantFrom([], ['the', 'ます']),
})

const lines = fc.array(
  fc.oneof(
    fc.constantFrom(...corpus),
    fc.stringMatching(/^[ab ]{0,40}$/),
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.integer({ min: 1, max: 60 }).map((n) => 'a'.repeat(n)),
  ),
  { minLength: 1, maxLength: 120 },
)

test('any ceiling gives the model of training in memory', { timeout: 3_600_000 }, async () => {
  let little = 0
  await fc.assert(
    fc.asyncProperty(
      lines,
      options,
      fc.constantFrom('unigram' as const, 'bpe' as const),
      fc.integer({ min: 9, max: 20 }),
      async (text, given, type, size) => {
        const attempt = async (work: () => Uint8Array | Promise<Uint8Array>) => {
          try {
            return Buffer.from(await work()).toString('base64')
          } catch (error) {
            return (error as Error).message
          }
        }
        const wanted = await attempt(() => (type === 'bpe' ? trainBpe : trainUnigram)(text, given))
        const found = await attempt(() => trainSpilled(text, type, given, new MemoryDisk().workspace(2 ** size)))
        // Under the lowest ceilings BPE may find no room, and then says so.
        if (type === 'bpe' && found.includes('memory is too little')) little++
        else if (found !== wanted) throw new Error(`${found.slice(0, 200)} instead of ${wanted.slice(0, 200)}`)
      },
    ),
    { numRuns: Number(process.env.KUMIKI_RUNS ?? 2000) },
  )
  console.log(`${little} runs had too little memory for BPE`)
})
