/** `kumiki evaluate`: perplexity of files, and tasks of lm-evaluation-harness. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decoderModel, nano } from '@kumiki/models'
import { saveModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runEvaluate } from '../src/models/evaluate-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-evaluate-'))
const at = (name: string) => join(folder, name)
const tokenizerFile = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))
const tokenizer = loadTokenizer(readFileSync(tokenizerFile))
const texts = ['A joint that holds.', '釘を使わない木組み。']

beforeAll(async () => {
  const device = await init({ backend: 'cpu', threads: 1 })
  const { vocabSize } = tokenizer
  const architecture = {
    ...nano,
    hiddenSize: 32,
    intermediateSize: 32,
    numHiddenLayers: 1,
    vocabSize,
    paddedVocabSize: vocabSize,
  }
  await saveModel(folder, architecture, decoderModel(architecture).initialize(device), { eosTokenId: tokenizer.eosId })
  device.dispose()
  copyFileSync(tokenizerFile, at('tokenizer.model'))
  texts.forEach((text, i) => {
    writeFileSync(at(`${i}.md`), text)
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('figures of files and of all together; the batch size changes no bit', async () => {
  const options = { model: folder, text: [at('0.md'), at('1.md')], device: 'cpu', threads: 1 } as const
  const report = await runEvaluate({ ...options, batchSize: 1 })
  report.files.forEach(({ bytes, tokens, natsPerToken, bitsPerByte }, i) => {
    expect(bytes).toBe(new TextEncoder().encode(texts[i]).length)
    // Every token of the document and its end; the end before it is seen alone.
    expect(tokens).toBe(tokenizer.encode(texts[i]).length + 1)
    // Weights that have learned nothing are near the uniform distribution.
    expect(Math.abs(natsPerToken - Math.log(tokenizer.vocabSize))).toBeLessThan(0.2)
    expect(bitsPerByte).toBeCloseTo((natsPerToken * tokens) / Math.LN2 / bytes, 10)
  })
  expect(report.total!.tokens).toBe(report.files[0].tokens + report.files[1].tokens)
  expect((await runEvaluate({ ...options, batchSize: 3 })).total).toEqual(report.total!)
})

test('a folder without a tokenizer is named', async () => {
  const other = mkdtempSync(join(tmpdir(), 'kumiki-evaluate-'))
  await expect(runEvaluate({ model: other, text: [at('0.md')], batchSize: 1, device: 'cpu' })).rejects.toThrow(
    /contains neither tokenizer\.json nor tokenizer\.model/,
  )
  rmSync(other, { recursive: true })
})

test('tasks of lm-evaluation-harness, with its tokenizer and its scores', async () => {
  const vectors = fileURLToPath(new URL('../../models/vectors/lm-eval/', import.meta.url))
  const task = [join(vectors, 'tasks/japanese.yaml')]
  const model = join(vectors, 'model')
  const report = await runEvaluate({ model, text: [], task, batchSize: 3, device: 'cpu', threads: 1 })
  const { tasks } = JSON.parse(readFileSync(join(vectors, 'scores.json'), 'utf8'))
  expect(report.tasks[0]).toMatchObject({ task: 'japanese', documents: 10 })
  expect(report.tasks[0].metrics.acc_norm!.value).toBeCloseTo(tasks.japanese.metrics.acc_norm, 12)
  expect(report.total).toBeUndefined()
})
