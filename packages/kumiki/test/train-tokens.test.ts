/** `kumiki train` on token files: Megatron-LM's order, records, resuming. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openIndexedDataset, writeIndexedDataset } from '@kumiki/data/node'
import { loadTokenizer } from '@kumiki/tokenizer'
import { StopSignals } from '@kumiki/train/node'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { resolveRun } from '../src/train/run-definition.ts'
import { tokensOfRun } from '../src/train/run-text.ts'
import { readTokenizer } from '../src/train/run-tokenizer.ts'
import { TokenFiles } from '../src/train/token-files.ts'
import { runTrain } from '../src/train/train-command.ts'
import type { TrainCommandOptions } from '../src/train/train-options.ts'
import { inProcess } from './run-cli.ts'
import { tinyRun } from './run-processes.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-train-tokens-'))
const at = (...names: string[]) => join(root, ...names)
afterAll(() => rmSync(root, { recursive: true, force: true }))
beforeAll(() => {
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
})
afterAll(() => vi.restoreAllMocks())

const model = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))
const tokenizer = loadTokenizer(readFileSync(model))
const level = (name: string, releaseLevel: string, extra = {}) =>
  writeFileSync(
    at(`${name}.subsets.json`),
    JSON.stringify({
      version: 1,
      subsets: [
        { subset: name, language: 'en', source: null, licence: 'CC0', releaseLevel, repeats: 1, tokens: 900, ...extra },
      ],
    }),
  )

/**
 * 60 texts of both languages each in token files `ja` (L2) and `en` (nothing recorded), and a tiny model without a
 * vocabulary of its own.
 */
beforeAll(async () => {
  tinyRun(root)
  const { run, ...tiny } = JSON.parse(readFileSync(at('tiny.json'), 'utf8'))
  writeFileSync(at('tiny.json'), JSON.stringify({ ...tiny, run: { ...run, vocabSize: undefined } }))
  for (const [name, text] of [
    ['ja', (i: number) => `本棚の${i}番目の本は赤い。`],
    ['en', (i: number) => `the book number ${i} on the shelf is red.`],
  ] as const)
    await writeIndexedDataset(
      at(name),
      Array.from({ length: 60 }, (_, i) => tokenizer.encode(text(i))),
      { vocabSize: tokenizer.vocabSize, eosId: tokenizer.eosId },
    )
  level('ja', 'L2')
})

const blend = () => ['0.3', at('ja'), '0.7', at('en')]
const train = (out: string, more: Partial<TrainCommandOptions> = {}, overrides = {}) =>
  runTrain({
    ...{ config: at('tiny.json'), data: [], dataPath: blend(), tokenizer: model, split: '80,20,0' },
    ...{ device: 'cpu', threads: 1, out: at(out), overrides: { steps: 6, ...overrides } },
    ...more,
  })
const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'))

test('a blend is trained in the order of Megatron-LM, and goes on to the bit', async () => {
  const made = await train('whole', { checkpointEvery: 3 })
  expect(made.steps).toBe(6)
  const record = json('whole', 'run.json')
  expect(record.tokenFiles).toEqual({
    datasets: [
      { prefix: at('ja'), weight: 0.3 },
      { prefix: at('en'), weight: 0.7 },
    ],
    order: 'megatron',
    split: '80,20,0',
    samples: 12,
  })
  // What a file beside the tokens says, and what stands where there is none.
  expect(record.corpus).toMatchObject([
    { subset: 'ja', licence: 'CC0', releaseLevel: 'L2', tokens: 58 },
    { subset: 'en', licence: null, releaseLevel: 'L3', tokens: 134 },
  ])
  expect(made.corpus).toEqual(record.corpus)
  // Step 2 has the documents that replay says Megatron-LM reads.
  const replayed = (
    await inProcess([
      ...['data', 'replay', '--data-path', ...blend(), '--split', '80,20,0', '--seed', '0', '--train-iters', '6'],
      ...['--global-batch', '2', '--seq', '16', '--step', '2', '--json'],
    ])
  ).json() as { samples: { prefix: string; parts: { document: number; offset: number; tokens: number }[] }[] }
  const files = await TokenFiles.open(record.tokenFiles)
  const source = files.source(record.configuration)
  await source.next()
  const { inputs } = (await source.next()).value as { inputs: Int32Array }
  const expected: number[] = []
  for (const { prefix, parts } of replayed.samples) {
    using dataset = await openIndexedDataset(prefix)
    const ids = parts.flatMap(({ document, offset, tokens }) => [
      ...dataset.document(document).subarray(offset, offset + tokens),
    ])
    expected.push(...ids.slice(0, 16))
  }
  expect([...inputs]).toEqual(expected)
  files.close()
  const onward = [
    'handoff',
    `${at('whole')}@3`,
    '--out',
    at('handoff'),
    '--gpu',
    'H100',
    '--gpus-per-node',
    '2',
    '--nodes',
    '1',
  ]
  const { data, launch } = (await inProcess([...onward, '--json'])).json() as { data: object[]; launch: string }
  expect(data).toMatchObject([{ prefix: at('ja'), documents: 60, weight: 0.3 }, { prefix: at('en') }])
  expect(launch).toContain(`--data-path 0.3 ${at('ja')} 0.7 ${at('en')}`)
  // A run from its weights on other data: the tokenizer is that run's.
  const fresh = await runTrain({
    ...{ data: [], dataPath: [at('en')], split: '80,20,0', from: `${at('whole')}@3`, out: at('fresh') },
    ...{ device: 'cpu', threads: 1, overrides: { steps: 2 } },
  })
  expect(fresh.corpus).toMatchObject([{ subset: 'en', tokens: 64 }])
  // From the checkpoint of step 3 on, as if it had never stopped.
  cpSync(at('whole'), at('again'), { recursive: true })
  const weights = readFileSync(at('whole', 'model.safetensors'))
  rmSync(at('again', 'model.safetensors'))
  await runTrain({ data: [], overrides: {}, device: 'cpu', threads: 1, resume: `${at('again')}@3` })
  expect(readFileSync(at('again', 'model.safetensors')).equals(weights)).toBe(true)
  // A branch that ends past the order is refused before its folder is made.
  await expect(
    runTrain({
      ...{ data: [], overrides: {}, out: at('branch'), device: 'cpu', threads: 1 },
      ...{ branch: `${at('whole')}@3`, decay: { steps: 4 } },
    }),
  ).rejects.toThrow(
    /the branch would end at step 7, but the order of its token files was made for 12 samples, up to step 6/,
  )
  expect(existsSync(at('branch'))).toBe(false)
  // More steps would be another order.
  await expect(
    runTrain({ data: [], overrides: { steps: 9 }, device: 'cpu', threads: 1, resume: at('again') }),
  ).rejects.toThrow(
    /9 steps of 2 sequences read 18 samples, but the order of ja, en was built for 12, .* Stop at step 6,/,
  )
})

