// Builds what is stale and packs every package as it would be published: `node scripts/pack.mjs FOLDER`.
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, isStale, packages } from './build.mjs'
import { pnpm } from './pnpm.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/**
 * Packs packages into the folder `destination`, all or those of `names`.
 * @returns entries of packages(), each with the path of its `tarball`
 */
export async function pack(destination, names) {
  const wanted = packages().filter(({ name }) => names === undefined || names.includes(name))
  await build(wanted.filter(isStale))
  mkdirSync(destination, { recursive: true })
  const filters = wanted.flatMap(({ name }) => ['--filter', name])
  const { status, output } = pnpm(['-r', ...filters, 'pack', '--pack-destination', destination])
  if (status !== 0) throw new Error(`pnpm pack failed:\n${output}`)
  return wanted.map((entry) => {
    const file = `${entry.name.replace('@', '').replace('/', '-')}-${entry.manifest.version}.tgz`
    return { ...entry, tarball: join(destination, file) }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { tarball } of await pack(process.argv[2] ?? join(root, 'node_modules', '.cache', 'kumiki', 'packed')))
    console.log(tarball)
}
