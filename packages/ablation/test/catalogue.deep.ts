/** Every number of factors in 64 and 128 runs, whose designs are searched, against the published word counts. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { design } from '../src/index.ts'

const { patterns }: { patterns: Record<string, string> } = JSON.parse(
  readFileSync(new URL('../vectors/catalogue.json', import.meta.url), 'utf8'),
)

test.each(Object.entries(patterns))('%s runs', (key, words) => {
  const [count, runs] = key.split(' in ').map(Number)
  const made = design({ factors: Array.from({ length: count }, (_, i) => `F${i}`), runs })
  const published = words.split(' ').map(Number)
  expect(made.wordLengths.slice(1, published.length + 1)).toEqual(published)
})
