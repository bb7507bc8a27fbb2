/** Common small mistakes of users, and the errors or warnings that they get. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { main } from '../src/cli.ts'
import { loadCorpus } from '../src/train/corpus.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-mistakes-'))
const at = (name: string) => join(root, name)
const tokenizer = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))
let said = ''
vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
  said += String(text)
  return true
})
beforeEach(() => {
  said = ''
})
afterAll(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

test.each([
  [['train', '--data', ''], 2, /--data: the name is empty; give a file or folder/],
  [
    ['train', '--data', '--out', at('x')],
    2,
    /--data needs a value, but --out follows, which is a flag \(a file of that name is \.\/--out\)/,
  ],
  [['train', '--out', '', '--data', 'x'], 2, /--out: the name is empty/],
  [['train', '--resume', '--steps'], 2, /--resume needs a value, but --steps follows/],
  [['report', ''], 2, /run: the name is empty/],
  [
    ['data', 'build', '--data', '--tokenizer', 'x', '--tokenizer', 'y', '--out', 'z'],
    2,
    /--data needs a value, but --tokenizer/,
  ],
  [['generate', '--checkpoint', '', '--prompt', ''], 2, /--checkpoint: the name is empty/],
  [
    ['tokenizer', 'train', '--model', at('m'), '--vocab-size', '1'],
    2,
    /--vocab-size 1: 259 pieces are reserved \(256 bytes, <unk>, <s>, <\/s>\); give a larger size, or --no-byte-fallback/,
  ],
  [
    ['tokenizer', 'train', '--model', at('m'), '--vocab-size', '9000', '--data', at('text.py')],
    2,
    /--vocab-size 9000, but the text gives only \d+ pieces; give more text, a --vocab-size of at most \d+, or --no-hard-vocab-limit/,
  ],
  [
    ['convert', '--model', at('m.gguf'), '--to', 'hf', '--out', at('text.py')],
    1,
    /text\.py: a file is where a folder must be; give another path \(ENOTDIR in scandir\)/,
  ],
  [
    ['data', 'build', '--data', at('text.py'), '--tokenizer', tokenizer, '--out', at('text.py/x')],
    1,
    /text\.py\/x\.parts: a file is where a folder must be; give another path/,
  ],
  [['data', 'inspect', at('broken')], 1, /broken\.idx: it does not start with "MMIDIDX"/],
  [
    ['plan', ...'--model llm-jp-3-172b --gpu H100 --gpus-per-node 8 --nodes 1 --global-batch 64 --seq 4096'.split(' ')],
    1,
    /\d+ plans: needs [\d.]+ GB/,
  ],
] as const)('%j', async (args, code, message) => {
  writeFileSync(at('text.py'), Array.from({ length: 50 }, (_, i) => `x${i} = ${i}`).join('\n'))
  writeFileSync(at('broken.idx'), 'x'.repeat(50))
  writeFileSync(at('broken.bin'), 'x'.repeat(50))
  expect([await main(args), said]).toEqual([code, expect.stringMatching(message)])
})

test('a text of one long line is cut into documents', async () => {
  const sentence = 'これは長い文です。This is 𠮷 a long line. '
  writeFileSync(at('line.txt'), sentence.repeat(200))
  const { train, heldOut } = await loadCorpus({ data: [at('line.txt')] })
  expect(train.length + heldOut.length).toBeGreaterThan(10)
  expect([...train, ...heldOut].every((part) => part.length <= 600 && !/\p{Surrogate}/u.test(part))).toBe(true)
  writeFileSync(at('short.txt'), 'one short line')
  await expect(loadCorpus({ data: [at('short.txt')] })).rejects.toThrow(
    /one document of 14 characters.*at least 1200 characters/,
  )
})
