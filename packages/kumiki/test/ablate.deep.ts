/** `kumiki ablate run`: killed, resumed, with one training that fails, with a configuration changed meanwhile. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { kumiki } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-ablate-run-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, ...names)

test('a study is trained, killed in the middle and ended', { timeout: 300_000 }, async () => {
  const lines = (word: string) => Array.from({ length: 90 }, (_, i) => `${word} ${i} is on the shelf.`).join('\n\n')
  for (const word of ['book', 'code']) writeFileSync(at(`${word}.txt`), lines(word))
  const architecture = {
    hiddenSize: 16,
    intermediateSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    headDim: 8,
    maxPositionEmbeddings: 32,
  }
  const run = { steps: 6, batchSize: 2, sequenceLength: 16, vocabSize: 300, precision: 'f32' }
  const study = {
    name: 'small',
    base: { architecture, run, data: [{ name: 'book', path: 'book.txt' }], heldOut: { book: 'book.txt' } },
    factors: [
      { name: 'Code', levels: { off: {}, on: { data: [{ name: 'code', path: 'code.txt' }] } } },
      { name: 'Rate', levels: { low: {}, high: { run: { learningRate: 0.01 } } } },
    ],
  }
  // What is held out does not train: without code there is no text.
  writeFileSync(at('study.json'), JSON.stringify(study))
  await kumiki(['ablate', 'design', '--study', at('study.json'), '--runs', '4', '--out', at('s')])
  const first = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--import',
      import.meta.resolve('tsx'),
      fileURLToPath(new URL('../src/bin.ts', import.meta.url)),
      ...['ablate', 'run', at('s'), '--device', 'cpu', '--threads', '1'],
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => first.on('close', resolve))
  while (!existsSync(at('s/runs/run-2/summary.json'))) await new Promise((resolve) => setTimeout(resolve, 50))
  first.kill('SIGKILL')
  await ended
  const again = await kumiki(['ablate', 'run', at('s'), '--device', 'cpu', '--threads', '1', '--json'])
  expect(again.code).toBe(1)
  expect(again.json().runs.map(({ state }: { state: string }) => state)).toEqual([
    'failed',
    'was finished',
    'failed',
    'finished',
  ])
  expect(again.stderr).toMatch(/2 of 4 runs failed: run-1 \(.*; run-3 \(/)
  const config = JSON.parse(readFileSync(at('s/configs/run-4.json'), 'utf8'))
  writeFileSync(at('s/configs/run-4.json'), JSON.stringify({ ...config, run: { ...run, steps: 7 } }))
  const changed = await kumiki(['ablate', 'run', at('s'), '--device', 'cpu', '--threads', '1', '--json'])
  expect(changed.json().runs[3].error).toMatch(/is not the configuration that .*run-4 was started with/)
})
