/**
 * @kumiki/tensor in a real browser, with and without threads, compared with Node; charts in a page; size of a page's
 * bundle.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { init } from '@kumiki/tensor'
import { build } from 'esbuild'
import { type Browser, chromium as playwright } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { packages } from '../scripts/build.mjs'
// @ts-expect-error: a script without types
import { chromium } from '../scripts/swiftshader.mjs'
import { compute } from './browser/cases.ts'
import { flags } from './browser/flags.ts'

// @kumiki/tensor in a real browser: bundled by esbuild, served with and without cross-origin isolation (with it memory
// can be shared, so the cpu backend has threads), run in the headless Chromium that @sparticuz/chromium carries.

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

let server: Server
let browser: Browser
let expected: Record<string, number[]>

const bundle = (entry: object) =>
  build({
    ...entry,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['source'],
    logLevel: 'silent',
  })

beforeAll(async () => {
  const { outputFiles } = await bundle({ entryPoints: [join(root, 'test', 'browser', 'page.ts')] })
  const script = outputFiles[0].text
  server = createServer(({ url = '' }, response) => {
    if (url.startsWith('/isolated')) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    }
    const isScript = url.endsWith('.js')
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    response.end(
      isScript ? script : `<!doctype html><title>kumiki</title><script type="module" src="${url}/page.js"></script>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  try {
    const { executablePath, env } = chromium()
    browser = await playwright.launch({ executablePath, env, args: flags, headless: true, timeout: 60_000 })
  } catch (error) {
    throw new Error(`The headless Chromium of @sparticuz/chromium does not start on this machine: ${error}`)
  }

  const reference = await init({ backend: 'reference' })
  expected = await compute(reference)
  reference.dispose()
}, 180_000)

afterAll(async () => {
  await browser?.close()
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined))
})

async function inPage(path: string, backend: 'webgpu' | 'cpu') {
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !message.text().includes('favicon'))
      problems.push(message.text())
  })
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { waitUntil: 'load' })
  const result = await page
    .evaluate((backend) => (globalThis as any).runInPage(backend), backend)
    .catch((error) => {
      throw new Error(`${error.message}\n${problems.join('\n')}`)
    })
  await page.close()
  return result as { name: string; values: Record<string, number[]>; isolated: boolean }
}

describe.each([
  { path: '/isolated', backend: 'webgpu', isolated: true, name: /^webgpu \(.*swiftshader/i },
  {
    path: '/isolated',
    backend: 'cpu',
    isolated: true,
    name: /^cpu \(WebAssembly (relaxed )?SIMD, ([2-9]|\d\d+) threads\)$/,
  },
  { path: '/plain', backend: 'webgpu', isolated: false, name: /^webgpu \(.*swiftshader/i },
  { path: '/plain', backend: 'cpu', isolated: false, name: /^cpu \(WebAssembly (relaxed )?SIMD, 1 thread\)$/ },
] as const)('$backend in a page, cross-origin isolated: $isolated', ({ path, backend, isolated, name }) => {
  test('computes what the definitions say', async () => {
    const result = await inPage(path, backend)
    expect(result.isolated).toBe(isolated)
    expect(result.name).toMatch(name)
    expect(Object.keys(result.values)).toEqual(Object.keys(expected))
    for (const [what, values] of Object.entries(expected)) {
      const scale = Math.max(...values.map(Math.abs))
      const worst = Math.max(...values.map((v, i) => Math.abs(result.values[what][i] - v)))
      expect(result.values[what].length, what).toBe(values.length)
      expect(worst, what).toBeLessThan(1e-5 * scale)
    }
  })
})

test('a chart has the same text in a page as on Node', async () => {
  const chart = `lineChart({
    title: 'a < b & c', xLabel: 'step', yLabel: 'nats', yScale: 'log', rules: [{ label: 'trigram', y: 3 }],
    lines: [{ label: 'one', points: [[1, 7], [2, NaN], [3, 4], [4, 3.5]] }, { label: 'two', dots: true, points: [[[1, 6], [4, 3]], [[1, 5], [4, 2]]] }],
  })`
  const { outputFiles } = await bundle({
    stdin: {
      contents: `import { lineChart } from '@kumiki/report'; globalThis.drawn = ${chart}`,
      resolveDir: join(root, 'packages', 'kumiki'),
    },
    format: 'iife',
  })
  expect(outputFiles[0].text).not.toMatch(/node_modules\/[^ ]*linkedom/)
  // On a coarse screen Plot moves lines by half a pixel, to keep them sharp.
  const page = await browser.newPage({ deviceScaleFactor: 2 })
  await page.addScriptTag({ content: outputFiles[0].text })
  const drawn = await page.evaluate(() => (globalThis as any).drawn)
  await page.close()
  const { lineChart } = await import('../packages/report/src/index.ts')
  expect(drawn).toBe(new Function('lineChart', `return ${chart}`)(lineChart))
})

// Every entry but those called node is for browsers too.
const entries: string[] = packages().flatMap(({ name, manifest }: { name: string; manifest: { exports: object } }) =>
  Object.keys(manifest.exports)
    .filter((path) => !['./node', './package.json'].includes(path))
    .map((path) => name + path.slice(1)),
)

test.each(entries)('%s bundles for a browser', async (name) => {
  const stdin = { contents: `export * from '${name}'`, resolveDir: join(root, 'packages', 'kumiki', 'src') }
  const { warnings } = await bundle({ stdin, minify: true })
  expect(warnings).toEqual([])
})
