import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

// What belongs to one machine and not to the project. Written in pieces, so that this file does not find itself.
const foreign = [['registry', 'npmjs'].join('.'), ['', 'work', ''].join('/'), ['', 'root', ''].join('/')]

test('no tracked file names a path or a registry of some machine', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }).split('\0')
  const found: string[] = []
  for (const file of files) {
    const path = join(root, file)
    if (!file || !existsSync(path)) continue
    const text = readFileSync(path, 'latin1')
    for (const word of foreign) if (text.includes(word)) found.push(`${file}: ${word}`)
  }
  expect(found).toEqual([])
})
