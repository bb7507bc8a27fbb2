/** Which package may import which: the arrows of docs/architecture.md. */
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const arrows: Record<string, string[]> = {
  kumiki: ['train', 'report', 'tokenizer', 'planner', 'ablation', 'data', 'models'],
  train: ['models', 'optim', 'data'],
  models: ['tensor'],
  tensor: ['numerics', 'wasm'],
  numerics: ['wasm'],
  optim: ['wasm'],
  data: [],
  tokenizer: [],
  planner: [],
  ablation: [],
  report: [],
  // Private: bundled into those that use it, so a development dependency.
  wasm: [],
}

const packagesFolder = join(dirname(fileURLToPath(import.meta.url)), '..', 'packages')

function reachable(name: string): Set<string> {
  const found = new Set<string>()
  const visit = (from: string) => {
    for (const to of arrows[from]) {
      if (!found.has(to)) {
        found.add(to)
        visit(to)
      }
    }
  }
  visit(name)
  return found
}

/** The folder name of a workspace package, or undefined for any other. */
function workspaceName(specifier: string): string | undefined {
  if (specifier === 'kumiki' || specifier.startsWith('kumiki/')) return 'kumiki'
  return /^@kumiki\/([^/]+)/.exec(specifier)?.[1]
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

const sources = (name: string) =>
  readdirSync(join(packagesFolder, name, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.m?ts$/.test(file))
    .map((file) => join(packagesFolder, name, 'src', file))

const importsOf = (file: string) =>
  ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles.map((i) => i.fileName)

const manifestOf = (name: string) => JSON.parse(readFileSync(join(packagesFolder, name, 'package.json'), 'utf8'))

const names = readdirSync(packagesFolder).sort()

test('the arrows name every package, and make no cycle', () => {
  expect(Object.keys(arrows).sort()).toEqual(names)
  for (const name of names) expect(reachable(name), name).not.toContain(name)
})

describe.each(names)('%s', (name) => {
  const allowed = reachable(name)
  const manifest = manifestOf(name)

  test('its dependencies follow the arrows', () => {
    const wanted = Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    })
    const others = wanted.map(workspaceName).filter((other) => other !== undefined)
    for (const other of others) expect([...allowed], `${name} depends on ${other}`).toContain(other)
  })

  test('its sources import what the arrows and its own dependencies allow', () => {
    const declared = new Set([
      ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
      ...Object.keys(manifest.devDependencies ?? {}).filter((d) => d.startsWith('@types/') || d === '@kumiki/wasm'),
    ])
    const wrong: string[] = []
    for (const file of sources(name)) {
      const where = relative(packagesFolder, file)
      for (const specifier of importsOf(file)) {
        const other = workspaceName(specifier)
        if (specifier.startsWith('#')) {
          // A file of the package itself, by its manifest's `imports`.
          if (!(specifier in (manifest.imports ?? {})))
            wrong.push(`${where} imports ${specifier}, which its manifest does not name`)
        } else if (specifier.startsWith('.')) {
          const inside = `${join(packagesFolder, name, 'src')}${sep}`
          if (!resolve(dirname(file), specifier).startsWith(inside)) wrong.push(`${where} reaches out to ${specifier}`)
        } else if (isBuiltin(specifier)) {
          if (!specifier.startsWith('node:')) wrong.push(`${where} imports ${specifier} without node:`)
        } else if (other !== undefined && !allowed.has(other)) {
          wrong.push(`${where} imports ${specifier}: no arrow leads from ${name} to ${other}`)
        } else if (!declared.has(packageOf(specifier))) {
          wrong.push(`${where} imports ${specifier}, which ${manifest.name} does not depend on`)
        }
      }
    }
    expect(wrong).toEqual([])
  })
})
