/** `kumiki ablate`: studies as folders, designs with several levels, tables, several responses. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { inProcess } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-ablate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, ...names)
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const write = (name: string, content: unknown) => {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content))
  return at(name)
}

const source = (name: string) => ({ name, path: `${name}.txt`, releaseLevel: 'L1' })
const study = {
  name: 'small',
  base: { run: { steps: 2, seed: 7, optimizer: { beta1: 0.9 } }, data: [source('ja')], heldOut: { ja: 'held.txt' } },
  factors: [
    { name: 'Code', levels: { off: {}, on: { data: [source('code')] } } },
    {
      name: 'Beta2',
      levels: { low: { run: { optimizer: { beta2: 0.9 } } }, high: { run: { optimizer: { beta2: 0.99 } } } },
    },
    { name: 'Web', levels: { off: {}, on: { data: [source('web')] } } },
  ],
}

/** The figures of a study whose trainings all have ended. */
function finish(path: string, figure: (levels: Record<string, string>, i: number) => number): void {
  json(join(path, 'study.json')).runs.forEach((run: { folder: string; levels: Record<string, string> }, i: number) => {
    mkdirSync(join(path, run.folder), { recursive: true })
    const bitsPerByte = figure(run.levels, i)
    const summary = { heldOut: { bitsPerByte }, heldOutParts: { ja: { bitsPerByte: 2 * bitsPerByte } } }
    writeFileSync(join(path, run.folder, 'summary.json'), JSON.stringify(summary))
  })
}

test('a study: configurations, a table, run folders read, missing runs told', async () => {
  const path = at('out', 'study')
  const designed = await inProcess(
    `ablate design --study ${write('study.json', study)} --runs 4 --replicates 2 --out ${path} --json`.split(' '),
  )
  expect(designed.code).toBe(0)
  expect(designed.json().runs).toHaveLength(8)
  const fourth = json(join(path, 'configs', 'run-4-2.json'))
  expect(fourth).toMatchObject({
    name: 'small-run-4-2',
    run: { steps: 2, seed: 8, optimizer: { beta1: 0.9, beta2: 0.99 } },
    data: [{ name: 'ja', path: '../../../ja.txt' }, { name: 'code' }, { name: 'web', path: '../../../web.txt' }],
    heldOut: { ja: '../../../held.txt' },
  })
  expect(readFileSync(join(path, 'table.csv'), 'utf8').split('\r\n')[0]).toBe('run,Code,Beta2,Web,response')
  const none = await inProcess(['ablate', 'analyze', path])
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('none of its 8 runs has finished')])
  finish(path, ({ Code }, i) => (Code === 'on' ? 1 : 2) + 0.001 * (i % 3))
  const ran = await inProcess(['ablate', 'run', path, '--json'])
  expect(ran.code).toBe(0)
  expect(ran.json().runs.every(({ state }: { state: string }) => state === 'was finished')).toBe(true)
  const analysed = await inProcess(['ablate', 'analyze', path, '--out', at('page.html'), '--json'])
  expect(analysed.json().analyses.ja.terms[0]).toMatchObject({ term: 'Code', difference: expect.closeTo(-2, 1) })
  expect(analysed.json().verdict[0]).toMatch(/^bits per byte: Code lowers the response by .* is aliased with Beta2:Web/)
  expect(readFileSync(at('page.html'), 'utf8')).toMatch(/<svg[\s\S]*Aliases/)
  const twisted = ['ablate', 'analyze', path, '--response', 'heldOut.bitsPerByte', '--out', at('page.html')]
  // Full in any two of its factors: Code:Beta2 is Web itself, so it cannot be a term beside it.
  const told = await inProcess([...twisted, '--interaction', 'Code:Beta2'])
  expect([told.code, told.stderr]).toEqual([1, expect.stringMatching(/Code:Beta2/)])
  rmSync(join(path, 'runs', 'run-1-1'), { recursive: true })
  rmSync(join(path, 'configs', 'run-1-1.json'))
  const lost = await inProcess(['ablate', 'analyze', path, '--response', 'heldOut.bitsPerByte'])
  expect(lost.stdout).toContain('1 of 8 runs have not finished: run-1-1.')
  expect(lost.stdout).toContain('sums of squares are of type III')
  const again = await inProcess(['ablate', 'run', path])
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/1 of 8 runs failed: run-1-1 .*no such file/)])
  const wrong = await inProcess(['ablate', 'analyze', path, '--response', 'heldOut.bits'])
  expect([wrong.code, wrong.stderr]).toEqual([
    1,
    expect.stringContaining('no summary.json has a number at heldOut.bits'),
  ])
})

test.each([
  ['a slip in the base', { base: { run: { step: 2 } } }, /run: unknown field step; did you mean steps\?/],
  ['a field of another place', { base: { steps: 2 } }, /unknown field steps; known fields: name, preset/],
  ['a value that is none', { base: { run: { steps: -1 } } }, /steps must be .*-1/],
  ['an optimizer of no kind', { base: { run: { optimizer: { kind: 'adamm' } } } }, /optimizer.*adamm/],
  ['a source that may not train', { base: { data: [{ ...source('ja'), releaseLevel: 'LX' }] } }, /level LX/],
  [
    'a level that is refused, named with its factors',
    {
      factors: [{ name: 'A', levels: { off: {}, on: { run: { batchSize: 0 } } } }, study.factors[0], study.factors[2]],
    },
    /^kumiki ablate design: .*bad\.json with A on, Code off, Web off: batchSize must be .*0\n$/,
  ],
  [
    'a source twice',
    { factors: [{ name: 'A', levels: { off: {}, on: { data: [source('ja')] } } }, study.factors[0], study.factors[2]] },
    /A on, Code off, Web off: data\[1\]\.name is "ja", which an earlier source has too/,
  ],
])('a study that train would refuse is refused: %s', async (_, changes, message) => {
  const out = at('refused')
  const file = write('bad.json', { ...study, ...changes })
  const { code, stderr } = await inProcess(['ablate', 'design', '--study', file, '--runs', '4', '--out', out])
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  expect(existsSync(out)).toBe(false)
})