test('two sets of files in windows by seed: every window of both once a pass', async () => {
  const { tokenFiles, configuration } = await resolveRun({
    ...{ config: at('tiny.json'), dataPath: [at('ja'), at('en')], order: 'packed', split: '80,20,0' },
    ...{ tokenizer: model, overrides: {} },
  })
  const files = await TokenFiles.open(tokenFiles!)
  const ids: number[] = []
  for (const name of ['ja', 'en']) {
    using dataset = await openIndexedDataset(at(name))
    for (let i = 0; i < 48; i++) ids.push(...dataset.document(i))
  }
  const source = files.source({ ...configuration, batchSize: 1 })
  const windows = Math.floor((ids.length - 1) / 16)
  const seen = new Set<string>()
  for (let i = 0; i < windows; i++) seen.add(String(((await source.next()).value as { inputs: Int32Array }).inputs))
  files.close()
  expect(seen).toEqual(new Set(Array.from({ length: windows }, (_, i) => String(ids.slice(16 * i, 16 * i + 16)))))
})

test('the tokenizer is a tokenizer.json: kept in the run with what ends a text, and found there again', async () => {
  const hub = at('hub')
  mkdirSync(hub)
  const file = join(hub, 'tokenizer.json')
  cpSync(fileURLToPath(new URL('../../tokenizer/vectors/hf/gpt2.tokenizer.json', import.meta.url)), file)
  const build = (out: string) =>
    inProcess(['data', 'build', '--data', at('texts.txt'), '--tokenizer', hub, '--out', at(out), '--json'])
  // Its special token has a name that is in use for the end.
  expect((await build('bytes')).json()).toMatchObject({ documents: 80, vocabSize: 421, eosId: 420 })
  const { stdout } = await inProcess(['data', 'inspect', at('bytes'), '--tokenizer', file, '--json'])
  expect(JSON.parse(stdout)[0].samples[0]).toMatch(/the book number/)
  await train('json', { dataPath: [at('bytes')], tokenizer: file, checkpointEvery: 3 })
  expect(json('json', 'config.json')).toMatchObject({ vocab_size: 421, eos_token_id: 420 })
  expect(json('json', 'tokenizer_config.json').eos_token).toBe('<|endoftext|>')
  expect(readFileSync(at('json', 'tokenizer.json'))).toEqual(readFileSync(file))
  const weights = readFileSync(at('json', 'model.safetensors'))
  rmSync(at('json', 'model.safetensors'))
  rmSync(hub, { recursive: true })
  await runTrain({ data: [], overrides: {}, device: 'cpu', threads: 1, resume: `${at('json')}@3` })
  expect(readFileSync(at('json', 'model.safetensors')).equals(weights)).toBe(true)
  const generated = await inProcess([
    ...['generate', '--checkpoint', at('json'), '--prompt', 'the book', '--max-tokens', '4', '--device', 'cpu'],
  ])
  expect(generated.code, generated.stderr).toBe(0)
  const onward = ['handoff', `${at('json')}@3`, '--out', at('handoff-json'), '--gpu', 'H100', '--gpus-per-node', '2']
  const { launch } = (await inProcess([...onward, '--nodes', '1', '--json'])).json() as { launch: string }
  expect(launch).toContain('--tokenizer-type HuggingFaceTokenizer --tokenizer-model model ')
})

