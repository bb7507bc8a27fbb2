// The API reference as Markdown, one page an entry of a package: `node apps/site/generator/api.mjs FOLDER`. From the
// sources that the `source` condition names. It stands here because typedoc and its plugin are the generator's
// dependencies alone.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Application } from 'typedoc'
import { packages } from '../../../scripts/build.mjs'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-docs-'))
const common = { disableSources: true, excludePrivate: true, excludeInternal: true, readme: 'none', logLevel: 'Error' }

/** @throws Error after typedoc has said what is wrong */
function must(app, done) {
  if (!done || app.logger.hasErrors()) throw new Error('typedoc failed')
  return done
}

/**
 * Indented formulas as fenced blocks, which scroll on a narrow page, without the backslashes that `sanitizeComments`
 * puts before < and >.
 */
function fenceFormulas(text) {
  const fence = (block) => `\`\`\`text\n${block.replace(/^ {4}/gm, '').replace(/\\([<>])/g, '$1')}\`\`\`\n`
  return text
    .split(/^(```[\s\S]*?^```)/m)
    .map((part, i) => (i % 2 ? part : part.replace(/(?<=\n\n)(?: {4}.*\n)+/g, fence)))
    .join('')
}

/** A page is headed by what is imported, not by the name of a file. */
function headPages(folder) {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.md') || name === 'index.md') continue
    const file = join(folder, name)
    const imported = name.replaceAll('\\', '/').replace(/(\/index(-1)?)?\.md$/, '')
    writeFileSync(file, fenceFormulas(readFileSync(file, 'utf8')).replace(/^# .*$/m, `# ${imported}`))
  }
}

/** Modules under the names that they are imported by: typedoc takes those of their files. */
function nameModules(part, manifest) {
  const places = new Map(
    Object.entries(manifest.exports).flatMap(([path, { source }]) =>
      source && path !== '.' ? [[relative('src', source).replace(/\.ts$/, ''), path.slice(2)]] : [],
    ),
  )
  const json = JSON.parse(readFileSync(part, 'utf8'))
  for (const child of json.children ?? []) child.name = places.get(child.name) ?? child.name
  writeFileSync(part, JSON.stringify(json))
}

try {
  const parts = []
  for (const { name, folder: basePath, manifest } of packages()) {
    const app = await Application.bootstrap({
      ...common,
      name,
      basePath,
      displayBasePath: join(basePath, 'src'),
      entryPoints: Object.values(manifest.exports)
        .filter((target) => target.source)
        .map((target) => join(basePath, target.source)),
      tsconfig: join(basePath, 'tsconfig.json'),
      validation: { notExported: false, invalidLink: false },
      skipErrorChecking: true, // `npm run check:types` has them
    })
    const part = join(folder, `${parts.length}.json`)
    await app.generateJson(must(app, await app.convert()), part)
    nameModules(part, manifest)
    parts.push(part)
  }
  const app = await Application.bootstrapWithPlugins({
    ...common,
    name: 'API',
    plugin: ['typedoc-plugin-markdown'],
    entryPointStrategy: 'merge',
    entryPoints: parts,
    validation: { notExported: false, invalidLink: false },
    outputFileStrategy: 'modules',
    entryFileName: 'index',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    sanitizeComments: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    outputs: [{ name: 'markdown', path: process.argv[2] }],
  })
  await app.generateOutputs(must(app, await app.convert()))
  headPages(process.argv[2])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
