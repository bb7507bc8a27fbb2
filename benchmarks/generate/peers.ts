/**
 * Imports a package from the folder of `--peers`. Such packages are too large to be dependencies of this repository.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export async function loadPeer(folder: string | undefined, name: string): Promise<{ module: any; version: string }> {
  if (folder === undefined) throw new Error(`${name} needs --peers FOLDER; see benchmarks/README.md`)
  const root = join(folder, 'node_modules', name)
  const { version, exports: entries, main } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entry = entryOf(entries?.['.'] ?? entries) ?? main
  const file = entry ? join(root, entry) : createRequire(join(folder, 'index.js')).resolve(name)
  return { module: await import(pathToFileURL(file).href), version }
}

/** The file that Node imports according to a package's `exports`. */
function entryOf(entry: unknown): string | undefined {
  if (typeof entry === 'string') return entry
  const { node, import: imported, default: fallback } = (entry ?? {}) as Record<string, unknown>
  const inner = node ?? imported ?? fallback
  return inner === undefined ? undefined : entryOf(inner)
}
