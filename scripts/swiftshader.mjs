// Unpacks SwiftShader and the headless Chromium of the npm package @sparticuz/chromium into node_modules/.cache, once.
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
    if (dir === dirname(dir))
      throw new Error('@sparticuz/chromium has no bin/swiftshader.tar.br; use the version that package.json names')
    dir = dirname(dir)
  }
  return join(dir, 'bin')
}

/**
 * A folder of the cache with the package's archives `names`, unpacked (a .tar.br) or decompressed (a .br).
 * It is filled under a temporary name and then renamed, so that an incomplete one is never used.
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
    rmSync(temporary, { recursive: true, force: true }) // another process has made the folder meanwhile
  }
  return target
}

/** Environment variables with which Dawn finds the adapter google/swiftshader. Linux on x64 only; {} elsewhere. */
export function swiftshaderEnvironment() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return {}
  const dir = unpacked('swiftshader', ['swiftshader.tar.br'])
  return {
    LD_LIBRARY_PATH: [dir, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    VK_ICD_FILENAMES: join(dir, 'vk_swiftshader_icd.json'),
  }
}

/**
 * A headless Chromium: { executablePath, env }, where `env` adds the shared libraries that it needs to the search path,
 * last, so that the system's own are preferred. Chromium's GPU process looks for SwiftShader beside the executable.
 */
export function chromium() {
  const browser = unpacked('browser', ['chromium.br', 'swiftshader.tar.br'])
  const libraries = join(unpacked('libraries', ['al2023.tar.br']), 'lib')
  const search = [process.env.LD_LIBRARY_PATH, libraries].filter(Boolean).join(':')
  return { executablePath: join(browser, 'chromium'), env: { ...process.env, LD_LIBRARY_PATH: search } }
}
