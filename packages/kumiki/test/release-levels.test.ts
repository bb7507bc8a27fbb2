/** Release levels of data in training, distribution and search. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSubsets } from '@kumiki/data/node'
import { afterAll, expect, test } from 'vitest'
import { loadCorpus } from '../src/train/corpus.ts'
import { resolveRun } from '../src/train/run-definition.ts'
import { usedSubsets } from '../src/train/used-subsets.ts'
import { inProcess } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-levels-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const config = (name: string, content: object) => write(name, JSON.stringify(content))

const open = write('open.txt', Array.from({ length: 40 }, (_, i) => `open text number ${i}`).join('\n\n'))
const inner = write('inner.jsonl', '{"text":"組木"}\n{"text":"木組み"}\n')

test('an export has what its use is open to, and nothing half of it', async () => {
  const out = join(folder, 'out.jsonl')
  const line = `data export --for search --source open=${open}:L1 --source inner=${inner}:L2 --out ${out}`.split(' ')
  const searched = await inProcess([...line, '--json'])
  expect(searched.json()).toMatchObject({ written: [{ documents: 40 }, { name: 'inner', documents: 2 }], leftOut: [] })
  expect(JSON.parse(readFileSync(out, 'utf8').trimEnd().split('\n')[41])).toEqual({
    text: '木組み',
    source: 'inner',
    releaseLevel: 'L2',
  })
  rmSync(out)
  const distribute = line.with(3, 'distribute')
  const refused = await inProcess(distribute)
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/"inner" has release level L2, which does not allow the use "distribute"; only L1/),
  ])
  expect(existsSync(out)).toBe(false)
  const left = await inProcess([...distribute, '--leave-out', '--json'])
  expect(left.json()).toMatchObject({ written: [{ name: 'open' }], leftOut: [{ name: 'inner', releaseLevel: 'L2' }] })
  rmSync(out)
  const broken = write('broken.jsonl', '{"text":"a"}\nno json\n')
  const failed = await inProcess(
    `data export --for search --source a=${open}:L1 --source b=${broken}:L1 --out ${out}`.split(' '),
  )
  expect([failed.code, readdirSync(folder).filter((name) => name.startsWith('out'))]).toEqual([1, []])
})

test('a level stays beside token files, and goes into the mixtures that they are in', async () => {
  const model = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))
  const run = async (line: string) => {
    const result = await inProcess([...line.split(' '), '--json'])
    return result.code === 0 ? result.json() : result.stderr
  }
  const [ja, out] = [join(folder, 'ja'), join(folder, 'mixed')]
  await run(
    `data build --data ${inner} --tokenizer ${model} --out ${ja} --release-level L2 --language ja --licence CC0`,
  )
  const kept = { subset: 'ja', language: 'ja', source: null, licence: 'CC0', releaseLevel: 'L2', repeats: 1 }
  expect((await run(`data inspect ${ja}.idx`))[0].subsets).toMatchObject([kept])
  const mixed = await run(`data mix --source a=${ja}@1.5 --source b=${open}:L1 --tokenizer ${model} --out ${out}`)
  expect(mixed.table).toMatchObject([{ releaseLevel: 'L2' }, { releaseLevel: 'L1' }])
  const [a, b] = mixed.table
  const subsets = [
    { ...kept, subset: 'a', repeats: 1.5, tokens: a.mixedSize },
    { ...{ subset: 'b', language: null, source: null, licence: null, releaseLevel: 'L1' }, repeats: 1, tokens: b.size },
  ]
  expect(readSubsets(out)).toEqual(subsets)
  expect(await run(`data mix --source m=${out}:L1`)).toContain('records the stricter L2')
  expect((await run(`data mix --source m=${out}:L3`)).table).toMatchObject([{ releaseLevel: 'L3' }])
  writeFileSync(`${out}.subsets.json`, JSON.stringify({ version: 1, subsets: [{ ...subsets[1], releaseLevel: 'LX' }] }))
  expect(await run(`data mix --source m=${out}`)).toContain('release level LX')
})

test.each([
  ['data build --data x --tokenizer y --out z --release-level LX', /release level LX \(no-train/],
  ['data mix --source a=b:LZ', /release level LZ/],
  ['data export --for search --source a=b --out c', /release level L3, which does not allow the use "search"/],
  ['data export --for distribute --out c', /give --source NAME=PATH:LEVEL/],
])('%s', async (line, message) => {
  const { code, stderr } = await inProcess(line.split(' '))
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
})

test('a configuration of train names its text; what was used is told for its record', async () => {
  const source = { name: 'open', path: 'open.txt', repeats: 2, language: 'en', licence: 'CC0', releaseLevel: 'L1' }
  const refused = config('lz.json', { data: [{ ...source, releaseLevel: 'LZ' }] })
  await expect(resolveRun({ config: refused, overrides: {} })).rejects.toThrow(
    /lz.json: data\[0\]|"open" has release level LZ/,
  )
  const slip = config('slip.json', { data: [{ ...source, licence: undefined, license: 'x' }] })
  await expect(resolveRun({ config: slip, overrides: {} })).rejects.toThrow(
    /unknown field license; did you mean licence/,
  )
  const mixed = config('mixed.json', { data: ['open.txt', source] })
  await expect(resolveRun({ config: mixed, overrides: {} })).rejects.toThrow(/data mixes paths and sources/)
  const good = config('good.json', { data: [source], heldOut: { own: 'inner.jsonl' } })
  const { sources, heldOut } = await resolveRun({ config: good, overrides: {} })
  const corpus = await loadCorpus({ data: [], sources, heldOut })
  expect([corpus.train.length, corpus.heldOut, corpus.parts]).toEqual([
    80,
    ['組木', '木組み'],
    [{ name: 'own', documents: 2 }],
  ])
  expect(
    usedSubsets(
      corpus,
      corpus.train.map(() => new Int32Array(3)),
    ),
  ).toEqual([
    { subset: 'open', language: 'en', source: null, licence: 'CC0', releaseLevel: 'L1', repeats: 2, tokens: 240 },
  ])
})

test('what phases read is drawn by language and level', async () => {
  const subsets = [
    { name: 'a', tokens: 1e9, language: 'ja', releaseLevel: 'L1' },
    { name: 'b', tokens: 2e9, repeats: 5, language: 'en', releaseLevel: 'L2' },
  ]
  const phases = write('phases.json', JSON.stringify([{ name: 'first', subsets }]))
  const svg = join(folder, 'blend.svg')
  const { stdout } = await inProcess(['data', 'blend', '--phases', phases, '--svg', svg])
  expect(stdout).toMatch(/"b" has 5.0 epochs by then; beyond 4, .*arXiv:2305.16264/)
  expect(readFileSync(svg, 'utf8')).toMatch(/en, L2[\s\S]*ja, L1[\s\S]*11B/)
})