test('what does not say its end of text ends no documents', async () => {
  const file = at('llama3.json')
  cpSync(fileURLToPath(new URL('../../tokenizer/vectors/hf/llama3.tokenizer.json', import.meta.url)), file)
  await expect(train('refused', { tokenizer: file })).rejects.toThrow(
    /llama3.json: no tokenizer_config.json beside it names the end-of-text token \(eos_token\), which must end every document/,
  )
  const built = await inProcess(['data', 'build', '--data', at('texts.txt'), '--tokenizer', file, '--out', at('none')])
  expect(built).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('llama3.json has no end-of-text token that is named'),
  })
  writeFileSync(at('tokenizer_config.json'), JSON.stringify({ eos_token: { content: '<|end|>' } }))
  expect((await readTokenizer(file)).tokenizer.eosId).toBe(421)
})

test('one set of files in windows by seed, from a configuration file, with texts that are held out', async () => {
  writeFileSync(
    at('packed.json'),
    JSON.stringify({
      ...json('tiny.json'),
      tokenizer: model,
      tokenFiles: { dataPath: 'en', order: 'packed' },
      heldOut: { shelf: 'texts.txt' },
    }),
  )
  const { tokenFiles, tokenizer: file, configuration } = await resolveRun({ config: at('packed.json'), overrides: {} })
  expect([tokenFiles, file, configuration.vocabSize]).toEqual([
    { datasets: [{ prefix: at('en') }], order: 'packed', split: '969,30,1' },
    model,
    tokenizer.vocabSize,
  ])
  const scaled = await resolveRun({ preset: 'llm-jp-3-150m', tokenizer: model, overrides: {}, available: 2 ** 36 })
  expect(scaled.configuration.vocabSize).toBe(tokenizer.vocabSize)
  expect(scaled.recipe?.differences.find(({ what }) => what === 'vocabulary size')?.why).toBe('set by unigram.model')
  const files = await TokenFiles.open(tokenFiles!)
  const text = await tokensOfRun(files, { shelf: at('texts.txt') })
  const stop = new StopSignals({ onRequest() {}, onSecond() {} })
  const { source, corpus, tokens, heldOut } = await text.encoded(tokenizer, configuration, stop)
  stop.dispose()
  expect([corpus.parts, heldOut.length]).toEqual([[{ name: 'shelf', documents: 80 }], 80])
  const first = source()
  await first.next()
  const state = first.state()
  const second = files.source(configuration)
  await second.restore(state)
  expect(await second.next()).toEqual(await first.next())
  // 58 of 60 documents: the split is of documents.
  using dataset = await openIndexedDataset(at('en'))
  expect(tokens).toBe(dataset.tokens - dataset.sequenceLengths[58] - dataset.sequenceLengths[59])
  files.close()
})

test.each([
  [{ dataPath: undefined, order: 'packed' }, /--order needs --data-path/],
  [{ tokenizer: undefined }, /token files need --tokenizer FILE/],
  [{ order: 'packed' }, /--order packed reads every token once per pass and takes no weights, got 0.3 for .*ja/],
  [{ data: ['a.txt'] }, /give --data or --data-path, not both/],
  [{ dataPath: ['0.3', 'ja', 'en'] }, /no such file/],
  [{ dataPath: ['0.3', 'ja', 'x', 'en'] }, /some datasets have a weight and others none/],
  [{ dataPath: ['0', 'ja', '1', 'en'] }, /the weight of .*ja must be a number above 0, got 0/],
  [{ split: '0.001,1,0' }, /ja: the split 0.001,1,0 leaves 0 tokens to train on/],
  [{ split: 'half' }, /--split must be one to three numbers/],
  [{ split: '0,1,0' }, /gives nothing to train/],
  [{ split: '1' }, /the split 1 leaves no validation documents/],
  [{ tokenizer: 'nowhere.model' }, /nowhere.model: there is no such file/],
  [{ overrides: { vocabSize: 300 } }, /vocabSize is 300, but the tokenizer .* has \d+ pieces/],
] as const)('%j is refused', async (flags, message) => {
  const { dataPath, ...rest } = flags as Partial<TrainCommandOptions>
  const own =
    'dataPath' in flags ? { dataPath: dataPath?.map((word) => (/^[a-z]{2}$/.test(word) ? at(word) : word)) } : {}
  await expect(train('refused', { ...rest, ...own })).rejects.toThrow(message)
})

test('files that may not train are refused, and so are ids that the tokenizer does not have', async () => {
  level('en', 'LX')
  await expect(train('refused')).rejects.toThrow(/en.subsets.json: source "en" has release level LX/)
  rmSync(at('en.subsets.json'))
  await writeIndexedDataset(at('large'), [Int32Array.of(5, 90_000, 2), Int32Array.of(5, 2)], { vocabSize: 99_584 })
  await expect(train('refused', { dataPath: [at('large')], split: '50,50,0' })).rejects.toThrow(
    /large: sequence 0 contains the id 90000, but the tokenizer has \d+ pieces/,
  )
})
