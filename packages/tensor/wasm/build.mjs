// Builds assembly/ into src/backends/cpu/kernels/*.generated.ts: with and without shared memory, with and without relaxed SIMD (a fused
// multiply-add), as base64.
// Run it after a change in assembly/ (`pnpm build:wasm`); a test compares the committed file with a fresh build.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const here = dirname(fileURLToPath(import.meta.url))
export const folder = join(here, '..', 'src', 'backends', 'cpu', 'kernels')

async function compile(shared, relaxed) {
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(await build())) writeFileSync(join(folder, name), text)
}
