/**
 * Rules for all tracked files: nothing of one machine, a header in each source file, comments within the line width,
 * private members marked `private`, no limits on wall-clock time.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

// What belongs to one machine and not to the project. Written in pieces, so that this file does not find itself.
const foreign = [['registry', 'npmjs'].join('.'), ['', 'work', ''].join('/'), ['', 'root', ''].join('/')]

const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  .split('\0')
  .filter((file) => file && existsSync(join(root, file)))
const read = (file: string) => readFileSync(join(root, file), 'latin1')
const sources = files.filter((file) => /\.(m?[jt]sx?|py)$/.test(file) && !file.includes('.generated.'))

test('no tracked file names a path or a registry of some machine', () => {
  const found: string[] = []
  for (const file of files) {
    const text = read(file)
    for (const word of foreign) if (text.includes(word)) found.push(`${file}: ${word}`)
  }
  expect(found).toEqual([])
})

test('every source file begins with a comment that says what it is for', () => {
  const header = /^(#!.*\n)?\s*(\/\/ (?!@ts-)|\/\*|# |r?""")/
  expect(sources.filter((file) => !header.test(read(file)))).toEqual([])
})

test('comments are at most 120 columns wide', () => {
  const comment = /^\s*(\/\/ |\/\*\* |\* |# )|[;,{})\]] \/\/ /
  const width = (line: string) => Buffer.from(line, 'latin1').toString().length
  const wide = sources.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, i) => (line.length > 120 && comment.test(line) && width(line) > 120 ? [`${file}:${i + 1}`] : [])),
  )
  expect(wide).toEqual([])
})

test('private members of classes are marked `private`, not named with #', () => {
  // A use after a dot, and declarations such as `readonly #name = 0` or `async *#name(`.
  const member = /\.#[a-z]|^[ \t]*(?:(?:static|readonly|async|get|set) |\*)*#[a-z]\w*\s*[(:=;?!]/im
  const code = sources.filter((file) => !file.endsWith('.py'))
  const found = code.flatMap((file) => {
    const match = member.exec(read(file))
    return match ? [`${file}: ${match[0].trim()}`] : []
  })
  expect(found).toEqual([])
})

test('no test limits wall-clock time, which other processes lengthen: CPU time is limited', () => {
  const limit = /expect\((performance|Date)\.now\(\) - \w+\)\.toBeLess/
  expect(sources.filter((file) => limit.test(read(file)))).toEqual([])
})
