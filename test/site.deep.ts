/** Pages of the built site in a browser: axe-core at WCAG 2.2 A and AA, and no page wider than its window. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import axe from 'axe-core'
import { type Browser, chromium as playwright } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../apps/site/src/pages.ts'
// @ts-expect-error: a script without types
import { chromium } from '../scripts/swiftshader.mjs'

// Pages of the built site in a browser, light and dark, on a desk and a phone: the rules of WCAG 2.2 A and AA
// (axe-core), and no page wider than its window. The site of apps/site/dist is taken as it is; without one it is built,
// which takes minutes.

/**
 * What VitePress itself does, which no option changes: groups of the sidebar are buttons around a button; the search
 * button shows its keys.
 */
const generators = new Set(['nested-interactive: .VPSidebar', 'label-content-name-mismatch: .DocSearch-Button'])

const dist = join(root, 'apps', 'site', 'dist')
const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname)
  const file = join(dist, path.endsWith('/') ? `${path}index.html` : path)
  if (!file.startsWith(dist) || !existsSync(file)) response.statusCode = 404
  else response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream')
  response.end(response.statusCode === 404 ? '' : readFileSync(file))
})

let browser: Browser
let origin: string
beforeAll(async () => {
  if (!existsSync(dist)) {
    const built = spawnSync('npm', ['run', 'docs'], {
      cwd: root,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    if (built.status !== 0) throw new Error(built.stdout + built.stderr)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { executablePath, env } = chromium()
  browser = await playwright.launch({ executablePath, env, args: ['--no-sandbox'], headless: true, timeout: 60_000 })
}, 900_000)
afterAll(async () => {
  await browser?.close()
  server.close()
})

const pages = ['/', '/planner.html', '/api/@kumiki/optim.html', '/ja/', '/ja/lecture/precision.html']
const views = [
  { colorScheme: 'light', viewport: { width: 1200, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 1200, height: 900 } },
  { colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const

test.each(pages)('%s can be read by everybody', async (path) => {
  for (const view of views) {
    const page = await browser.newPage(view)
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(String(error)))
    await page.goto(origin + path, { waitUntil: 'load' })
    await page.locator('.VPContent').waitFor()
    await page.evaluate(axe.source)
    const found: string[] = await page.evaluate(async () => {
      const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
      const { violations } = await (globalThis as any).axe.run(document, { runOnly, elementRef: true })
      return violations.flatMap(({ id, nodes }: any) =>
        nodes.map(({ element, html }: any) => {
          const part = ['.VPSidebar', '.DocSearch-Button'].find((one) => element.closest(one))
          return `${id}: ${part ?? html.slice(0, 200)}`
        }),
      )
    })
    problems.push(...found.filter((one) => !generators.has(one)))
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    if (width > view.viewport.width) problems.push(`${width} pixels wide`)
    expect(problems, `${view.colorScheme}, ${view.viewport.width} pixels`).toEqual([])
    await page.close()
  }
})
