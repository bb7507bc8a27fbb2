/**
 * The playground in a real browser: what is loaded before a part is opened, no requests to other hosts, state in the
 * address. Longer tests are in playground.deep.ts.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { riskIn } from '../apps/playground/src/parts/risks.ts'
import { numberFrom, readState, writeState } from '../apps/playground/src/state.ts'
import { openPlayground, type Playground } from './playground-page.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

let playground: Playground
beforeAll(async () => {
  playground = await openPlayground(join(root, 'packages', 'tokenizer', 'vectors', 'unigram.model'))
}, 120_000)
afterAll(() => playground?.close())

test('what is loaded before a part is opened is small, and nothing is asked of others', async () => {
  const bytes = playground.first.reduce((sum, script) => sum + gzipSync(script).length, 0)
  expect(bytes).toBeLessThan(20_000) // 300 kB are allowed
  const page = await playground.open('')
  expect(await page.locator('.cards a').allTextContents()).toEqual(['Train', 'Tokenize', 'Numbers', 'Plan', 'Ablation'])
  await page.click('nav a >> text=Numbers')
  await page.fill('input', '60000')
  const row = page.locator('tr', { hasText: 'float8_e5m2' })
  await row.getByText('57344').waitFor()
  expect(await row.locator('.bits').textContent()).toBe('01111011')
  expect(page.url()).toContain('part=numbers&number=60000')
  // The link shows what one saw, in another language too.
  await page.goto(`${page.url()}&lang=ja`)
  await page.reload()
  await page.getByRole('heading', { name: '数値' }).waitFor()
  expect(await page.locator('input').first().inputValue()).toBe('60000')
  await page.goto(page.url().replace(/#.*/, '#part=tokenize&text=nails'))
  await page.locator('.pieces li').first().waitFor()
  expect((await page.locator('.pieces .text').allTextContents()).join('')).toContain('nails')
  await page.goto(page.url().replace(/#.*/, '#part=ablate'))
  await page.locator('.picture svg').waitFor()
  expect(await page.locator('tbody tr').count()).toBe(8)
  expect([playground.foreign, playground.problems]).toEqual([[], []])
})

test('pictures are drawn at the width of the page, a phone or a desk, and drawn again when it changes', async () => {
  const page = await playground.open('#part=plan&model=llm-jp-3-172b&nodes=64', {
    viewport: { width: 390, height: 844 },
  })
  const widths = () =>
    page
      .locator('.picture svg')
      .evaluateAll((all) => all.map((one) => [Number(one.getAttribute('width')), one.getBoundingClientRect().width]))
  await page.locator('.picture svg').nth(1).waitFor()
  // A picture that is scaled down has small letters.
  expect(await widths()).toEqual([
    [358, 358],
    [358, 358],
  ])
  await page.setViewportSize({ width: 1400, height: 900 })
  await page.locator('.picture svg[width="928"]').nth(1).waitFor()
  expect(await widths()).toEqual([
    [928, 928],
    [928, 928],
  ])
  await page.close()
})

test('an address and its values', () => {
  const defaults = { number: '0.1', scale: '0' }
  const hash = writeState({ part: 'numbers', number: '1 & 2', scale: '0' }, defaults)
  expect(hash).toBe('#part=numbers&number=1+%26+2')
  expect(readState({ hash, search: '?lang=ja' })).toEqual({ part: 'numbers', number: '1 & 2', lang: 'ja' })
  expect(readState({ hash: `#text=${'x'.repeat(5000)}&__proto__=1`, search: '' })).toEqual({})
  expect(['', 'x', '7', '1e9'].map((text) => numberFrom(text, 3, 1, 100))).toEqual([3, 3, 7, 100])
})

test('every risk that the planner words is told in Japanese', () => {
  const source = readFileSync(join(root, 'packages', 'planner', 'src', 'estimate', 'risks.ts'), 'utf8')
  const sentences = [...source.matchAll(/`([^`\n]{12,})`/g)].map(([, text]) => text.replace(/\$\{[^}]*\}/g, '3'))
  expect(sentences.length).toBeGreaterThanOrEqual(7)
  for (const sentence of sentences) {
    expect(riskIn('ja', sentence), sentence).toMatch(/^[^a-z]*(?:all-to-all)?[^a-z]*$/)
    expect(riskIn('en', sentence)).toBe(sentence)
  }
})
