/** The command line loads @kumiki/report (Plot and a document: half a second) only where it draws. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

const src = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /\.ts$/.test(file))

/** Modules that a file loads as soon as it is loaded itself. */
function loadedBy(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(src, file), 'utf8'), ts.ScriptTarget.Latest)
  return source.statements.flatMap((s) => {
    if (ts.isImportDeclaration(s) && s.importClause?.isTypeOnly) return []
    if (ts.isExportDeclaration(s) && s.isTypeOnly) return []
    const from = ts.isImportDeclaration(s) || ts.isExportDeclaration(s) ? s.moduleSpecifier : undefined
    return from && ts.isStringLiteral(from) ? [from.text] : []
  })
}

test('no file but the one import for all loads @kumiki/report at once', () => {
  expect(files.length).toBeGreaterThan(20)
  expect(files.filter((file) => loadedBy(file).includes('@kumiki/report'))).toEqual(['index.ts'])
})
