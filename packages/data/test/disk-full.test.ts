/**
 * A disk that is full at any write: the error names the file, no partial file stays, and the same call can be repeated.
 */
import fs, {
  type Dirent,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { buildShard, exportTexts, mergeParts, planBuild, saveBuildPlan, writeIndexedDataset } from '../src/node.ts'

/** Writes that are left before the disk is full. */
const disk = { left: Number.POSITIVE_INFINITY }
const full = () => {
  if (disk.left-- <= 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
}
const { writeSync } = fs
vi.spyOn(fs, 'writeSync').mockImplementation((...args: Parameters<typeof writeSync>) => {
  full()
  return writeSync(...args)
})
vi.spyOn(fs, 'fsyncSync').mockImplementation(full)
afterAll(() => vi.restoreAllMocks())

const root = mkdtempSync(join(tmpdir(), 'kumiki-full-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const texts = join(root, 'texts')
mkdirSync(texts)
for (const file of ['a', 'b', 'c']) writeFileSync(join(texts, `${file}.txt`), `${file} one\n${file} two\n`)

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? (readdirSync(folder, { recursive: true, withFileTypes: true }) as Dirent[])
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .sort()
    : []

const encode = (text: string) => [...text].map((c) => c.charCodeAt(0) % 500)
const settings = {
  vocabSize: 500,
  eosId: 2,
  field: 'text',
  encoding: 'utf-8',
  duplicates: 'exact',
  identity: '',
  subset: { subset: 'a', language: null, source: null, licence: null, releaseLevel: 'L1' },
} as const

/** What is written in a folder, and the names that are there when it is done. */
const works: Record<string, { work: (folder: string) => Promise<unknown>; names: string[] }> = {
  'build and merge': {
    work: async (folder) => {
      const plan = await planBuild([texts], settings)
      await saveBuildPlan(join(folder, 'parts'), plan)
      await buildShard(join(folder, 'parts'), plan, { index: 0, of: 1 }, { encode })
      mergeParts(join(folder, 'parts'), join(folder, 'out'))
    },
    names: [
      ...['000000', '000001', '000002'].flatMap((part) => [`${part}.bin`, `${part}.docs`, `${part}.json`]),
      ...['out.bin', 'out.idx', 'out.subsets.json', 'plan.jsonl'],
    ],
  },
  'token files': {
    work: (folder) => writeIndexedDataset(join(folder, 'out'), [[1, 2], [], [3]], { vocabSize: 10 }),
    names: ['out.bin', 'out.idx'],
  },
  export: {
    work: (folder) =>
      exportTexts([{ name: 'a', path: texts, releaseLevel: 'L1' }], join(folder, 'out.jsonl'), { use: 'distribute' }),
    names: ['out.jsonl'],
  },
}

it.each(Object.entries(works))('%s', async (name, { work, names }) => {
  const whole = join(root, `${name} whole`)
  mkdirSync(whole)
  await work(whole)
  expect(filesIn(whole)).toEqual(names)
  let failures = 0
  for (; ; failures++) {
    const folder = join(root, `${name} ${failures}`)
    mkdirSync(folder)
    disk.left = failures
    const error = await Promise.resolve(work(folder)).then(
      () => null,
      (thrown: Error) => thrown,
    )
    disk.left = Number.POSITIVE_INFINITY
    if (error === null) break
    expect(error.message).toMatch(/it cannot be written \(the disk is full\)$/)
    expect(error.message.startsWith(folder)).toBe(true)
    const left = filesIn(folder)
    expect(names).toEqual(expect.arrayContaining(left))
    // The record of a part, which says that it is done, is the last of its files.
    for (const record of left.filter((one) => /^\d+\.json$/.test(one)))
      expect(left).toEqual(expect.arrayContaining([record.replace('json', 'bin'), record.replace('json', 'docs')]))
    expect(left.includes('out.bin')).toBe(left.includes('out.idx'))
    await work(folder)
    expect(filesIn(folder)).toEqual(names)
    for (const end of ['bin', 'idx', 'jsonl'])
      if (names.includes(`out.${end}`))
        expect(readFileSync(join(folder, `out.${end}`))).toEqual(readFileSync(join(whole, `out.${end}`)))
  }
  expect(failures).toBeGreaterThanOrEqual(2 * names.length - 1)
})
