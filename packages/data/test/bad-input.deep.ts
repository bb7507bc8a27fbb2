/** Inputs too large for ordinary tests: a line of one gigabyte, a million files. */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { buildShard, documentStream, mergeParts, planBuild, saveBuildPlan } from '../src/node.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-sizes-'))
// A million files take minutes to remove, too.
afterAll(() => rmSync(folder, { recursive: true, force: true }), 3_600_000)

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

test('a folder of a million files is planned, built and joined', { timeout: 3_600_000 }, async () => {
  const root = join(folder, 'many')
  mkdirSync(root)
  for (let i = 0; i < 1_000_000; i++) writeFileSync(join(root, `${String(i).padStart(7, '0')}.md`), `${i % 1000}`)
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  // Measured while it works, by the greatest that was seen.
  let most = before
  const look = () => {
    most = Math.max(most, process.memoryUsage().rss)
  }
  const settings = {
    vocabSize: 1000,
    eosId: null,
    field: 'text',
    encoding: 'utf-8',
    duplicates: 'keep',
    identity: '',
  } as const
  const seconds: Record<string, number> = {}
  const timed = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    const { user, system } = process.cpuUsage()
    const began = performance.now()
    const result = await work()
    const used = process.cpuUsage({ user, system })
    seconds[`${name}, processor`] = (used.user + used.system) / 1e6
    seconds[name] = (performance.now() - began) / 1000
    look()
    console.log(JSON.stringify({ name, mib: Math.round((most - before) / 2 ** 20), ...seconds }))
    return result
  }
  const timer = setInterval(look, 50)
  const plan = await timed('plan', () => planBuild([root], settings))
  clearInterval(timer)
  expect(most - before).toBeLessThan(320 * 2 ** 20)
  expect(plan.parts).toHaveLength(1000)
  expect(plan.parts[999].files[999].endsWith('0999999.md')).toBe(true)
  const parts = join(folder, 'many.parts')
  await timed('keep', () => saveBuildPlan(parts, plan))
  await timed('keep again', () => saveBuildPlan(parts, plan))
  await timed('build', () =>
    buildShard(parts, plan, { index: 0, of: 1 }, { encode: (text) => [Number(text)], onPart: look }),
  )
  const result = await timed('merge', () => mergeParts(parts, join(folder, 'many')))
  expect(result).toMatchObject({ documents: 1_000_000, tokens: 1_000_000 })
  // Two plans (one is read back) and what is not collected yet.
  expect(most - before).toBeLessThan(2 ** 30)
})
