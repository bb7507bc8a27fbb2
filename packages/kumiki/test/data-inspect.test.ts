/** `kumiki data inspect`, a user's own filter, and what both refuse. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { writeIndexedDataset } from '@kumiki/data/node'
import { afterAll, expect, test } from 'vitest'
import { filtersOf } from '../src/flags/build-filters.ts'
import { inProcess } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-inspect-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const write = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

test('texts that are packed, token files, a page', async () => {
  const lines = ['{"text":"組木は釘を使わない"}', '{"text":"a < b & c"}', '{"text":"a < b & c"}'].join('\n')
  const packed = write('a.jsonl.gz', gzipSync(lines))
  const prefix = join(folder, 'ids')
  await writeIndexedDataset(prefix, [[1, 2, 3], [4], [1, 2, 3]], { vocabSize: 10 })
  const page = join(folder, 'page.html')
  const { json } = await inProcess([
    'data',
    'inspect',
    packed,
    prefix,
    '--source',
    `own=${packed}:L2`,
    '--out',
    page,
    '--json',
  ])
  expect(json()).toMatchObject([
    { kind: 'text', documents: 3, documentsWithKana: 1, characters: 27, duplicates: { share: 1 / 3 } },
    { kind: 'tokens', documents: 3, tokens: 7, greatestId: 4, tokensPerSequence: { least: 1, median: 3 } },
    { name: 'own', releaseLevel: 'L2' },
  ])
  expect(readFileSync(page, 'utf8')).toMatch(/a &lt; b &amp; c[\s\S]*release level/)
  // Sources beside each other, in characters where there is no tokenizer.
  await inProcess(['data', 'inspect', '--source', `open=${packed}:L1`, '--source', `own=${packed}:L2`, '--out', page])
  const both = readFileSync(page, 'utf8')
  expect(both).toMatch(/2 sources: 6 documents, 54 characters[\s\S]*All sources[\s\S]*<td>50.0 %<\/td>/)
  expect(both).toMatch(/characters by release level[\s\S]*L2: train, search/)
})

test('a module of filters of one’s own', async () => {
  const good = write(
    'good.mjs',
    "export const filters = [{ name: 'ads', apply: (t) => (t.includes('PR') ? { drop: 'ad' } : t.trim()) }]",
  )
  const { filters, identity } = await filtersOf({ filtersModule: good })
  expect(filters.map(({ apply }) => [apply('PR: x'), apply(' y ')])).toEqual([[{ drop: 'ad' }, 'y']])
  expect(identity).not.toBe((await filtersOf({})).identity)
  const odd = write('odd.mjs', "export const filters = [{ name: 'odd', apply: () => false }]")
  const { filters: wrong } = await filtersOf({ filtersModule: odd })
  expect(() => wrong[0].apply('x')).toThrow(/odd must return true, a text or \{ drop: 'reason' \}, returned false/)
  await expect(filtersOf({ filtersModule: write('none.mjs', 'export const x = 1') })).rejects.toThrow(
    /must export filters/,
  )
  await expect(filtersOf({ filtersModule: join(folder, 'absent.mjs') })).rejects.toThrow(
    /absent.mjs: there is no such file/,
  )
})
