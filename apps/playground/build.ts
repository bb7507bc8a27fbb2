/**
 * Builds the playground: `npm run playground` (which also serves it), or as a part of `npm run docs`. The result is
 * static files bundled from the sources of the packages. The corpus and its tokenizer are among them, so that the page
 * needs no other server.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { builtinCorpus } from '@kumiki/data/node'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))

/**
 * Writes the scripts and the page into a folder, which is emptied first.
 * @returns contents of the scripts that are loaded before a part is opened, uncompressed
 */
export async function buildScripts(out: string): Promise<Uint8Array[]> {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const { metafile } = await build({
    entryPoints: { main: join(here, 'src', 'main.tsx'), worker: join(here, 'src', 'train', 'worker.ts') },
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['source'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    chunkNames: 'chunk-[hash]',
    metafile: true,
    logLevel: 'error',
  })
  writeFileSync(join(out, 'index.html'), readFileSync(join(here, 'index.html')))
  const outputs = Object.entries(metafile.outputs)
  const first = new Set<string>()
  const visit = (path: string) => {
    if (first.has(path)) return
    first.add(path)
    for (const { path: next, kind } of metafile.outputs[path].imports) if (kind === 'import-statement') visit(next)
  }
  visit(outputs.find(([path]) => path.endsWith('/main.js') || path === 'main.js')![0])
  return [...first].map((path) => readFileSync(path))
}

/** Writes the corpus and its tokenizer, which the Train part loads. */
export async function buildCorpus(out: string): Promise<void> {
  const { train, heldOut } = await builtinCorpus()
  const texts = (documents: readonly { text: string }[]) => documents.map(({ text }) => text)
  const options = { vocabSize: 2048, byteFallback: true, hardVocabLimit: false }
  writeFileSync(join(out, 'tokenizer.model'), trainUnigram(texts(train), options))
  writeFileSync(join(out, 'corpus.json'), JSON.stringify({ train: texts(train), heldOut: texts(heldOut).slice(0, 64) }))
}

export async function buildPlayground(out: string): Promise<void> {
  await buildScripts(out)
  await buildCorpus(out)
}

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json' }

/** Serves the files of a folder, cross-origin isolated, because WebAssembly threads need `SharedArrayBuffer`. */
export function serve(folder: string, port: number) {
  return createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    const file = /^\/[\w.-]+$/.test(path) ? path : '/index.html'
    try {
      const bytes = readFileSync(join(folder, file))
      response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream')
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
      response.end(bytes)
    } catch {
      response.statusCode = 404
      response.end()
    }
  }).listen(port, '127.0.0.1')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = join(here, 'dist')
  await buildPlayground(out)
  console.log(`The playground is in ${out}`)
  if (process.argv.includes('--serve')) {
    serve(out, 8080)
    console.log('Serving at http://127.0.0.1:8080; press Ctrl-C to stop')
  }
}
