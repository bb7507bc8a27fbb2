/** Inputs of a size that ordinary tests leave out: a line of a gigabyte, a million files. */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { documentStream, planBuild } from '../src/node.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-sizes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('one line of a gigabyte is refused by place, in bounded memory', async () => {
  const path = join(folder, 'line.jsonl')
  const file = openSync(path, 'w')
  writeSync(file, '{"text":"first"}\n')
  const part = Buffer.alloc(2 ** 22, 'a')
  for (let i = 0; i < 256; i++) writeSync(file, part)
  closeSync(file)
  const before = process.memoryUsage().rss
  const read: string[] = []
  const all = async () => {
    for await (const text of documentStream(path)) read.push(text)
  }
  await expect(all()).rejects.toThrow(`${path}: the line at byte 17 is longer than 67108864 bytes`)
  expect(read).toEqual(['first'])
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20)
})

test('a folder of a million files is planned', { timeout: 1_200_000 }, async () => {
  const root = join(folder, 'many')
  for (let d = 0; d < 1000; d++) {
    const inner = join(root, String(d).padStart(4, '0'))
    mkdirSync(inner, { recursive: true })
    for (let i = 0; i < 1000; i++) writeFileSync(join(inner, `${String(i).padStart(4, '0')}.txt`), 'x')
  }
  const before = process.memoryUsage().rss
  const settings = {
    vocabSize: 10,
    eosId: null,
    field: 'text',
    encoding: 'utf-8',
    duplicates: 'keep',
    identity: '',
  } as const
  const plan = await planBuild([root], settings)
  expect(plan.parts).toHaveLength(1_000_000)
  expect(plan.parts[999_999].path.endsWith(join('0999', '0999.txt'))).toBe(true)
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30)
})
