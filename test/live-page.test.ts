/**
 * The live page of a run in a real browser: it follows 100 steps per second after a million steps, and pauses only with
 * the token.
 */
import { chromium as playwright } from 'playwright-core'
import { expect, test } from 'vitest'
import type { Run, StepMetrics } from '../packages/train/src/index.ts'
import { livePageObserver } from '../packages/train/src/node.ts'
// @ts-expect-error: a script without types
import { chromium } from '../scripts/swiftshader.mjs'

const pictures = process.env.KUMIKI_PICTURES

test('the live page follows a fast run, in light and dark, and pauses with the token', async () => {
  const metrics = (step: number) =>
    ({
      step,
      tokens: step * 4096,
      loss: 2 + 8 / Math.sqrt(step) + (step % 13) / 100,
      gradNorm: 1 + (step % 7),
      learningRate: 3e-4,
      tokensPerSecond: 50_000 + (step % 100),
      mfu: 0.4,
    }) as unknown as StepMetrics
  const earlier = Array.from({ length: 1_000_000 }, (_, i) => metrics(i + 1))
  const page = await livePageObserver({ name: 'stable & fast', device: 'cpu', earlier })
  const run = { trainer: { step: 1_000_000 }, steps: 2_000_000 } as unknown as Run
  await page.onStart!(run)
  let step = 1_000_000
  const clock = setInterval(() => {
    if (!page.gate.paused) page.onStep!(metrics(++step), run)
  }, 10)
  const { executablePath, env } = chromium()
  const browser = await playwright.launch({
    executablePath,
    env,
    args: ['--no-sandbox', '--disable-gpu'],
    headless: true,
  })
  try {
    const asked: string[] = []
    const problems: string[] = []
    const tab = await browser.newPage({ viewport: { width: 1100, height: 900 } })
    tab.on('request', (request) => asked.push(request.url()))
    tab.on('pageerror', (error) => problems.push(String(error)))
    await tab.goto(page.url)
    await tab.waitForSelector('canvas')
    const shown = async () => Number((await tab.title()).split(' ')[0])
    const before = await shown()
    await tab.waitForFunction((n) => Number(document.title.split(' ')[0]) > n + 20, before)
    // It is behind by no more than a few messages.
    expect(step - (await shown())).toBeLessThan(200)
    expect(await tab.locator('figcaption').allTextContents()).toEqual([
      'Loss, nats per token',
      'Gradient norm, before clipping',
      'Learning rate',
      'Tokens per second',
      'Model FLOPs utilization, relative to the measured peak',
    ])
    if (pictures) {
      await page.onEvaluation!({ step: step, natsPerToken: 2.2, nats: 1, tokens: 1 }, run)
      for (const colorScheme of ['light', 'dark'] as const) {
        await tab.emulateMedia({ colorScheme })
        await tab.waitForTimeout(600)
        await tab.screenshot({ path: `${pictures}/live-${colorScheme}.png`, fullPage: true })
      }
      await tab.setViewportSize({ width: 390, height: 800 })
      await tab.waitForTimeout(600)
      await tab.screenshot({ path: `${pictures}/live-phone.png`, fullPage: true })
    }
    await tab.fill('#token', 'wrong')
    await tab.click('#toggle')
    await tab.waitForFunction(() => document.getElementById('said')!.textContent !== '')
    expect(page.gate.paused).toBe(false)
    await tab.fill('#token', page.token)
    await tab.click('#toggle')
    await tab.waitForFunction(() => document.getElementById('toggle')!.textContent === 'Resume')
    expect(page.gate.paused).toBe(true)
    await tab.click('#toggle')
    await tab.waitForFunction(() => document.getElementById('toggle')!.textContent === 'Pause')
    expect(page.gate.paused).toBe(false)
    await page.onEnd!({ kind: 'finished' }, run)
    await tab.waitForFunction(() => document.getElementById('facts')!.textContent!.includes('finished'))
    expect(asked.filter((url) => !url.startsWith(page.url) && !url.startsWith('data:'))).toEqual([])
    expect(problems).toEqual([])
  } finally {
    clearInterval(clock)
    await browser.close()
    await page.close().catch(() => {})
  }
}, 60_000)
