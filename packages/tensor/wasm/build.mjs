// Builds assembly/ into src/backends/cpu/kernels/*.generated.ts: for memory of one thread, shared memory, and shared
// memory with 64-bit addresses, each with and without relaxed SIMD (a fused multiply-add), as base64.
// Run it after a change in assembly/ (`npm run build:wasm`); a test compares built-from.json with the sources and the
// committed files, and one of the deep tier the files with a fresh build.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
export const folder = join(here, '..', 'src', 'backends', 'cpu', 'kernels')

/** What programs have for memory, in pages of 64 KiB: see src/backends/cpu/wasm-memory.ts. */
const maximumPages = { i32: 65536, i64: 262144 }

/** Loads the compiler, a megabyte for builds alone, so that it can also declare a memory of 64-bit addresses. */
async function loadCompiler() {
  const { default: binaryen } = await import('assemblyscript/binaryen')
  const addresses = { type: 'i32' }
  const { _BinaryenSetMemory: setMemory } = binaryen
  // The compiler takes this function when it is loaded, and never says 64 bits itself.
  binaryen._BinaryenSetMemory = (...args) => {
    if (addresses.type === 'i64') {
      const [maximum, memory64] = [2, 11]
      args[maximum] = maximumPages.i64
      args[memory64] = true
    }
    return setMemory(...args)
  }
  const { default: asc } = await import('assemblyscript/asc')
  return { asc, binaryen, addresses }
}

async function compile({ asc, binaryen, addresses }, { shared, relaxed, address = 'i32' }) {
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
    String(maximumPages.i32),
    '--noExportMemory',
  ]
  if (relaxed) flags.push('--enable', 'relaxed-simd')
  if (shared) flags.push('--enable', 'threads', '--sharedMemory')
  if (address === 'i64') flags.push('--enable', 'memory64', '--transform', join(here, 'address64.mjs'))
  addresses.type = address
  const { error, stderr } = await asc.main([join(here, 'assembly', 'index.ts'), ...flags])
  if (error) throw new Error(`${error.message}\n${stderr}`)
  const bytes = readFileSync(out)
  rmSync(dir, { recursive: true })
  return Buffer.from(address === 'i64' ? withNumbers(binaryen, bytes) : bytes).toString('base64')
}

/** The module with functions that take addresses as f64, not i64: JavaScript calls them with numbers, not BigInt. */
function withNumbers(binaryen, bytes) {
  const { i64, f64 } = binaryen
  const module = binaryen.readBinaryWithFeatures(bytes, binaryen.Features.All)
  const exports = Array.from({ length: module.getNumExports() }, (_, i) =>
    binaryen.getExportInfo(module.getExportByIndex(i)),
  )
  for (const { name, value } of exports) {
    const { params, results } = binaryen.getFunctionInfo(module.getFunction(value))
    const types = binaryen.expandType(params)
    if (!types.includes(i64)) continue
    const numbers = types.map((type) => (type === i64 ? f64 : type))
    const args = types.map((type, i) => {
      const given = module.local.get(i, numbers[i])
      return type === i64 ? module.i64.trunc_u.f64(given) : given
    })
    const body = module.call(value, args, results)
    module.addFunction(`numbers:${name}`, binaryen.createType(numbers), results, [], body)
    module.removeExport(name)
    module.addFunctionExport(`numbers:${name}`, name)
  }
  const made = module.emitBinary()
  module.dispose()
  return made
}

/** The texts of the generated files, by name. */
export async function build() {
  const compiler = await loadCompiler()
  const text = async (kind) =>
    `// Made by wasm/build.mjs from wasm/assembly. Do not edit.\nexport const kernels =\n  '${await compile(compiler, kind)}'\n`
  return {
    'shared.generated.ts': await text({ shared: true }),
    'shared-relaxed.generated.ts': await text({ shared: true, relaxed: true }),
    'shared64.generated.ts': await text({ shared: true, address: 'i64' }),
    'shared64-relaxed.generated.ts': await text({ shared: true, address: 'i64', relaxed: true }),
    'plain.generated.ts': await text({}),
    'plain-relaxed.generated.ts': await text({ relaxed: true }),
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
  const texts = [...sources.map((name) => `assembly/${name}`), 'address64.mjs', 'build.mjs'].flatMap((name) => [
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
