/** Model cards: metadata for the Hub, tables of data, recipe and evaluation. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { modelCard, readCardLicence } from '../src/node.ts'

const card = modelCard({
  name: 'tiny',
  baseModel: 'llm-jp/llm-jp-3-150m',
  parameters: 1_234_567,
  data: [
    { name: 'wiki', language: 'Japanese', tokens: 5000, releaseLevel: 'L1', licence: 'CC-BY-SA-4.0' },
    { name: 'web | x\n# y', language: 'en', releaseLevel: 'L3' },
  ],
  recipe: { steps: 10, optimizer: 'adamw' },
  evaluation: [{ task: 'jcommonsenseqa', metric: 'acc', value: 0.123456, standardError: 0.01 }],
})

test('the Hub reads licence, languages, base and scores from the front', () => {
  expect(parse(card.split('---\n')[1])).toEqual({
    license: 'apache-2.0',
    language: ['en', 'ja'],
    library_name: 'transformers',
    pipeline_tag: 'text-generation',
    base_model: 'llm-jp/llm-jp-3-150m',
    tags: ['kumiki'],
    'model-index': [
      {
        name: 'tiny',
        results: [
          {
            task: { type: 'text-generation' },
            dataset: { name: 'jcommonsenseqa', type: 'jcommonsenseqa' },
            metrics: [{ type: 'acc', value: 0.1235 }],
          },
        ],
      },
    ],
  })
})

test('data with release levels, recipe and evaluation stand in tables that no text breaks', () => {
  expect(card).toContain('| wiki | Japanese | 5,000 |  | L1 | CC-BY-SA-4.0 |  |')
  expect(card).toContain('| web \\| x # y | en |  |  | L3 |  |  |')
  expect(card).toContain('| optimizer | adamw |')
  expect(card).toContain('| jcommonsenseqa | acc | 0.1235 | 0.01 |')
  expect(() => modelCard({ name: 'a\nb' })).toThrow(/name must be one non-empty line/)
})

test('a licence is read from a card as it was written, and from cards of others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kumiki-card-'))
  const read = (text: string) => {
    writeFileSync(join(folder, 'README.md'), text)
    return readCardLicence(folder)
  }
  expect(await readCardLicence(folder)).toBeUndefined()
  const other = { licence: 'other', licenceName: 'gemma', licenceLink: 'https://ai.google.dev/gemma/terms' }
  for (const stated of [{ licence: 'cc-by-4.0' }, { licence: ['mit', 'apache-2.0'] }, other])
    expect(await read(modelCard({ name: 'x', ...stated }))).toEqual(stated)
  expect(modelCard({ name: 'x', ...other })).toContain('## Licence\n\nother, gemma, https://ai.google.dev/gemma/terms')
  expect(await read('\uFEFF---\r\nlanguage: ja\r\nlicense: mit\r\n---\r\n# x')).toEqual({ licence: 'mit' })
  for (const without of ['# x', '---\nlanguage: ja\n---\n', '# x\n---\nlicense: mit\n---\n', '---\n- mit\n---\n'])
    expect(await read(without), without).toBeUndefined()
  await expect(read('---\nlicense: [\n---\n')).rejects.toThrow(/README\.md: its front matter is not valid YAML/)
  await expect(read('---\nlicense: {a: b}\n---\n')).rejects.toThrow(/license must be an identifier .*got \{"a":"b"\}/)
  rmSync(folder, { recursive: true })
})
