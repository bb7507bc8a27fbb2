/** `kumiki data replay` and `find`, by the flags of a launch script and by those of a run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeIndexedDataset } from '@kumiki/data/node'
import { afterAll, expect, test } from 'vitest'
import { inProcess } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-replay-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const inProcessInTurn = async (lines: readonly string[][]) => {
  const results = []
  for (const line of lines) results.push(await inProcess(line))
  return results
}

test('data replay and find: by a launch as by flags, and in agreement', async () => {
  const documents = (count: number, base: number) =>
    Array.from({ length: count }, (_, i) => Array.from({ length: 3 + (i % 11) }, () => base + i))
  const [a, b] = [join(folder, 'a_text_document'), join(folder, 'b_text_document')]
  await writeIndexedDataset(a, documents(40, 0), { vocabSize: 1000 })
  const unnamed = { language: null, source: null, licence: null, repeats: 1, tokens: 9 }
  const subsets = [{ subset: 'b', releaseLevel: 'L2' as const, ...unnamed }]
  await writeIndexedDataset(b, documents(25, 100), { vocabSize: 1000, subsets })
  const launch = join(folder, 'train.sh')
  writeFileSync(
    launch,
    `DATA="0.75 /cluster/a_text_document 0.25 /cluster/b_text_document"
torchrun pretrain_gpt.py --seed 42 --seq-length 8 --global-batch-size 4 \\
  --train-iters 30 --split 100,0,0 --data-path $DATA --lr 1e-4\n`,
  )
  const flags = [
    '--data-path',
    '0.75',
    a,
    '0.25',
    b,
    '--seed',
    '42',
    '--seq',
    '8',
    '--global-batch',
    '4',
    '--train-iters',
    '30',
    '--split',
    '100,0,0',
  ]
  const byLaunch = ['--launch', launch, '--move', `/cluster=${folder}`]
  const [first, second, table, none] = await inProcessInTurn([
    ['data', 'replay', ...byLaunch, '--step', '7', '--json'],
    ['data', 'replay', ...flags, '--step', '7', '--json'],
    ['data', 'replay', ...flags, '--step', '7', '--rows', '2'],
    ['data', 'replay', ...flags, '--step', '31'],
  ])
  const { samples } = first.json()
  expect(second.json().samples).toEqual(samples)
  expect(samples).toHaveLength(4)
  expect(first.json().releaseLevels).toEqual({ [b]: 'L2' })
  for (const { parts } of samples)
    expect(parts.reduce((sum: number, { tokens }: { tokens: number }) => sum + tokens, 0)).toBe(9)
  expect(table.stdout).toMatch(/^step 7 of 30: 4 sequences of 8 tokens\nsequence +document +from token +tokens\n0 /)
  expect(table.stdout).toContain('and 2 more sequences')
  expect(none).toMatchObject({
    code: 2,
    stderr: 'kumiki data replay: step must be from 1 to 30, the last of the run, got 31\n',
  })
  const elsewhere = await inProcess(['data', 'replay', '--launch', launch, '--step', '7'])
  expect(elsewhere.stderr).toMatch(/cluster\/\S+: there is no such file; .*; .* give --move FROM=TO\n$/)
  const { prefix, parts } = samples[3]
  const found = await inProcess(['data', 'find', ...flags, '--document', `${prefix}:${parts[0].document}`, '--json'])
  const { offset, tokens } = parts[0]
  expect(found.json().documents[0].seen).toContainEqual({ step: 7, row: 3, offset, tokens })
})
