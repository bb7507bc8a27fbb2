/** `kumiki evaluate --runs`: scores of every checkpoint over tokens, cached, resumed and drawn. */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runEvaluate } from '../src/models/evaluate-command.ts'
import { runTrain } from '../src/train/train-command.ts'
import { inProcess } from './run-cli.ts'
import { tinyRun } from './run-processes.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-scores-'))
const at = (...names: string[]) => join(root, ...names)
afterAll(() => rmSync(root, { recursive: true, force: true }))

const [, config, , texts] = tinyRun(root)
const runs = [at('one'), at('two')]
const score = (...more: string[]) =>
  inProcess(['evaluate', '--runs', ...runs, '--text', at('held.txt'), '--device', 'cpu', '--threads', '1', ...more])

beforeAll(async () => {
  writeFileSync(at('held.txt'), 'the book number 81 on the shelf is red.')
  const task = {
    task: 'colour',
    dataset_path: 'json',
    dataset_kwargs: { data_files: { test: 'colour.jsonl' } },
    test_split: 'test',
    output_type: 'multiple_choice',
    doc_to_text: '{{q}}',
    doc_to_choice: ['red.', 'zzqx'],
    doc_to_target: 0,
    metric_list: [{ metric: 'acc' }],
  }
  writeFileSync(at('colour.yaml'), JSON.stringify(task))
  const questions = [3, 4].map((i) => JSON.stringify({ q: `the book number ${i} on the shelf is` }))
  writeFileSync(at('colour.jsonl'), questions.join('\n'))
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  await runTrain({
    config,
    data: [texts],
    out: runs[0],
    overrides: { steps: 4, precision: 'bf16' },
    device: 'cpu',
    threads: 1,
    checkpointEvery: 2,
    keepEvery: 2,
  })
  cpSync(runs[0], runs[1], { recursive: true })
  stderr.mockRestore()
})

test('the last checkpoint has the figures of the finished model; what was measured is not measured again', async () => {
  const first = (await score('--task', at('colour.yaml'), '--json')).json()
  expect(first).toMatchObject({ kept: 0, measured: 8, skipped: [], out: at('one', 'scores.html') })
  for (const [i, model] of runs.entries()) {
    const { checkpoints } = first.runs[i]
    expect(checkpoints.map(({ step, tokens }: { step: number; tokens: number }) => [step, tokens])).toEqual([
      [2, 2 * 2 * 16],
      [4, 4 * 2 * 16],
    ])
    const options = { model, text: [at('held.txt')], task: [at('colour.yaml')], batchSize: 4 } as const
    const finished = await runEvaluate({ ...options, device: 'cpu', threads: 1 })
    expect(checkpoints[1].files).toEqual(finished.files)
    expect(checkpoints[1].tasks).toEqual(finished.tasks)
    expect(checkpoints[1].total.bitsPerByte).not.toBe(checkpoints[0].total.bitsPerByte)
  }
  const page = readFileSync(first.out, 'utf8')
  for (const text of ['one', 'two', 'held.txt', 'colour: acc', 'tokens']) expect(page).toContain(text)

  // Interrupted after three figures of the second run: the fourth alone is made.
  const file = at('two', 'scores.json')
  const kept = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...kept, scores: kept.scores.slice(0, 3) }))
  const again = (await score('--task', at('colour.yaml'), '--json')).json()
  expect(again).toEqual({ ...first, kept: 7, measured: 1 })
  const other = await score('--window', '8')
  expect(other.stdout).toMatch(/run +step +tokens +held\.txt\n/)
  expect(JSON.parse(readFileSync(file, 'utf8')).scores.length).toBe(6)
})

test('the card of the model has its scores and the curve', async () => {
  await score('--task', at('colour.yaml'))
  await inProcess(['convert', '--model', at('one'), '--to', 'hf', '--out', at('card')])
  const card = readFileSync(at('card', 'README.md'), 'utf8')
  expect(card).toMatch(/\| colour \| acc \| [\d.]+ \| [\d.]+ \|/)
  const [, curve] = card.split('## Scores of checkpoints')
  expect(curve).toMatch(/\| tokens \| held\.txt: bits per byte \| colour: acc \|\n.*\n\| 64 \| .*\n\| 128 \| /)
  expect(card).toContain('license: apache-2.0')
})

test('a checkpoint that is broken is passed over and told', async () => {
  appendFileSync(at('one', 'checkpoints', 'step-00000002', 'state.safetensors'), 'x')
  writeFileSync(at('held.txt'), 'another text')
  const { runs, skipped } = (await score('--json')).json()
  expect(runs[0].checkpoints.map(({ step }: { step: number }) => step)).toEqual([4])
  expect(skipped).toMatchObject([{ path: at('one', 'checkpoints', 'step-00000002') }])
})

test.each<[string, string[], RegExp]>([
  ['both', ['--model', root], /give either --model FOLDER \(one model\) or --runs/],
  [
    'no checkpoint of that step',
    ['--runs', `${at('one')}@3`],
    /no checkpoint of step 3; it has checkpoints of the steps 2, 4/,
  ],
  ['no run', ['--runs', at('none')], /none/],
  ['no average', ['--averaged'], /no moving average was kept/],
])('refused: %s', async (_, more, message) => {
  const { code, stderr } = await score(...more)
  expect(code).not.toBe(0)
  expect(stderr).toMatch(message)
})

test('scores.json of another program is left alone', async () => {
  writeFileSync(at('two', 'scores.json'), '[]')
  expect((await score()).stderr).toMatch(/two\/scores\.json: not a scores\.json of kumiki evaluate --runs/)
})
