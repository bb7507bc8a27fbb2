/** `kumiki watch`: logs of other programs next to their plans, and files that are being written. */
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { followFile } from '../src/files/follow-file.ts'
import { inProcess } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-watch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const line = (step: number, ms: number) =>
  ` [2026-03-01 10:00:00] iteration ${step}/ 1000 | consumed samples: 1 | elapsed time per iteration (ms): ${ms} | global batch size: 1024 | lm loss: ${step === 40 ? 9 : 2.5} | grad norm: 0.9 | number of skipped iterations: 0 |\n`
const args = Object.entries({
  num_layers: 40,
  hidden_size: 5120,
  ffn_hidden_size: 13824,
  num_attention_heads: 40,
  seq_length: 4096,
  micro_batch_size: 2,
  global_batch_size: 1024,
  padded_vocab_size: 99584,
  tensor_model_parallel_size: 2,
  pipeline_model_parallel_size: 2,
  world_size: 256,
  swiglu: 'True',
  bf16: 'True',
  normalization: 'RMSNorm',
  add_bias_linear: 'False',
  position_embedding_type: 'rope',
  untie_embeddings_and_output_weights: 'True',
  use_distributed_optimizer: 'True',
  sequence_parallel: 'True',
  attention_dropout: '0.0',
  hidden_dropout: '0.0',
}).map(([name, value]) => `  ${name} ${'.'.repeat(40)} ${value}\n`)

test('a log beside its plan, and a plan fitted to it', async () => {
  const log = join(folder, 'log.txt')
  writeFileSync(log, args.join('') + Array.from({ length: 60 }, (_, i) => line(i + 1, 15_000)).join(''))
  const read = (await inProcess(['watch', log, '--gpu', 'H100', '--json'])).json()
  expect(read.summary).toMatchObject({ step: 60, steps: 1000, secondsPerStep: 15, secondsLeft: 940 * 15 })
  expect(read.spikes).toEqual([40])
  expect(read.plan.comparisons[0]).toMatchObject({ what: 'step', measured: 15 })
  expect(read.plan.verdict.join()).toMatch(/longer than the estimate/)
  const text = await inProcess(['watch', log, '--once'])
  expect(text.stdout).toMatch(
    /^step 60\/1000, loss 2\.5000, 15\.00 s\/step, 1 spike, 3\.9 h left\nspikes at step 40\n$/,
  )
  const page = join(folder, 'page.html')
  const drawn = await inProcess(['watch', log, '--gpu', 'H100', '--once', '--out', page])
  expect(drawn.stdout.trimEnd().split('\n').at(-1)).toBe(page)
  const html = readFileSync(page, 'utf8')
  expect(html).toMatch(
    /class="headline">Step 60 of 1,000, loss 2\.500, 3 h 55 min left, a step takes \d+ % longer than/,
  )
  for (const part of ['Comparison with the plan', 'plan 3.41 s', '>spike<', 'matrix products at 72 % of the peak'])
    expect(html).toContain(part)
  const flags = '--model llm-jp-3-13b --gpu H100 --gpus-per-node 8 --nodes 32 --global-batch 1024 --seq 4096 --limit 1'
  const place = ['--rank', 'tp=2,pp=2,micro-batch=2']
  const planned = (more: string[]) => inProcess(['plan', ...flags.split(' '), ...place, '--json', ...more])
  const [shipped, fitted] = [await planned([]), await planned(['--calibrate', log])]
  expect(fitted.stderr).toMatch(/Calibrated: matrix multiplication reaches [\d.]+ % of the peak \(default: 72\.2 %/)
  const step = (result: typeof shipped) => result.json().candidate.estimate.stepSeconds
  expect(step(fitted)).toBeGreaterThan(step(shipped) * 1.05)
  expect(step(fitted)).toBeCloseTo(15, 0)
})

test.each([
  [['watch', 'nowhere.txt', '--once'], 1, /nowhere\.txt: cannot be read/],
  [['watch', 'empty.txt', '--json'], 1, /no training steps found in Megatron-LM's or torchtitan's format/],
  [['watch', 'bare.txt', '--gpu', 'H100', '--once'], 2, /no list of arguments.*--megatron FILE/],
  [['watch', 'bare.txt', '--gpu', 'H9', '--megatron', 'empty.txt', '--once'], 2, /launch: found no command/],
  [['watch', 'bare.txt', '--megatron', 'empty.txt', '--once'], 2, /--megatron needs --gpu/],
])('%j is refused', async (words, code, message) => {
  writeFileSync(join(folder, 'empty.txt'), 'hello\n')
  writeFileSync(join(folder, 'bare.txt'), line(1, 1))
  const result = await inProcess(words.map((word) => (word.endsWith('.txt') ? join(folder, word) : word)))
  expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)])
})

test('a file is followed over what is added, cut, moved away and made anew', async () => {
  const path = join(folder, 'growing.txt')
  writeFileSync(path, 'a組')
  let text = ''
  let rotations = 0
  const script = [
    () => appendFileSync(path, 'b'),
    () => {
      appendFileSync(path, 'last')
      renameSync(path, `${path}.1`)
      writeFileSync(path, 'new')
    },
    () => {},
    () => truncateSync(path, 0),
    () => appendFileSync(path, 'c'),
    () => rmSync(path),
    () => writeFileSync(path, 'd'),
    () => {},
  ]
  await followFile(path, {
    interval: 5,
    signal: new AbortController().signal,
    onText: (more) => {
      text += more
    },
    onRotation: () => rotations++,
    onLook() {
      const next = script.shift()
      next?.()
      return !next
    },
  })
  expect(text).toBe('a組blastnewcd')
  expect(rotations).toBeGreaterThanOrEqual(2)
})
