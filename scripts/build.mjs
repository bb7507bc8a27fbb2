// Builds packages: `node scripts/build.mjs [--stale | NAME ...]`. tsup bundles each, dependencies first; then one
// TypeScript program makes the declarations of all.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { declarations } from './declarations.mjs'
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

/** Modification time of what every package's dist depends on: the sources that others bundle, and the build scripts. */
const shared = () =>
  Math.max(
    newest(join(root, 'packages', 'wasm', 'src')),
    ...['build.mjs', 'declarations.mjs'].map((file) => statSync(join(root, 'scripts', file)).mtimeMs),
  )

/** Whether a package's dist is missing, or older than what it is made of. */
export function isStale({ folder }) {
  const dist = join(folder, 'dist', 'index.js')
  const types = join(folder, 'dist', 'index.d.ts')
  if (!existsSync(dist) || !existsSync(types)) return true
  const made = Math.min(statSync(dist).mtimeMs, statSync(types).mtimeMs)
  const configuration = ['package.json', 'tsup.config.ts'].map((file) => statSync(join(folder, file)).mtimeMs)
  return Math.max(newest(join(folder, 'src')), shared(), ...configuration) > made
}

/**
 * @param wanted packages to build; by default those whose dist is missing or older than their sources
 * @throws Error with the output of the build
 */
export async function build(wanted = packages().filter(isStale)) {
  if (wanted.length === 0) return
  const filters = wanted.flatMap(({ name }) => ['--filter', name])
  const { status, output } = pnpm([...filters, '--reporter=append-only', '-r', 'exec', 'tsup'])
  if (status !== 0) throw new Error(`The build failed:\n${output}`)
  await declarations(wanted.map(({ folder }) => folder))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const named = packages().filter(({ name }) => process.argv.includes(name))
  await build(process.argv.includes('--stale') ? undefined : named.length > 0 ? named : packages())
}
