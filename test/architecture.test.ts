/** The files and folders that docs/architecture.md names exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folders = readdirSync(join(root, 'packages')).flatMap((name) => {
  const source = join(root, 'packages', name, 'src')
  const below = readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [source, join(root, 'packages', name), ...below.map((entry) => join(entry.parentPath, entry.name))]
})
/** What exists only while or after something runs. */
const made =
  /^(checkpoints\/|run\.json|summary\.json|config\.json|checkpoint\.json|tokenizer_config\.json|tokenizer\.json)$/

test('every file and folder that the page names exists', () => {
  const text = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  const names = [...text.matchAll(/`([\w./-]+(?:\/|\.(?:ts|md|json)))`/g)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(30)
  const missing = names.filter(
    (name) => !made.test(name) && ![root, join(root, 'packages'), ...folders].some((at) => existsSync(join(at, name))),
  )
  expect(missing).toEqual([])
})
