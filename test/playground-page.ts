// The playground in the headless Chromium that the tests have: built once, served from a folder, watched for what it
// asks and complains of.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, type Page, chromium as playwright } from 'playwright-core'
import { buildCorpus, buildScripts, serve } from '../apps/playground/build.ts'
// @ts-expect-error: a script without types
import { chromium } from '../scripts/swiftshader.mjs'
import { flags } from './browser/flags.ts'

export interface Playground {
  /** Scripts that are loaded before a part is opened. */
  readonly first: readonly Uint8Array[]
  /** A page at an address such as `#part=plan`; what it asks of others and what goes wrong is in the lists. */
  open(hash: string, options?: BrowserContextOptions): Promise<Page>
  readonly foreign: string[]
  readonly problems: string[]
  close(): Promise<void>
}

/** @param model a SentencePiece model in place of the corpus and its tokenizer, which take seconds to make */
export async function openPlayground(model?: string): Promise<Playground> {
  const folder = mkdtempSync(join(tmpdir(), 'kumiki-playground-'))
  const first = await buildScripts(folder)
  if (model) copyFileSync(model, join(folder, 'tokenizer.model'))
  else await buildCorpus(folder)
  const server = serve(folder, 0)
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { executablePath, env } = chromium()
  const browser: Browser = await playwright.launch({
    executablePath,
    env,
    args: flags,
    headless: true,
    timeout: 60_000,
  })
  const [foreign, problems]: string[][] = [[], []]
  return {
    first,
    foreign,
    problems,
    async open(hash, options = {}) {
      const page = await browser.newPage({ locale: 'en', ...options })
      page.on('pageerror', (error) => problems.push(String(error)))
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text())
      })
      page.on('request', (request) => {
        if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url())) foreign.push(request.url())
      })
      await page.goto(`${origin}/${hash}`)
      return page
    },
    async close() {
      await browser.close()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