test('level designs on the command line, and a table that was filled in', async () => {
  const rates = ['--factor', 'rate=1e-4,3e-4,1e-3', '--factor', 'warm=none,1 %,5 %']
  const made = await inProcess(['ablate', 'design', ...rates, '--out', at('l9.json')])
  expect(made.stdout).toMatch(/^9 runs, L9\n[\s\S]*1e-4 +none/)
  const responses = json(at('l9.json')).runs.map(([rate]: number[], i: number) =>
    i === 3 ? null : rate + 0.01 * (i % 2),
  )
  const given = ['--design', at('l9.json'), '--responses', write('r.json', { loss: responses, other: responses })]
  const analysed = await inProcess(['ablate', 'analyze', ...given])
  expect(analysed.stdout).toMatch(/loss: rate has a significant effect \(p = .*1e-3 2/)
  const whole = write(
    'whole.json',
    json(at('l9.json')).runs.map(([rate, warm]: number[]) => rate * warm),
  )
  const crossed = ['--design', at('l9.json'), '--responses', whole, '--interaction', 'rate:warm', '--out', at('x.html')]
  expect((await inProcess(['ablate', 'analyze', ...crossed])).stdout).toContain(
    'There are no residual degrees of freedom',
  )
  expect(readFileSync(at('x.html'), 'utf8')).toMatch(/rate at each level of warm[\s\S]*warm 5 %/)
  const three = { ...study, factors: [{ name: 'Rate', levels: { a: {}, b: {}, c: {} } }, study.factors[0]] }
  const path = at('mixed')
  const mixed = await inProcess(`ablate design --study ${write('three.json', three)} --out ${path}`.split(' '))
  expect(mixed.stdout).toMatch(/^18 runs, L18/)
  const table = readFileSync(join(path, 'table.csv'), 'utf8')
  const filled = table.replace(/response\r\n/, 'score,\r\n').replace(/,\r\n/g, (_, place) => `,${place % 7},\r\n`)
  const bad = await inProcess(['ablate', 'analyze', path, '--table', write('t.csv', filled)])
  expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('t.csv')])
  const good = table.replace(/,\r\n/g, (_, place) => `,${(place % 7) / 10}\r\n`)
  const read = await inProcess(['ablate', 'analyze', path, '--table', write('t.csv', good), '--json'])
  expect(read.json().analyses.response.terms.map(({ term }: { term: string }) => term)).toEqual(['Rate', 'Code'])
})

test.each([
  ['--factor a=1,2,3 --runs 8', /--runs applies to fractional/],
  ['--factor a=1,2,3 --kind fractional --runs 8', /a has 3 levels/],
  ['--factors A,B,C --kind full --baseline', /--baseline needs a fractional design/],
  ['--factors A,B,C', /give --runs N/],
  ['--runs 8', /give --factors A,B,C, --factor/],
  ['--factor a --runs 4', /--factor a: must be NAME=LEVEL/],
  ['--factors A,B,C --runs 4 --replicates 2', /--replicates needs --study/],
])('ablate design %s', async (line, message) => {
  const { code, stderr } = await inProcess(['ablate', 'design', ...line.split(' ')])
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
})

test('fold-over, whole or in one factor; power', async () => {
  const folded = await inProcess('ablate design --factors A,B,C,D,E --runs 8 --foldover --json'.split(' '))
  expect(folded.json()).toMatchObject({ runs: { length: 16 }, resolution: 4 })
  const one = await inProcess('ablate design --factors A,B,C,D,E --runs 8 --foldover A --json'.split(' '))
  expect(one.json().definingRelation).toMatchObject([{ factors: ['B', 'C', 'D', 'E'] }])
  const power = await inProcess(
    'ablate power --runs 8 --terms 5 --effect 0.5 --standard-deviation 0.3 --json'.split(' '),
  )
  // scipy.stats: 1 - ncf.cdf(f.ppf(0.95, 1, 10), 1, 10, 16 * 0.25 / 4 / 0.09)
  expect(power.json()).toMatchObject({
    replicates: 2,
    runs: 16,
    table: [{}, { power: expect.closeTo(0.8510126, 6) }, {}],
  })
})

test('responses as lines of text: a field that is empty is a run that is missing, one that is none is refused', async () => {
  await inProcess(`ablate design --factors a,b --runs 4 --out ${at('four.json')}`.split(' '))
  const analyze = async (text: string) => {
    const file = write('four.txt', text)
    return inProcess(['ablate', 'analyze', '--design', at('four.json'), '--responses', file, '--json'])
  }
  expect((await analyze('1,2\n3,\n5, 6\n7,8.5\n')).json().responses.response).toEqual([
    [1, 2],
    [3, null],
    [5, 6],
    [7, 8.5],
  ])
  expect((await analyze('1\n2\nnan\n4\n')).stderr).toMatch(/line 3 must be numbers .*got "nan"/)
  expect((await analyze('1\n\n3\n4\n')).stderr).toMatch(/line 2 must be numbers .*got ""/)
  expect((await analyze('1\n1\n1\n1\n')).json().verdict).toEqual([
    expect.stringMatching(/^All responses are 1, so no effect/),
  ])
})
