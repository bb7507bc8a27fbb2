// Builds what is stale and packs every package as it would be published: `node scripts/pack.mjs FOLDER`.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pnpm } from './pnpm.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Every package that is published: { name, folder, manifest }. */
export function packages() {
  return readdirSync(join(root, 'packages'))
    .sort()
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      return { name: manifest.name, folder, manifest }
    })
    .filter(({ manifest }) => !manifest.private)
}

function newest(folder) {
  if (!existsSync(folder)) return 0
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((time, entry) => Math.max(time, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0)
}

/** Sources that others bundle. */
const bundled = newest(join(root, 'packages', 'wasm', 'src'))

function isStale({ folder }) {
  const dist = join(folder, 'dist', 'index.js')
  const types = join(folder, 'dist', 'index.d.ts')
  if (!existsSync(dist) || !existsSync(types)) return true
  const made = Math.min(statSync(dist).mtimeMs, statSync(types).mtimeMs)
  const configuration = ['package.json', 'tsup.config.ts'].map((file) => statSync(join(folder, file)).mtimeMs)
  return Math.max(newest(join(folder, 'src')), bundled, ...configuration) > made
}

/** Builds the packages whose dist is missing or older than their sources, dependencies first. */
export function build() {
  const stale = packages().filter(isStale)
  if (stale.length === 0) return
  const filters = stale.flatMap(({ name }) => ['--filter', name])
  const { status, output } = pnpm([...filters, '--reporter=append-only', 'run', 'build'])
  if (status !== 0) throw new Error(`The build failed:\n${output}`)
}

/** Packs every package into `destination`: packages() with the path of each one's `tarball`. */
export function pack(destination) {
  build()
  mkdirSync(destination, { recursive: true })
  const { status, output } = pnpm([
    '-r',
    '--filter',
    './packages/*',
    '--filter',
    '!@kumiki/wasm',
    'pack',
    '--pack-destination',
    destination,
  ])
  if (status !== 0) throw new Error(`Packing failed:\n${output}`)
  return packages().map((entry) => {
    const file = `${entry.name.replace('@', '').replace('/', '-')}-${entry.manifest.version}.tgz`
    return { ...entry, tarball: join(destination, file) }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { tarball } of pack(process.argv[2] ?? join(root, 'node_modules', '.cache', 'kumiki', 'packed')))
    console.log(tarball)
}
