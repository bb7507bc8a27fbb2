// Builds assembly/ into src/backends/cpu/kernels/*.generated.ts: with and without shared memory, with and without
// relaxed SIMD (a fused multiply-add), as base64.
// Run it after a change in assembly/ (`npm run build:wasm`); a test compares built-from.json with the sources and the
// committed files, and one of the deep tier the files with a fresh build.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
export const folder = join(here, '..', 'src', 'backends', 'cpu', 'kernels')

async function compile(shared, relaxed) {
  const { default: asc } = await import('assemblyscript/asc') // a megabyte that is for builds alone
  const dir = mkdtempSync(join(tmpdir(), 'kumiki-wasm-'))
  const out = join(dir, 'kernels.wasm')
  const flags = [
    '--outFile',
    out,
    '-O3',
    '--noAssert',
    '--runtime',
    'stub',
    '--enable',
    'simd',
    '--enable',
    'bulk-memory',
    '--importMemory',
    '--initialMemory',
    '1',
    '--maximumMemory',
    '65536',
    '--noExportMemory',
  ]
  if (relaxed) flags.push('--enable', 'relaxed-simd')
  if (shared) flags.push('--enable', 'threads', '--sharedMemory')
  const { error, stderr } = await asc.main([join(here, 'assembly', 'index.ts'), ...flags])
  if (error) throw new Error(`${error.message}\n${stderr}`)
  const bytes = readFileSync(out)
  rmSync(dir, { recursive: true })
  return bytes.toString('base64')
}

/** The texts of the generated files, by name. */
export async function build() {
  const text = async (shared, relaxed) =>
    `// Made by wasm/build.mjs from wasm/assembly. Do not edit.\nexport const kernels =\n  '${await compile(shared, relaxed)}'\n`
  return {
    'shared.generated.ts': await text(true, false),
    'shared-relaxed.generated.ts': await text(true, true),
    'plain.generated.ts': await text(false, false),
    'plain-relaxed.generated.ts': await text(false, true),
  }
}

/**
 * What the generated files were built from, and what they are: SHA-256 of the sources, this script and the compiler's
 * version, and of each file.
 */
export function builtFrom() {
  const sha256 = (...parts) => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part).update('\0')
    return hash.digest('hex')
  }
  const sources = readdirSync(join(here, 'assembly')).sort()
  const texts = [...sources.map((name) => `assembly/${name}`), 'build.mjs'].flatMap((name) => [
    name,
    readFileSync(join(here, name), 'utf8'),
  ])
  const compiler = JSON.parse(readFileSync(join(here, '../../../node_modules/assemblyscript/package.json'), 'utf8'))
  const files = readdirSync(folder).sort()
  return {
    sources: sha256(compiler.version, ...texts),
    files: Object.fromEntries(files.map((name) => [name, sha256(readFileSync(join(folder, name), 'utf8'))])),
  }
}

export const builtFromFile = join(here, 'built-from.json')

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(await build())) writeFileSync(join(folder, name), text)
  writeFileSync(builtFromFile, `${JSON.stringify(builtFrom(), null, 2)}\n`)
}
