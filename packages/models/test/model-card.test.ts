/** Model cards: metadata for the Hub, tables of data, recipe and evaluation. */
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { modelCard } from '../src/node.ts'

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
