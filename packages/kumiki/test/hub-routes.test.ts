/** Every verb that takes hf:OWNER/NAME, against a local server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runChat } from '../src/chat/chat-command.ts'
import { runFinetune } from '../src/chat/finetune-command.ts'
import { runConvert } from '../src/models/convert-command.ts'
import { runEvaluate } from '../src/models/evaluate-command.ts'
import { runGenerate } from '../src/models/generate-command.ts'
import { startHub } from './hub-server.ts'
import { writeTinyModel } from './tiny-model.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-hub-routes-'))
const at = (...names: string[]) => join(root, ...names)
const model = 'hf:some/model'
const cpu = { device: 'cpu', threads: 1 } as const
const sampling = { maxTokens: 5, temperature: 0, topP: 1, topK: 0, seed: 0, ...cpu } as const
let hub: Awaited<ReturnType<typeof startHub>>

beforeAll(async () => {
  await writeTinyModel(at('local'))
  writeFileSync(at('local', 'README.md'), '---\nlicense: cc-by-4.0\nlicense_link: terms/LICENSE\n---\n')
  hub = await startHub(at('local'))
  vi.stubEnv('HF_ENDPOINT', hub.url)
  vi.stubEnv('XDG_CACHE_HOME', at('cache'))
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterAll(() => {
  hub.close()
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

test('generate, evaluate and convert give what the folder gives', async () => {
  const generate = (checkpoint: string) => runGenerate({ checkpoint, prompts: ['木', 'a joint'], ...sampling })
  expect((await generate(model)).texts).toEqual((await generate(at('local'))).texts)
  expect(hub.asked.filter((path) => path.endsWith('model.safetensors')).length).toBeGreaterThan(0)
  hub.asked.length = 0
  writeFileSync(at('held.txt'), 'A joint that holds.')
  const evaluate = (model: string) => runEvaluate({ model, text: [at('held.txt')], batchSize: 2, ...cpu })
  expect((await evaluate(model)).files).toEqual((await evaluate(at('local'))).files)
  await runConvert({ model, to: 'hf', out: at('again') })
  for (const name of ['model.safetensors', 'tokenizer.model'])
    expect(readFileSync(at('again', name)).equals(readFileSync(at('local', name))), name).toBe(true)
  const card = readFileSync(at('again', 'README.md'), 'utf8')
  expect(card).toContain('base_model: some/model')
  expect(card).toMatch(
    /^---\nlicense: cc-by-4\.0\nlicense_link: https:\/\/huggingface\.co\/some\/model\/blob\/main\/terms\/LICENSE\n/,
  )
  // It is in the cache by now: the hub is asked for its commit and list alone.
  expect(hub.asked.filter((path) => path.includes('/resolve/'))).toEqual([])
})

test('finetune begins on it, goes on, and its adapter finds its base by name', async () => {
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'wood' },
  ]
  writeFileSync(at('chat.jsonl'), JSON.stringify({ messages }))
  const options = { data: [], ...cpu, overrides: {} }
  await runFinetune({
    ...options,
    model,
    data: [at('chat.jsonl')],
    template: 'llm-jp-3',
    lora: 2,
    out: at('tuned'),
    overrides: { steps: 4 },
    checkpointEvery: 2,
  })
  const adapter = readFileSync(at('tuned', 'adapter_model.safetensors'))
  await runFinetune({ ...options, resume: `${at('tuned')}@2` })
  expect(readFileSync(at('tuned', 'adapter_model.safetensors')).equals(adapter)).toBe(true)
  expect(JSON.parse(readFileSync(at('tuned', 'adapter_config.json'), 'utf8')).base_model_name_or_path).toBe(
    'some/model',
  )
  const { messages: said } = await runChat({ ...sampling, checkpoint: at('tuned'), messages: ['a'] })
  expect(said.length).toBe(2)
  const continued = await runGenerate({ ...sampling, checkpoint: at('tuned'), prompts: ['a'] })
  expect(continued.texts.length).toBe(1)
})

test.each([
  ['generate', () => runGenerate({ checkpoint: 'hf:some/none', prompts: ['a'], ...sampling })],
  ['evaluate', () => runEvaluate({ model: 'hf:some/none', text: [at('held.txt')], batchSize: 1, ...cpu })],
  ['convert', () => runConvert({ model: 'hf:some/none', to: 'hf', out: at('none') })],
  ['finetune', () => runFinetune({ model: 'hf:some/none', data: [at('chat.jsonl')], overrides: {}, ...cpu })],
])('%s names a model that the hub does not have', async (_, run) => {
  await expect(run()).rejects.toThrow(/hf:some\/none: .*not found/i)
})
