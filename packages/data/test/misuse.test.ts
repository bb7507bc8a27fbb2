/** A text where a list belongs is refused, not read character by character; missing options are named. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import * as browser from '../src/index.ts'
import * as node from '../src/node.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-data-misuse-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const any = { ...browser, ...node } as unknown as Record<string, (...args: unknown[]) => unknown>
/** The error of a call, thrown or rejected. */
const errorOf = async (name: string, ...args: unknown[]): Promise<unknown> => {
  try {
    return await any[name](...args)
  } catch (error) {
    return error
  }
}

const documents = [[1, 2, 3]]
const lists: [string, string, (given: unknown) => unknown[]][] = [
  ['languageFilter', 'languages', (given) => [given]],
  ['readCorpus', 'paths', (given) => [given]],
  ['planBuild', 'paths', (given) => [given, {}]],
  ['mixSources', 'sources', (given) => [given]],
  ['mixSources', 'documents of source "ja"', (given) => [[{ name: 'ja', documents: given }]]],
  ['planMix', 'sources', (given) => [given]],
  ['inspectDocuments', 'texts', (given) => [given]],
  ['packEvaluation', 'documents', (given) => [given, 8, { eosId: 0 }]],
  ['packedBatches', 'documents', (given) => [{ documents: given, sequenceLength: 8, batchSize: 1 }]],
  ['writeIndexedDataset', 'documents', (given) => [join(folder, 'set'), given, { vocabSize: 10 }]],
]

test.each(lists)('%s: %s', async (name, what, args) => {
  for (const given of ['ja', undefined, null, 5, {}]) {
    const error = await errorOf(name, ...args(given))
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toMatch(
      new RegExp(`^${name}: ${what} must be a list .*such as .*, got ${given === 'ja' ? 'the text "ja"' : ''}`),
    )
  }
  expect(readdirSync(folder)).toEqual([])
})

test.each([
  ['batches', []],
  ['packedBatches', []],
  ['packEvaluation', [documents, 8]],
  ['writeIndexedDataset', [join(folder, 'set'), documents]],
  ['planBuild', [[folder]]],
  ['exportTexts', [[], join(folder, 'out')]],
])('%s without its options', async (name, args) => {
  const error = await errorOf(name, ...args)
  expect(error).toBeInstanceOf(TypeError)
  expect((error as Error).message).toMatch(new RegExp(`^${name}: options must be an object with .*, got undefined$`))
  expect(readdirSync(folder)).toEqual([])
})

test('a filter that would drop every text is refused', () => {
  expect(() => browser.lengthFilter({ min: 5, max: 2 })).toThrow('lengthFilter: min must be at most max, got 5 and 2')
  expect(() => browser.lengthFilter({ min: Number.NaN })).toThrow(RangeError)
  expect(browser.lengthFilter({ min: 2, max: 2 }).apply('ab')).toBe(true)
})
