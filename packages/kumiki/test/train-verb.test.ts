/** `kumiki train`, resume, `generate` and `report`, one after another on a small run. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { inProcess, inProcesses } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-train-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

test('train, go on, generate, report', async () => {
  writeFileSync(
    at('texts.txt'),
    Array.from(
      { length: 80 },
      (_, i) => `本棚の${i}番目の本は赤い。\n\nthe book number ${i} on the shelf is red.`,
    ).join('\n\n'),
  )
  const architecture = {
    hiddenSize: 16,
    intermediateSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    headDim: 8,
    maxPositionEmbeddings: 32,
  }
  writeFileSync(
    at('tiny.json'),
    JSON.stringify({ name: 'tiny', architecture, run: { batchSize: 2, sequenceLength: 16, vocabSize: 300 } }),
  )
  const run = at('run')
  const trained = await inProcess([
    'train',
    '--config',
    at('tiny.json'),
    '--data',
    at('texts.txt'),
    '--steps',
    '4',
    '--precision',
    'f32',
    '--device',
    'cpu',
    '--threads',
    '1',
    '--seed',
    '3',
    '--out',
    run,
    '--json',
  ])
  expect([trained.code, trained.stderr]).toEqual([0, expect.stringContaining('step 4/4, loss ')])
  expect(trained.json()).toMatchObject({
    steps: 4,
    tokens: 128,
    precision: 'f32',
    seed: 3,
    heldOut: { natsPerToken: expect.any(Number), bitsPerByte: expect.any(Number) },
  })
  const resumed = await inProcess([
    'train',
    '--resume',
    run,
    '--steps',
    '6',
    '--device',
    'cpu',
    '--threads',
    '1',
    '--json',
  ])
  expect(resumed.json()).toMatchObject({ steps: 6, seed: 3 })
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).step)).toEqual([1, 2, 3, 4, 5, 6])
  const generate = [
    'generate',
    '--checkpoint',
    run,
    '--prompt',
    'the book',
    '--max-tokens',
    '5',
    '--seed',
    '7',
    '--device',
    'cpu',
    '--threads',
    '1',
  ]
  const [text, json, report, missing] = await inProcesses([
    generate,
    [...generate, '--json'],
    ['report', run, run, '--out', at('both.html'), '--json'],
    ['generate', '--checkpoint', at('none'), '--prompt', 'x'],
  ])
  expect(json.json()).toMatchObject({ prompt: 'the book', text: expect.any(String) })
  expect(text.stdout).toBe(`the book${json.json().text}\n`)
  expect(report.json().runs).toMatchObject([{ steps: 6 }, { steps: 6 }])
  expect(existsSync(at('both.html'))).toBe(true)
  expect(missing).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^kumiki generate: .*none/) })
})
