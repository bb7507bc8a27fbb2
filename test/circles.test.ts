/**
 * No cycle of imports by value within a package: every file can be read without the files that use it. Imports of types
 * do not count, nor does `await import()`, which loads a file when it is used.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Files below a folder, without tests. */
function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && f.name.endsWith('.ts') && !/\.(test|deep|generated)\.ts$/.test(f.name))
    .map((f) => join(f.parentPath, f.name))
}

/** The files whose values a file imports. */
function valuesFrom(file: string): string[] {
  const { statements } = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)
  return statements.flatMap((s) => {
    if (!(ts.isImportDeclaration(s) || ts.isExportDeclaration(s)) || !s.moduleSpecifier) return []
    const path = (s.moduleSpecifier as ts.StringLiteral).text
    const clause = ts.isImportDeclaration(s) ? s.importClause : s
    const named = ts.isImportDeclaration(s) ? s.importClause?.namedBindings : s.exportClause
    const elements = named && 'elements' in named ? [...named.elements] : []
    const onlyTypes = clause?.isTypeOnly || (elements.length > 0 && elements.every((e) => e.isTypeOnly))
    return onlyTypes || !path.startsWith('.') ? [] : [join(dirname(file), path)]
  })
}

/** Groups of files that reach each other (Tarjan). */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (file: string): void => {
    index.set(file, index.size)
    low.set(file, index.get(file)!)
    stack.push(file)
    for (const next of edges.get(file) ?? []) {
      if (!edges.has(next)) continue
      if (!index.has(next)) visit(next)
      if (stack.includes(next)) low.set(file, Math.min(low.get(file)!, low.get(next)!))
    }
    if (low.get(file) !== index.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) found.push(circle)
  }
  for (const file of edges.keys()) if (!index.has(file)) visit(file)
  return found
}

test.each(readdirSync(join(root, 'packages')))('packages/%s has no circle of values', (name) => {
  const files = sources(join(root, 'packages', name, 'src'))
  const found = circles(new Map(files.map((file) => [file, valuesFrom(file)])))
  expect(found.map((circle) => circle.map((file) => relative(root, file)).sort())).toEqual([])
})

test('the search finds a circle, and none where there is none', () => {
  expect(
    circles(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['a']],
        ['d', ['a']],
      ]),
    ).map((c) => c.sort()),
  ).toEqual([['a', 'b', 'c']])
  expect(
    circles(
      new Map([
        ['a', ['b', 'c']],
        ['b', ['c']],
        ['c', []],
      ]),
    ),
  ).toEqual([])
})
