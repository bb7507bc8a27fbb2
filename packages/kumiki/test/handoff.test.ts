/** `kumiki handoff`: a run continued in Megatron-LM, with files, rates and a list of what is not transferred. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readDatasetIndex } from '@kumiki/data/node'
import { readMegatron } from '@kumiki/planner/read'
import { afterAll, expect, test } from 'vitest'
import { inProcess } from './run-cli.ts'
import { tinyRun } from './run-processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-handoff-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const cluster = '--gpu H100 --gpus-per-node 2 --nodes 1'.split(' ')

test('a run goes on to Megatron-LM: files that are read back, rates side by side, losses said', async () => {
  const run = join(folder, 'run')
  const train = ['train', ...tinyRun(folder), '--device', 'cpu', '--threads', '1', '--steps', '8', '--out', run]
  expect((await inProcess([...train, '--checkpoint-every', '4', '--keep', '3'])).code).toBe(0)
  const out = join(folder, 'out')
  const made = (await inProcess(['handoff', `${run}@4`, '--out', out, ...cluster, '--json'])).json()
  expect(made).toMatchObject({ step: 4, stepsLeft: 4, tokensLeft: 4 * 32, globalBatchSize: 2, sequenceLength: 16 })
  const metrics = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
  expect(made.learningRate).toBe(JSON.parse(metrics[4]).learningRate)
  expect(made.rates.at(-1).run).toBe(JSON.parse(metrics[7]).learningRate)
  expect(made.rates[0]).toMatchObject({ part: 0, run: made.learningRate, launch: made.learningRate })
  expect(made.lost.join()).toMatch(/optimizer's moments.*position in the data/)
  const launch = readMegatron(readFileSync(join(out, 'launch.sh'), 'utf8'), { vocab: 300 })
  expect(launch.model).toMatchObject({ layers: 1, hidden: 16, heads: 2, kvHeads: 1 })
  expect(launch.recipe).toMatchObject({ trainSteps: 4, learningRate: made.learningRate, beta2: 0.95 })
  expect(readFileSync(join(out, 'launch.slurm'), 'utf8')).toMatch(/--pretrained-checkpoint imported/)
  expect(readFileSync(join(out, 'convert.sh'), 'utf8')).toContain(
    'convert.sh import --hf-model "$HANDOFF/model" --megatron-path "$HANDOFF/imported" --torch-dtype bfloat16',
  )
  const [data] = made.data
  const index = await readDatasetIndex(join(out, data.prefix))
  expect(index.sequenceLengths.length).toBe(data.documents)
  expect(JSON.parse(readFileSync(join(out, 'model', 'config.json'), 'utf8')).num_hidden_layers).toBe(1)
  expect(readFileSync(join(out, 'model', 'tokenizer.model')).length).toBeGreaterThan(100)
  for (const [words, message] of [
    [[`${run}@4`, '--out', out], /already has a handoff/],
    [[`${run}@8`, '--out', join(folder, 'x')], /all 8 steps are done .* with --tokens/],
    [[`${run}@5`, '--out', join(folder, 'x')], /no checkpoint of step 5; available steps: 4, 8/],
  ] as const) {
    const { code, stderr } = await inProcess(['handoff', ...words, ...cluster])
    expect([code === 0, stderr]).toEqual([false, expect.stringMatching(message)])
  }
  const eight = ['--gpu', 'H100', '--gpus-per-node', '8', '--nodes', '1']
  const { stderr } = await inProcess(['handoff', `${run}@4`, '--out', join(folder, 'x'), ...eight])
  expect(stderr).toMatch(/no plan of this model fits .* Use --global-batch 8, which can be divided among 8 GPUs/)
})
