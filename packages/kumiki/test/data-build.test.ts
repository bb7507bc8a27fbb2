/** `kumiki data build` by several processes and in shards, and `kumiki data blend`. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { inProcess, kumiki } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-data-build-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const model = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))

test('data build: two processes, two shards and one give the same bytes, and count what they dropped', async () => {
  const data = join(folder, 'texts')
  mkdirSync(data)
  for (const file of [0, 1, 2])
    writeFileSync(
      join(data, `${file}.jsonl`),
      Array.from(
        { length: 20 },
        (_, i) => `{"text":"組木の${i % 15}番目の仕事は、古い寺の柱に残っている。a${i}@example.org"}\n`,
      ).join(''),
    )
  const flags = (out: string) => [
    'data',
    'build',
    '--data',
    data,
    '--tokenizer',
    model,
    '--out',
    join(folder, out),
    '--duplicates',
    'exact',
    '--filter',
    'personal-data',
    '--json',
  ]
  const one = await inProcess(flags('one'))
  expect(one.json()).toMatchObject({
    documents: 15,
    counts: {
      documents: 60,
      kept: 15,
      changed: { 'personal-data': 60 },
      dropped: { 'duplicates: the same text': { count: 45 } },
    },
  })
  const two = await kumiki([...flags('two'), '--workers', '2'])
  expect(two.code, two.stderr).toBe(0)
  await inProcess([...flags('shards'), '--shard', '1/2'])
  const early = await inProcess(['data', 'merge', '--out', join(folder, 'shards')])
  expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('2 of 3 parts are not done: 0, 2') })
  await inProcess([...flags('shards'), '--shard', '0/2'])
  expect((await inProcess(['data', 'merge', '--out', join(folder, 'shards'), '--json'])).json()).toMatchObject({
    documents: 15,
  })
  for (const name of ['two', 'shards'])
    for (const extension of ['bin', 'idx'])
      expect(readFileSync(join(folder, `${name}.${extension}`))).toEqual(readFileSync(join(folder, `one.${extension}`)))
  // A build that fails before a part is done leaves nothing that would refuse other settings.
  const broken = join(folder, 'broken.txt')
  writeFileSync(broken, Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea, 0x82, 0xcc, 0x82, 0xcc]))
  const failing = ['data', 'build', '--data', broken, '--tokenizer', model, '--out', join(folder, 'failed')]
  expect((await inProcess(failing)).stderr).toContain('it looks like SHIFT_JIS: give --encoding shift_jis')
  expect(existsSync(join(folder, 'failed.parts'))).toBe(false)
  expect(await inProcess([...failing, '--encoding', 'shift_jis'])).toMatchObject({ code: 0 })
  const wrong = await inProcess([...flags('wrong'), '--filter', 'nope'])
  expect(wrong).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--filter nope: unknown; choose from characters, repetition'),
  })
})

test('data blend: the weights of LLM-jp-3’s script to the token, a file of phases, and levels kept', async () => {
  const preset = (await inProcess(['data', 'blend', '--preset', 'llm-jp-3', '--prefix', '/d', '--json'])).json()
  expect(preset.phases[0].tokens).toBe(2_072_488_058_295)
  expect(preset.phases[0].dataPath.slice(0, 4)).toEqual(['114051163723', '/d/code/stack', '461191389358', '/d/ja/cc-1'])
  const instruction = (await inProcess(['data', 'blend', '--preset', 'llm-jp-4-instruction', '--json'])).json()
  const { rows } = instruction.phases[0]
  const shareOf = (...names: string[]) =>
    rows.reduce(
      (sum: number, row: { name: string; share: number }) => sum + (names.includes(row.name) ? row.share : 0),
      0,
    )
  // Instructions are 0.6; the rest is phase 1, whose small part of gsm8k and StackExchange adds to theirs.
  expect(shareOf('llm-jp-IPT_v0.2_all', 'flan-all', 'dolmino_math_synth-all')).toBeCloseTo(
    0.6 * (88_479_664_620 / 89_966_226_203),
    6,
  )
  const table = await inProcess(['data', 'blend', '--preset', 'llm-jp-4', 'llm-jp-4-phase-2', '--tokens', '5T'])
  expect(table.stdout).toMatch(/llm-jp-4-phase-2: 5,000,000,000,000 tokens/)
  const file = join(folder, 'phases.json')
  writeFileSync(file, JSON.stringify([{ name: 'p', subsets: [{ name: 'x', tokens: 10, releaseLevel: 'LZ' }] }]))
  expect(await inProcess(['data', 'blend', '--phases', file])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('release level LZ'),
  })
  writeFileSync(file, JSON.stringify([{ name: 'p', subsets: [{ name: 'x', tokens: 10, repeat: 2 }] }]))
  expect((await inProcess(['data', 'blend', '--phases', file])).stderr).toContain(
    'unknown field subsets[0].repeat; did you mean repeats?',
  )
})
