/** `kumiki tokenizer train`: progress, stages, recipes, a memory limit, and errors of wrong input. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadTokenizer } from '@kumiki/tokenizer'
import { type TrainProgress, trainUnigram } from '@kumiki/tokenizer/train'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { SpillFolder } from '../../tokenizer/src/load/spill-folder.ts'
import { createTrainingProgress, trainedShare } from '../src/verbs/tokenizer-progress.ts'
import { inProcess, inProcesses } from './run-cli.ts'

// Training collects garbage after each phase. In a process that tests share this takes longer than training.
beforeAll(() => {
  vi.spyOn(SpillFolder.prototype, 'collect').mockImplementation(() => {})
})
afterAll(() => vi.restoreAllMocks())

const folder = mkdtempSync(join(tmpdir(), 'kumiki-tokenizer-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, ...names)
const corpus = readFileSync(new URL('../../tokenizer/vectors/corpus.txt', import.meta.url), 'utf8')
const lines = corpus.trimEnd().split('\n')
const isJapanese = (line: string) => /[\u3040-\u30ff\u4e00-\u9fff]/.test(line)

function phasesOf(): TrainProgress[] {
  const seen: TrainProgress[] = []
  trainUnigram([...lines, ...lines], { vocabSize: 400, onProgress: (progress) => seen.push(progress) })
  return seen
}

function fakeStream(isTTY: boolean) {
  const parts: string[] = []
  const cursor = { cursorTo() {}, clearLine() {}, moveCursor() {}, on() {}, once() {}, removeListener() {} }
  const stream = { isTTY, columns: 120, write: (text: string) => parts.push(text), ...cursor }
  return { parts, stream: stream as unknown as NodeJS.WriteStream }
}

test('the share of the work that is done never falls, and ends at 1', () => {
  const share = trainedShare()
  const shares = phasesOf().map(share)
  expect(shares.slice().sort((a, b) => a - b)).toEqual(shares)
  expect(shares.at(-1)).toBe(1)
  expect(new Set(shares).size).toBeGreaterThan(3)
})

test('a bar on a terminal, a line a phase elsewhere', () => {
  for (const isTTY of [true, false]) {
    const { parts, stream } = fakeStream(isTTY)
    const progress = createTrainingProgress(stream)
    progress.begin('stage one')
    for (const each of phasesOf()) progress.update(each)
    progress.stop()
    const text = parts.join('')
    if (isTTY) expect(text).toMatch(/█{24} 100 % {2}stage one: done/)
    else
      expect(parts).toEqual(['stage one', 'read', 'seed', 'estimate', 'prune', 'finish'].map((line) => `  ${line}\n`))
  }
})

test('train in stages by a recipe; with fixed pieces and rules', async () => {
  writeFileSync(at('en.txt'), lines.filter((line) => !isJapanese(line)).join('\n'))
  writeFileSync(at('ja.txt'), lines.filter(isJapanese).join('\n'))
  writeFileSync(at('all.txt'), corpus)
  writeFileSync(at('fixed.txt'), '▁▁▁▁\n▁the\n')
  const recipe = {
    fixedPieces: 'fixed.txt',
    stages: [
      { name: 'en', data: ['en.txt'], size: 300 },
      { name: 'ja', data: ['ja.txt'], size: 600, keep: '^[^a-z0-9]+$' },
      { name: 'characters', add: ['亜'] },
    ],
    estimate: { data: ['en.txt', 'ja.txt'], iterations: 2 },
  }
  writeFileSync(at('recipe.json'), JSON.stringify(recipe))
  writeFileSync(at('bad.json'), JSON.stringify({ ...recipe, stages: [{ name: 'x', sise: 3 }] }))
  const train = (model: string, ...flags: string[]) => ['tokenizer', 'train', '--json', '--model', at(model), ...flags]
  const text = ['--data', at('all.txt'), '--vocab-size', '700']
  const [staged, fixed, bad, neither] = await inProcesses([
    train('staged.model', '--recipe', at('recipe.json')),
    train('fixed.model', ...text, '--fixed-pieces', at('fixed.txt'), '--normalization', 'nfkc'),
    train('x.model', '--recipe', at('bad.json')),
    train('x.model'),
  ])
  expect(staged.stderr).toContain('  ja (from ')
  const tokenizer = loadTokenizer(readFileSync(at('staged.model')))
  expect(staged.json().vocabSize).toBe(tokenizer.vocabSize)
  for (const piece of ['▁▁▁▁', '▁the', '亜']) expect(tokenizer.idToPiece(tokenizer.pieceToId(piece))).toBe(piece)
  for (const line of lines) expect(tokenizer.decode(tokenizer.encode(line))).toBe(line)

  expect(fixed.json()).toMatchObject({ vocabSize: 700 })
  const rules = loadTokenizer(readFileSync(at('fixed.model')))
  expect(rules.encodeWithOffsets('ＴＨＥ').pieces.join('')).toBe('▁THE')

  expect([bad.code, bad.stderr]).toEqual([
    2,
    expect.stringContaining('stages[0] has an unknown field "sise"; did you mean size?'),
  ])
  expect([neither.code, neither.stderr]).toEqual([2, expect.stringContaining('give --vocab-size N or --recipe FILE')])
  const bpe = await inProcess(train('x.model', '--type', 'bpe', '--recipe', at('recipe.json')))
  expect([bpe.code, bpe.stderr]).toEqual([2, expect.stringContaining('--recipe needs --type unigram')])
})

test('under a ceiling of memory: the same model; what is wrong is said', async () => {
  writeFileSync(at('part.jsonl'), lines.map((text) => JSON.stringify({ text })).join('\n'))
  const train = (model: string, ...flags: string[]) => [
    'tokenizer',
    'train',
    '--json',
    '--model',
    at(model),
    '--vocab-size',
    '700',
    '--data',
    at('part.jsonl'),
    ...flags,
  ]
  const ceiling = ['--memory', '4GB']
  const [plain, within, folder, stages, little] = await inProcesses([
    train('plain.model'),
    train('within.model', ...ceiling, '--work-folder', at('work')),
    train('x.model', '--work-folder', at('work')),
    ['tokenizer', 'train', '--json', '--model', at('stages.model'), '--recipe', at('recipe.json'), ...ceiling],
    train('x.model', '--memory', '20MB'),
  ])
  expect([plain.code, within.code]).toEqual([0, 0])
  expect(readFileSync(at('within.model'))).toEqual(readFileSync(at('plain.model')))
  expect(within.json()).toMatchObject({ lines: lines.length, vocabSize: 700 })
  expect([folder.code, folder.stderr]).toEqual([2, expect.stringContaining('--work-folder needs --memory')])
  // The text of the estimate is that of both stages again.
  expect(stages.json()).toMatchObject({ lines: 2 * lines.length })
  expect(stages.stderr).toContain('  ja (from ')
  expect(readFileSync(at('stages.model'))).toEqual(readFileSync(at('staged.model')))
  expect(little.stderr).toMatch(/--memory is 20000000 bytes; at least \d+ \(\d+ MiB\) are needed/)
})

test('a wrong option is wrong use, other faults are failures; the error says which it is, not its words', async () => {
  mkdirSync(at('vocabSize is option'))
  writeFileSync(at('vocabSize is option', 'notes.txt'), 'mine')
  const train = (...flags: string[]) => [
    ...['tokenizer', 'train', '--json', '--model', at('x.model'), '--vocab-size', '700', '--data', at('all.txt')],
    ...flags,
  ]
  const [twice, little, large, folder] = await inProcesses([
    train('--user-symbol', '[A]', '--user-symbol', '[A]'),
    train('--memory', '20MB'),
    train('--vocab-size', '99999'),
    // Its words are those of an option that is unknown.
    train('--memory', '4GB', '--work-folder', at('vocabSize is option')),
  ])
  expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining('the piece "[A]" is requested twice')])
  expect([little.code, little.stderr]).toEqual([2, expect.stringContaining('--memory is 20000000 bytes')])
  expect([large.code, large.stderr]).toEqual([2, expect.stringMatching(/--vocab-size 99999, but .*--no-hard-vocab/)])
  expect([folder.code, folder.stderr]).toEqual([1, expect.stringContaining('has files that are not from training')])
  const options: [string | undefined, () => unknown][] = [
    ['vocabSize', () => trainUnigram(lines, { vocabSize: 0 })],
    ['seedSze', () => trainUnigram(lines, { vocabSize: 700, seedSze: 1 } as never)],
    ['characterCoverage', () => trainUnigram(lines, { vocabSize: 700, characterCoverage: 2 })],
    ['fixedPieces', () => trainUnigram(lines, { vocabSize: 700, fixedPieces: ['a b'] })],
    ['controlSymbols', () => trainUnigram(lines, { vocabSize: 700, controlSymbols: ['x', 'x'] })],
    [undefined, () => trainUnigram([''], { vocabSize: 700 })],
  ]
  for (const [option, work] of options) {
    let error: unknown
    try {
      work()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ name: 'TokenizerError' })
    expect((error as { option?: string }).option).toBe(option)
  }
})
