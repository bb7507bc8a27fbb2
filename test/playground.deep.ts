/**
 * The playground part by part: training on both devices, both languages, on a phone, light and dark, by keyboard, and
 * for screen readers (the accessibility tree, axe-core at WCAG 2.2 A and AA). KUMIKI_PICTURES=FOLDER stores
 * screenshots.
 */
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPlayground, type Playground } from './playground-page.ts'

const pictures = process.env.KUMIKI_PICTURES

/** What breaks WCAG 2.2 at A or AA, rule by rule, with the elements. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source) // evaluated: the page's policy lets no foreign script in
  return page.evaluate(async () => {
    const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
    const { violations } = await (globalThis as any).axe.run(document, { runOnly })
    return violations.map(
      (one: any) => `${one.id}: ${one.nodes.map((node: any) => `${node.html} ${node.failureSummary}`).join('\n')}`,
    )
  })
}

let playground: Playground
beforeAll(async () => {
  playground = await openPlayground()
}, 300_000)
afterAll(() => playground?.close())

test('the first paint is within a second', async () => {
  const page = await playground.open('')
  await page.locator('.cards').waitFor()
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
  expect(paint).toBeLessThan(1000)
  expect(await violationsOf(page)).toEqual([])
})

test.each(['cpu', 'webgpu'])('trains on %s, shows a curve, generates, and trains again beside it', async (device) => {
  const page = await playground.open(`#part=train&device=${device}&steps=12`)
  const train = page.getByRole('button', { name: 'Train' })
  await train.click()
  const status = page.locator('.status')
  await expect.poll(() => status.textContent(), { timeout: 300_000 }).toMatch(/^Done: Loss \d\.\d+ nats\/token/)
  expect(await status.textContent()).toContain(device)
  expect(await page.locator('.picture svg').count()).toBe(1)
  await page.getByRole('button', { name: 'Continue the text' }).click()
  await expect
    .poll(async () => (await page.locator('.written').textContent())!.length, { timeout: 60_000 })
    .toBeGreaterThan(14)
  await page.selectOption('label:has-text("Schedule") select', 'cosine')
  await train.click()
  await expect.poll(() => status.textContent(), { timeout: 300_000 }).toMatch(/^Done/)
  expect(await page.locator('.picture svg').textContent()).toContain('cosine')
  if (pictures) await page.screenshot({ path: `${pictures}/train-${device}.png`, fullPage: true })
  expect(await violationsOf(page)).toEqual([])
  await page.close()
  expect([playground.foreign, playground.problems]).toEqual([[], []])
})

test.each(['train', 'tokenize', 'numbers', 'plan', 'ablate'])(
  '%s on a phone and a desk, light and dark, in both languages',
  async (part) => {
    for (const [lang, colorScheme, width] of [
      ['en', 'light', 1100],
      ['ja', 'dark', 390],
    ] as const) {
      const page = await playground.open(`#part=${part}&lang=${lang}`, {
        colorScheme,
        viewport: { width, height: 900 },
      })
      await page.locator('main label').first().waitFor()
      await page.waitForTimeout(800)
      // Nothing is wider than the page but tables, which scroll by themselves; every field and button has a name.
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      for (const field of await page.locator('input, select, textarea, button').all())
        expect(
          await field.evaluate((e) => (e as HTMLInputElement).labels?.[0]?.textContent || e.textContent),
        ).toBeTruthy()
      // By keyboard: the first stops are the title, the parts, the language, the fields.
      for (let i = 0; i < 8; i++) await page.keyboard.press('Tab')
      expect(await page.evaluate(() => document.activeElement?.closest('main') !== null)).toBe(true)
      expect(await violationsOf(page), `${part} ${lang} ${colorScheme}`).toEqual([])
      // A part is a region that is named by its heading, and every picture says in words what it shows.
      const tree = await page.locator('main').ariaSnapshot()
      expect(tree).toMatch(/region "[^"]+":\n\s+- heading "[^"]+" \[level=\d\]/)
      const drawn = await page.locator('.picture svg').count()
      const scaled = await page
        .locator('.picture svg')
        .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width / Number(one.getAttribute('width'))))
      expect(scaled).toEqual(scaled.map(() => 1))
      if (part === 'plan' || part === 'ablate') expect(drawn).toBeGreaterThan(0)
      expect([...tree.matchAll(/- '?img "[^"]{8,}"/g)].length, tree).toBeGreaterThanOrEqual(drawn)
      if (pictures) await page.screenshot({ path: `${pictures}/${part}-${lang}.png`, fullPage: true })
      await page.close()
    }
    expect(playground.problems).toEqual([])
  },
)
