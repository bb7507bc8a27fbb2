// The API reference in docs/api: every entry of every package, from the sources its `source` condition names.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'
import { packages } from './build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kumiki-docs-'))
const common = { disableSources: true, excludePrivate: true, excludeInternal: true, validation: { notExported: false } }

/** @throws Error after typedoc has said what is wrong */
function must(app, done) {
  if (!done || app.logger.hasErrors()) throw new Error('typedoc failed')
  return done
}

try {
  const parts = []
  for (const { name, folder: basePath, manifest } of packages()) {
    const entryPoints = Object.values(manifest.exports)
      .filter((target) => target.source)
      .map((target) => join(basePath, target.source))
    const tsconfig = join(basePath, 'tsconfig.json')
    const displayBasePath = join(basePath, 'src')
    const app = await Application.bootstrap({
      ...common,
      name,
      basePath,
      displayBasePath,
      entryPoints,
      tsconfig,
      readme: join(basePath, 'README.md'),
    })
    const part = join(folder, `${parts.length}.json`)
    await app.generateJson(must(app, await app.convert()), part)
    parts.push(part)
  }
  const app = await Application.bootstrap({
    ...common,
    name: 'Kumiki',
    entryPointStrategy: 'merge',
    entryPoints: parts,
    readme: join(root, 'README.md'),
  })
  await app.generateDocs(must(app, await app.convert()), join(root, 'docs', 'api'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
