// Bytes that a page loads of a package that imports its parts on demand: the entry with its static imports, and the
// parts that a given use reaches by `import()`. Minified and compressed file by file, with Brotli as in the other size
// rows. Needs `npm run build`.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** `parts`: the modules that this use imports at run time, by the beginning of their file names in dist. */
const rows = [
  {
    name: '@kumiki/tensor: init and matmul on WebGPU',
    code: "export { init, matmul } from '@kumiki/tensor'",
    parts: ['start', 'matmul.wgsl'],
    limit: 45_500,
    gzipLimit: 60_000,
  },
  {
    name: '@kumiki/tensor: init and matmul on the processor',
    code: "export { init, matmul } from '@kumiki/tensor'",
    parts: ['cpu-backend', 'shared.generated', 'matmul.cpu'],
    limit: 67_000,
  },
]

let failed = 0
for (const { name, code, parts, limit, gzipLimit = Infinity } of rows) {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: join(root, 'benchmarks') },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    splitting: true,
    outdir: 'out',
    write: false,
    metafile: true,
    external: ['node:*'],
    logLevel: 'silent',
  })
  const outputs = Object.entries(metafile.outputs)
  const [entry] = outputs.find(([, o]) => o.entryPoint === '<stdin>')
  const loaded = new Set()
  const load = (output) => {
    if (loaded.has(output)) return
    loaded.add(output)
    for (const { path, kind } of metafile.outputs[output].imports) if (kind === 'import-statement') load(path)
  }
  load(entry)
  for (const part of parts) {
    const found = outputs.filter(([, o]) => o.entryPoint?.split('/').pop().startsWith(`${part}-`))
    if (found.length !== 1)
      throw new Error(`${name}: expected one module ${part}-*, found ${found.length}; correct its \`parts\` here`)
    load(found[0][0])
  }
  const bytesBy = (compress) =>
    [...loaded].reduce((sum, output) => {
      const file = outputFiles.find((f) => f.path.endsWith(output))
      return sum + compress(file.contents).length
    }, 0)
  const bytes = bytesBy(brotliCompressSync)
  const gzipBytes = bytesBy((contents) => gzipSync(contents, { level: 9 }))
  const ok = bytes <= limit && gzipBytes <= gzipLimit
  if (!ok) failed++
  const kilobytes = (n) => `${(n / 1000).toFixed(1)} kB`
  const gzipped = kilobytes(gzipBytes) + (gzipLimit < Infinity ? ` of ${gzipLimit / 1000}` : '')
  console.log(`${ok ? 'ok  ' : 'OVER'}  ${kilobytes(bytes)} of ${limit / 1000} kB (gzip: ${gzipped})  ${name}`)
}
process.exit(failed > 0 ? 1 : 0)
