/** Tasks and scores of lm-evaluation-harness; see ../vectors/lm-eval/make.py. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
// Not along an arrow: models takes an encoder and a compiler of templates as plain functions; these are the ones users
// have.
import { textTemplate } from '../../tokenizer/src/chat.ts'
import { openTokenizer } from '../../tokenizer/src/node.ts'
import { parsePythonList } from '../src/evaluate/python-literal.ts'
import { PythonRandom } from '../src/evaluate/python-random.ts'
import { encodePair } from '../src/evaluate/task-scores.ts'
import {
  decoderModel,
  type EvaluationTask,
  type LanguageModel,
  logLikelihoods,
  type Parameters,
  scoreTask,
  type TaskEncoder,
  taskItems,
} from '../src/index.ts'
import { loadEvaluationTask, loadModel } from '../src/node.ts'

const vectors = fileURLToPath(new URL('../vectors/lm-eval/', import.meta.url))
const { tasks: expected } = JSON.parse(readFileSync(join(vectors, 'scores.json'), 'utf8'))

let device: Device
let model: LanguageModel
let parameters: Parameters
let encoder: TaskEncoder
const folder = mkdtempSync(join(tmpdir(), 'kumiki-tasks-'))
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  const loaded = await loadModel(device, join(vectors, 'model'))
  model = decoderModel(loaded.architecture)
  parameters = loaded.parameters
  const tokenizer = await openTokenizer(join(vectors, 'model/tokenizer.json'))
  const ids = (text: string, addSpecialTokens: boolean) => {
    const encoded = tokenizer.encode(text, { addSpecialTokens } as never)
    return Array.from('ids' in encoded ? (encoded.ids as ArrayLike<number>) : encoded)
  }
  encoder = { encode: (text) => ids(text, true), encodeAlone: (text) => ids(text, false), prefixId: 0 }
})
afterAll(() => {
  device.dispose()
  rmSync(folder, { recursive: true })
})

const taskOf = (name: string) => loadEvaluationTask(join(vectors, 'tasks', `${name}.yaml`))

describe.each(Object.keys(expected))('%s', (name) => {
  test('scores, standard errors and log-likelihoods are lm-evaluation-harness’s', async () => {
    const task = await taskOf(name)
    const { metrics } = await scoreTask(device, model, parameters, task, encoder, textTemplate)
    const theirs = expected[name].metrics
    for (const [metric, { value, standardError }] of Object.entries(metrics)) {
      const tolerance = metric === 'perplexity' ? 1e-4 * value : 1e-12
      expect(Math.abs(value - theirs[metric]), metric).toBeLessThan(tolerance)
      if (metric !== 'perplexity') expect(standardError, metric).toBeCloseTo(theirs[`${metric}_stderr`], 12)
    }
    expect(Object.keys(metrics).length).toBe(Object.keys(theirs).filter((key) => !key.endsWith('_stderr')).length)
    const requests = taskItems(task, textTemplate).flatMap((item) => item.requests)
    const pairs = requests.map((request) => encodePair(encoder, request))
    const mine = await logLikelihoods(device, model, parameters, pairs)
    const all: number[] = expected[name].logLikelihoods.flat()
    expect(mine.length).toBe(all.length)
    for (const [i, { logLikelihood }] of mine.entries()) expect(logLikelihood).toBeCloseTo(all[i], 3)
  })
})

test('the size of a batch changes no bit', async () => {
  const requests = taskItems(await taskOf('english'), textTemplate).flatMap((item) => item.requests)
  const pairs = requests.slice(0, 10).map((request) => encodePair(encoder, request))
  const one = await logLikelihoods(device, model, parameters, pairs, { batchSize: 1, greedy: true })
  expect(await logLikelihoods(device, model, parameters, pairs, { batchSize: 7, greedy: true })).toEqual(one)
})

test('what cannot be scored is refused by its number', async () => {
  const score = (context: number[], continuation: number[]) =>
    logLikelihoods(device, model, parameters, [{ context, continuation }])
  await expect(score([1], [])).rejects.toThrow(/continuation 0 must have 1 to 96 ids .*, got 0 after 1/)
  await expect(score([1], [9999])).rejects.toThrow(/got 9999 in continuation 0/)
})

describe('a task file', () => {
  const good = {
    task: 't',
    dataset_path: 'json',
    dataset_kwargs: { data_files: { test: 'd.jsonl' } },
    test_split: 'test',
    output_type: 'multiple_choice',
    doc_to_text: '{{q}}',
    doc_to_choice: ['a', 'b'],
    doc_to_target: 'label',
  }
  const load = (fields: object | string, data = '{"q": "x", "label": 1}\n'): Promise<EvaluationTask> => {
    // JSON is YAML.
    writeFileSync(join(folder, 't.yaml'), typeof fields === 'string' ? fields : JSON.stringify(fields))
    writeFileSync(join(folder, 'd.jsonl'), data)
    return loadEvaluationTask(join(folder, 't.yaml'))
  }

  test.each<[object, RegExp]>([
    [{ process_docs: 'f' }, /t\.yaml: process_docs is not supported/],
    [{ doc_to_txt: 'f' }, /doc_to_txt is not supported/],
    [{ output_type: 'generate_until' }, /output_type must be multiple_choice or loglikelihood, got generate_until/],
    [{ fewshot_config: { sampler: 'balanced' } }, /fewshot_config.sampler must be default or first_n, got "balanced"/],
    [{ metric_list: [{ metric: 'f1' }] }, /a multiple_choice task may have acc, .*, got "f1"/],
    [{ metric_list: [{ metric: 'acc', aggregation: 'median' }] }, /aggregation of acc must be mean, got "median"/],
    [{ dataset_path: 'super_glue' }, /dataset_path must be json or csv.*, got "super_glue"/],
    [{ dataset_kwargs: { data_files: { test: '../d.jsonl' } } }, /data_files.test: there is no file|leads out/],
    [{ dataset_kwargs: { data_files: { test: 'https://x.org/d.jsonl' } } }, /must be a file in the task's folder/],
    [{ test_split: 'other' }, /there is no split other; data_files has test/],
    [{ include: 't.yaml' }, /circular include, or more than 16 levels: t\.yaml -> t\.yaml/],
    [{ include: '../../etc/passwd' }, /include: there is no file|include leads out/],
    [{ doc_to_choice: undefined }, /doc_to_choice is missing/],
  ])('%j is refused', async (change, message) => {
    await expect(load({ ...good, ...change })).rejects.toThrow(message)
  })

  test('with Python, a link out of its folder, aliases without end or broken data is refused', async () => {
    await expect(load('task: t\nprocess_docs: !function utils.f\n')).rejects.toThrow(/!function names Python code/)
    await expect(load('a: [')).rejects.toThrow(/not valid YAML/)
    const bomb = `a: &a [${'x,'.repeat(9)}]\n${'bcdefgh'.replace(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}`
    await expect(load(bomb)).rejects.toThrow(/t\.yaml: not valid YAML: .*alias/)
    await expect(load(good, '{"q": \n')).rejects.toThrow(/d\.jsonl: line 1 is not JSON/)
    await expect(load(good, '[1]\n')).rejects.toThrow(/line 1 is not an object/)
    const outside = mkdtempSync(join(tmpdir(), 'kumiki-outside-'))
    writeFileSync(join(outside, 'secret.jsonl'), '{"q": "s", "label": 0}\n')
    symlinkSync(join(outside, 'secret.jsonl'), join(folder, 'link.jsonl'))
    await expect(load({ ...good, dataset_kwargs: { data_files: { test: 'link.jsonl' } } })).rejects.toThrow(/leads out/)
    rmSync(outside, { recursive: true })
  })

  test('whose templates read what is not there, or loop for ever, names the document', async () => {
    const items = async (change: object) => taskItems(await load({ ...good, ...change }), textTemplate)
    await expect(items({ doc_to_text: '{{question}}' })).rejects.toThrow(
      /t, document 0: .*the variable question is undefined/,
    )
    await expect(items({ doc_to_text: '{% for i in range(99999999) %}{% endfor %}' })).rejects.toThrow(
      /t, document 0: /,
    )
    const choices = await items({ doc_to_choice: '["it\'s", "b\\u3042"]' })
    expect(choices).toMatchObject([{ choices: ["it's", 'bあ'] }])
  })

  test('may include another beside it', async () => {
    cpSync(join(vectors, 'tasks'), join(folder, 'tasks'), { recursive: true })
    expect(await loadEvaluationTask(join(folder, 'tasks/english.yaml'))).toMatchObject({
      numFewshot: 2,
      name: 'english',
    })
  })
})

test('lists as Python writes them', () => {
  expect(parsePythonList(` ['a', "b'c", 'd\\n', 1, -2.5, True, None,] `)).toEqual([
    'a',
    "b'c",
    'd\n',
    1,
    -2.5,
    true,
    null,
  ])
  for (const broken of ['', "['a'", "['a' 'b'", "['a'] x", '[f()]', "['\\x4']", "{'a': 1}"])
    expect(() => parsePythonList(broken)).toThrow(SyntaxError)
})

test('random.Random(1234).sample of CPython 3.11, one call after another', () => {
  const random = new PythonRandom(1234)
  const range = (n: number) => Array.from({ length: n }, (_, i) => i)
  const drawn = (
    [
      [40, 2],
      [10, 3],
      [100, 8],
      [3000, 7],
      [1, 1],
    ] as const
  ).map(([n, k]) => random.sample(range(n), k))
  expect(drawn).toEqual([
    [28, 7],
    [0, 1, 9],
    [85, 88, 10, 12, 98, 45, 30, 2],
    [126, 64, 1417, 2655, 2552, 1983, 2522],
    [0],
  ])
  expect(() => random.sample([1], 2)).toThrow(/cannot draw 2 examples from 1/)
})
