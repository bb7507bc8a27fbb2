/** `kumiki generate`: several prompts, cache formats, and a chat through a pipe. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runChat } from '../src/chat/chat-command.ts'
import { type GenerateCommandOptions, runGenerate } from '../src/models/generate-command.ts'
import { inProcess, kumiki } from './run-cli.ts'
import { writeTinyModel } from './tiny-model.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-generate-'))
const at = (name: string) => join(root, name)
beforeAll(() => writeTinyModel(at('model'), { initializerRange: 0.5, maxPositionEmbeddings: 128 }))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const prompts = ['木', 'a joint that holds without a nail', '', '本棚の本']
const generate = (options: Partial<GenerateCommandOptions>) =>
  runGenerate({
    checkpoint: at('model'),
    prompts,
    maxTokens: 10,
    temperature: 0.9,
    topP: 1,
    topK: 0,
    seed: 3,
    device: 'cpu',
    threads: 1,
    ...options,
  })
const verb = (...more: string[]) =>
  inProcess(['generate', '--checkpoint', at('model'), '--device', 'cpu', '--threads', '1', ...more])

test('prompts of different lengths, an empty one among them, are continued as each would be alone', async () => {
  const { texts } = await generate({ batchSize: 3 })
  expect(texts.map(({ prompt }) => prompt)).toEqual(prompts)
  for (const [i, prompt] of prompts.entries())
    expect((await generate({ prompts: [prompt], seed: 3 + i })).texts, prompt).toEqual([texts[i]])
  // A stop string ends its own row.
  const stop = [...texts[1].text.trim()][1]
  const stopped = await generate({ stop: [stop] })
  expect(stopped.texts.map(({ text }) => text)).toEqual(texts.map(({ text }) => text.split(stop)[0]))
})

test('formats of the cache', async () => {
  const [wide, half, narrow] = await Promise.all(
    (['f32', 'bf16', 'fp8'] as const).map((cacheFormat) => generate({ cacheFormat, temperature: 0, maxTokens: 30 })),
  )
  expect(half.texts.length).toBe(4)
  // Eight bits change what is likeliest somewhere.
  expect(narrow.texts).not.toEqual(wide.texts)
})

test('prompts by flags and by file', async () => {
  writeFileSync(at('prompts.txt'), '木\n\n本棚の本\n')
  writeFileSync(at('prompts.jsonl'), '"木"\n{"prompt":"本棚の本"}\n')
  const both = await Promise.all(
    ['prompts.txt', 'prompts.jsonl'].map((file) => generate({ prompts: ['a', '木', '本棚の本'], stop: [file] })),
  )
  expect(both[0].texts).toEqual(both[1].texts)
  const flags = ['--prompt', 'a', '--temperature', '0', '--max-tokens', '4', '--json']
  const [lines, json, single] = [
    (await verb(...flags, '--prompts', at('prompts.txt'))).json(),
    (await verb(...flags, '--prompts', at('prompts.jsonl'))).json(),
    (await verb(...flags)).json(),
  ]
  expect(lines.texts).toEqual(json.texts)
  expect(lines.texts.map(({ prompt }: { prompt: string }) => prompt)).toEqual(['a', '木', '本棚の本'])
  expect(single).toMatchObject(lines.texts[0])
  const plain = await verb(...flags.slice(0, -1), '--prompt', '木')
  expect(plain.stdout).toBe(
    `${lines.texts
      .slice(0, 2)
      .map((t: { prompt: string; text: string }) => t.prompt + t.text)
      .join('\n\n')}\n`,
  )
})

test.each<[string, string[], RegExp]>([
  ['an empty stop string', ['--prompt', 'a', '--stop', ''], /--stop is empty/],
  ['a file without prompts', ['--prompts', at('none.txt')], /none\.txt: contains no prompts/],
  ['a line that is no prompt', ['--prompts', at('bad.jsonl')], /bad\.jsonl:2: must be a JSON string/],
  [
    'a prompt beyond the context',
    ['--prompt', 'a', '--prompt', 'x '.repeat(200)],
    /prompt 2 has \d+ tokens, .* context length is 128/,
  ],
  ['an unknown format', ['--prompt', 'a', '--cache-format', 'q4'], /f32, bf16, fp8/],
  ['prompts in a talk', ['--chat', '--prompts', at('bad.jsonl')], /--prompts cannot be combined with --chat/],
  ['a temperature below 0', ['--prompt', 'a', '--temperature', '-1'], /of at least 0/],
])('refused: %s', async (_, flags, message) => {
  writeFileSync(at('none.txt'), '\n \n')
  writeFileSync(at('bad.jsonl'), '"a"\n3\n')
  const { code, stderr } = await verb(...flags)
  expect([code === 0, stderr]).toEqual([false, expect.stringMatching(message)])
})

test('a talk through a pipe: a line, an answer; an empty line ends it', async () => {
  const flags = ['generate', '--checkpoint', at('model'), '--device', 'cpu', '--threads', '1', '--chat']
  const talk = [...flags, '--template', 'llm-jp-3', '--temperature', '0', '--max-tokens', '3']
  const piped = await kumiki(talk, { input: 'a\nb\n\nc\n' })
  const told = {
    checkpoint: at('model'),
    template: 'llm-jp-3',
    maxTokens: 3,
    temperature: 0,
    topP: 1,
    topK: 0,
    seed: 0,
  }
  const { messages } = await runChat({ ...told, messages: ['a', 'b'], device: 'cpu', threads: 1 })
  const answers = messages.filter(({ role }) => role === 'assistant')
  expect([piped.code, piped.stdout]).toEqual([0, answers.map(({ content }) => `${content}\n`).join('')])
})
