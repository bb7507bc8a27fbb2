// Unpacks SwiftShader and the headless Chromium that @sparticuz/chromium carries, once, into node_modules/.cache.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cache = join(root, 'node_modules', '.cache', 'kumiki')

function packageBin() {
  const require = createRequire(join(root, 'package.json'))
  let dir = dirname(require.resolve('@sparticuz/chromium'))
  while (!existsSync(join(dir, 'bin', 'swiftshader.tar.br'))) {
    if (dir === dirname(dir)) throw new Error('@sparticuz/chromium holds no bin/swiftshader.tar.br')
    dir = dirname(dir)
  }
  return join(dir, 'bin')
}

/**
 * A folder of the cache that holds the package's archives NAMES, unpacked (a .tar.br) or decompressed (a .br).
 * It is made beside its final place and renamed, so a broken one is never seen.
 */
function unpacked(folder, names) {
  const target = join(cache, folder)
  if (existsSync(target)) return target
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(`${target}.`)
  for (const name of names) {
    const bytes = brotliDecompressSync(readFileSync(join(packageBin(), name)))
    if (name.endsWith('.tar.br')) {
      const tar = spawnSync('tar', ['-x', '-C', temporary], { input: bytes, maxBuffer: 1 << 30 })
      if (tar.status !== 0) throw new Error(`unpacking ${name} failed: ${tar.error ?? tar.stderr}`)
    } else {
      writeFileSync(join(temporary, name.replace(/\.br$/, '')), bytes, { mode: 0o755 })
    }
  }
  try {
    renameSync(temporary, target)
  } catch (error) {
    if (!existsSync(target)) throw error
    rmSync(temporary, { recursive: true, force: true }) // another process was first
  }
  return target
}

/** The environment variables under which Dawn finds the adapter google/swiftshader. Linux on x64 only; {} elsewhere. */
export function swiftshaderEnvironment() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return {}
  const dir = unpacked('swiftshader', ['swiftshader.tar.br'])
  return {
    LD_LIBRARY_PATH: [dir, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    VK_ICD_FILENAMES: join(dir, 'vk_swiftshader_icd.json'),
  }
}

/**
 * A headless Chromium and the libraries it may miss: { executablePath, env }. Its GPU process looks for SwiftShader beside
 * the executable. The libraries come last in the search path: they are for systems that have none of their own.
 */
export function chromium() {
  const browser = unpacked('browser', ['chromium.br', 'swiftshader.tar.br'])
  const libraries = join(unpacked('libraries', ['al2023.tar.br']), 'lib')
  const search = [process.env.LD_LIBRARY_PATH, libraries].filter(Boolean).join(':')
  return { executablePath: join(browser, 'chromium'), env: { ...process.env, LD_LIBRARY_PATH: search } }
}
