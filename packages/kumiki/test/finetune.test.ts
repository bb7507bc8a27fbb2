/** `kumiki finetune` of a tiny model: all weights, adapters, resumed; and a chat with the result. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decoderModel, nano } from '@kumiki/models'
import { loadModel, saveModel, saveTokenizerConfig } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { renderHarmony } from '@kumiki/tokenizer/chat'
import { listCheckpoints, loadCheckpoint } from '@kumiki/train/node'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runChat } from '../src/chat/chat-command.ts'
import { openChatFormat } from '../src/chat/chat-format.ts'
import { runFinetune } from '../src/chat/finetune-command.ts'
import { loadTuningData } from '../src/chat/finetune-data.ts'
import type { FinetuneOptions } from '../src/chat/finetune-options.ts'
import { toHarmony } from '../src/chat/harmony-format.ts'
import { runTrain } from '../src/train/train-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-finetune-'))
const at = (name: string) => join(folder, name)
const tokenizerFile = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))
const said: string[] = []

const line = (question: string, answer: string, more = {}) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer, ...more },
    ],
  })

beforeAll(async () => {
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
  const device = await init({ backend: 'cpu', threads: 1 })
  const { vocabSize, eosId } = loadTokenizer(readFileSync(tokenizerFile))
  const sizes = { hiddenSize: 32, intermediateSize: 32, numHiddenLayers: 1, maxPositionEmbeddings: 64 }
  const architecture = { ...nano, ...sizes, vocabSize, paddedVocabSize: vocabSize }
  const base = at('base')
  cpSync(tokenizerFile, join(base, 'tokenizer.model'))
  await saveModel(base, architecture, decoderModel(architecture).initialize(device), { eosTokenId: eosId })
  await saveTokenizerConfig(base, { bos: '<s>', eos: '</s>', unk: '<unk>' }, 64)
  device.dispose()
  writeFileSync(at('chat.jsonl'), [line('a', 'wood'), line('b', 'wood'), line('c', 'wood', { weight: 1 })].join('\n'))
})
afterAll(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

const tune = (options: Partial<FinetuneOptions>) =>
  runFinetune({
    model: options.resume ? undefined : at('base'),
    data: options.resume ? [] : [at('chat.jsonl')],
    template: options.resume ? undefined : 'llm-jp-3',
    overrides: { steps: 40, learningRate: 1e-2, batchSize: 1 },
    device: 'cpu',
    threads: 1,
    ...options,
  })
const weights = (run: string) => readFileSync(join(at(run), 'model.safetensors'))

test('answers are learnt, a run that goes on gives the same bits, and the model is talked to', async () => {
  const whole = await tune({ out: at('whole'), evalData: [at('chat.jsonl')], checkpointEvery: 10 })
  expect(whole).toMatchObject({ kind: 'model', steps: 40, conversations: { train: 3, heldOut: 3, dropped: 0 } })
  expect(whole.heldOut!.after!).toBeLessThan(whole.heldOut!.before! / 4)
  expect(readFileSync(join(at('whole'), 'chat_template.jinja'), 'utf8')).toContain('### 応答')
  expect(JSON.parse(readFileSync(join(at('whole'), 'evaluations.json'), 'utf8'))[0].step).toBe(0)

  const made = weights('whole')
  await tune({ resume: `${at('whole')}@30`, overrides: {} })
  expect(weights('whole').equals(made)).toBe(true)

  const talk = {
    checkpoint: at('whole'),
    device: 'cpu',
    threads: 1,
    maxTokens: 12,
    temperature: 0,
    topP: 1,
    topK: 0,
    seed: 0,
  } as const
  const { text, ended, messages } = await runChat({ ...talk, messages: ['b'] })
  expect([ended, text, messages.length]).toEqual(['turn', 'wood', 2])
  await expect(runChat({ ...talk, messages: [' '] })).rejects.toThrow(/--message is empty/)
  await expect(runChat({ ...talk, messages: ['x '.repeat(80)] })).rejects.toThrow(/context is 64; begin a new one/)
  await expect(runTrain({ resume: at('whole'), data: [], overrides: {}, device: 'cpu' })).rejects.toThrow(
    /kumiki finetune --resume/,
  )
})

test('an adapter on weights in 8 bits, alone and merged', async () => {
  const options = { lora: 4, overrides: { steps: 12, learningRate: 3e-2, batchSize: 1 }, evalData: [at('chat.jsonl')] }
  const alone = await tune({ ...options, basePrecision: 'fp8', out: at('adapter'), checkpointEvery: 6 })
  expect(alone.kind).toBe('adapter')
  // A checkpoint holds the adapter and its moments, and knows the base by its hash.
  const [first] = (await listCheckpoints(at('adapter'))).filter(({ step }) => step === 6)
  const { arrays } = await loadCheckpoint(first.path)
  const bytes = [...arrays.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
  expect(bytes).toBe(3 * 4 * alone.trainable)
  const made = readFileSync(join(at('adapter'), 'adapter_model.safetensors'))
  await tune({ resume: `${at('adapter')}@6`, overrides: {} })
  expect(readFileSync(join(at('adapter'), 'adapter_model.safetensors')).equals(made)).toBe(true)
  expect(alone.trainable).toBeLessThan(alone.parameters / 2)
  expect(alone.heldOut!.after!).toBeLessThan(alone.heldOut!.before!)
  expect(existsSync(join(at('adapter'), 'model.safetensors'))).toBe(false)
  expect(JSON.parse(readFileSync(join(at('adapter'), 'adapter_config.json'), 'utf8'))).toMatchObject({
    base_model_name_or_path: at('base'),
    r: 4,
    lora_alpha: 8,
  })
  const talk = {
    device: 'cpu',
    threads: 1,
    maxTokens: 6,
    temperature: 0,
    topP: 1,
    topK: 0,
    seed: 0,
    messages: ['a'],
  } as const
  const { text } = await runChat({ ...talk, checkpoint: at('adapter') })
  await tune({ ...options, basePrecision: 'bf16', merge: true, overrides: { steps: 2 }, out: at('merged') })
  const device = await init({ backend: 'cpu', threads: 1 })
  expect((await loadModel(device, at('merged'))).warnings).toEqual([])
  device.dispose()
  expect(typeof text).toBe('string')
  // Another base in the place of the one it was begun on.
  const weights = join(at('base'), 'model.safetensors')
  const before = readFileSync(weights)
  writeFileSync(weights, readFileSync(join(at('whole'), 'model.safetensors')))
  await expect(tune({ resume: `${at('adapter')}@6`, overrides: {} })).rejects.toThrow(
    /base: not the model that the run .* began with \(model\.embed_tokens\.weight differs\)/,
  )
  writeFileSync(weights, before)
})

test("a folder's template: the .jinja file, then tokenizer_config.json, then chat_template.json, as in Transformers", async () => {
  const from = at('templates')
  cpSync(at('base'), from, { recursive: true })
  const file = (name: string) => join(from, name)
  const config = JSON.parse(readFileSync(file('tokenizer_config.json'), 'utf8'))
  const said = async () => {
    const format = await openChatFormat(from)
    const ids = format.prompt([{ role: 'user', content: 'x' }])
    return format.encoder.decode(ids).trim()
  }
  const turns = '{% for m in messages %}{{ m.content }}{% endfor %}'
  await expect(said()).rejects.toThrow(/the model has no chat template/)
  writeFileSync(file('chat_template.json'), JSON.stringify({ chat_template: `json${turns}` }))
  expect(await said()).toBe('jsonx')
  writeFileSync(file('tokenizer_config.json'), JSON.stringify({ ...config, chat_template: 'configuration' }))
  expect(await said()).toBe('configuration')
  writeFileSync(file('chat_template.jinja'), 'jinja')
  expect(await said()).toBe('jinja')
  // The one it is tuned with is the only one that is saved apart: a processor would prefer chat_template.json.
  for (const name of ['chat_template.jinja', 'tokenizer_config.json']) rmSync(file(name))
  writeFileSync(file('tokenizer_config.json'), JSON.stringify(config))
  const options = { model: from, overrides: { steps: 1 } }
  await tune({ ...options, template: undefined, out: at('own') })
  expect((await openChatFormat(at('own'))).name).toBe(join(at('own'), 'chat_template.json'))
  await tune({ ...options, out: at('other') })
  expect(readFileSync(join(at('other'), 'chat_template.jinja'), 'utf8')).toContain('### 応答')
  expect(existsSync(join(at('other'), 'chat_template.json'))).toBe(false)
  await tune({ ...options, model: at('base'), out: at('own'), overwrite: true })
  expect(existsSync(join(at('own'), 'chat_template.json'))).toBe(false)
})

test('what is too long is cut, left out or refused by line', async () => {
  writeFileSync(
    at('long.jsonl'),
    `${line('a', 'b')}\n${line('a', 'long '.repeat(60))}\n${line('q '.repeat(80), 'b')}\n`,
  )
  const format = await openChatFormat(at('base'), 'llm-jp-3')
  const options = { data: [at('long.jsonl')], heldOut: 0, contextLength: 64, listen: async () => {} }
  const counts = async (tooLong: 'truncate' | 'drop' | 'refuse') =>
    (await loadTuningData(format, { ...options, tooLong })).counts
  expect(await counts('truncate')).toMatchObject({ train: 2, truncated: 1, dropped: 1 })
  expect(await counts('drop')).toMatchObject({ train: 1, truncated: 0, dropped: 2 })
  await expect(counts('refuse')).rejects.toThrow(/long\.jsonl:2 has \d+ tokens, a sequence holds 64/)
})

test.each<[string, Partial<FinetuneOptions>, RegExp]>([
  ['no model', { model: undefined }, /--model is missing/],
  ['no data', { data: [] }, /--data is missing/],
  ['a model that is not there', { model: at('none') }, /no such folder/],
  ['no template', { template: undefined }, /has no chat template; give --template/],
  ['special tokens that are not there', { template: 'chatml' }, /no special token <\|im_start\|>/],
  ['Harmony without its tokens', { template: 'harmony' }, /no special token <\|start\|>/],
  ['a template of another name', { template: 'vicuna' }, /neither a file nor a built-in template/],
  ['an adapter flag alone', { merge: true }, /--merge needs --lora/],
  ['targets that are not there', { lora: 2, loraTargets: ['qq_proj'] }, /target "qq_proj" is no linear layer/],
  ['two ways to hold out', { evalData: [''], evalSplit: 0.1 }, /exclude each other/],
  ['a sequence beyond the context', { overrides: { sequenceLength: 4096 } }, /above the model's context of 64/],
  ['a folder with a run', { out: at('whole') }, /already has a run/],
  ['another model on the way', { resume: at('whole'), model: at('base') }, /--model cannot be changed with --resume/],
])('refused: %s', async (_, options, message) => {
  await expect(tune({ out: at('refused'), ...options })).rejects.toThrow(message)
})

test('a loss that is no number says how this verb goes on', async () => {
  const schedule = { kind: 'constant', value: 1e30 } as const
  const broken = tune({ out: at('far'), overrides: { steps: 6, batchSize: 1, schedule }, checkpointEvery: 1 })
  await expect(broken).rejects.toThrow(/training stopped.*kumiki finetune --resume/s)
})

test('a role that a template does not know is refused by line', async () => {
  writeFileSync(
    at('tool.jsonl'),
    JSON.stringify({
      messages: [
        { role: 'tool', content: '' },
        { role: 'assistant', content: '' },
      ],
    }),
  )
  await expect(tune({ data: [at('tool.jsonl')], out: at('tool') })).rejects.toThrow(
    /tool\.jsonl:1: .*the role tool is not known/,
  )
})

test("conversations in OpenAI's form as Harmony's messages", () => {
  const call = { id: 'c', type: 'function' as const, function: { name: 'f', arguments: '{"x":1}' } }
  const text = renderHarmony(
    toHarmony({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'q' },
        { role: 'assistant', content: '', reasoning_content: 'hm', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c', content: '2' },
        { role: 'assistant', content: 'two' },
      ],
      tools: [{ type: 'function', function: { name: 'f', description: 'F.' } }],
    }),
    { purpose: 'training', analysis: 'last' },
  )
  expect(text.slice(text.indexOf('<|start|>developer'))).toBe(
    '<|start|>developer<|message|># Instructions\n\nBe brief.\n\n# Tools\n\n## functions\n\nnamespace functions {\n\n' +
      '// F.\ntype f = () => any;\n\n} // namespace functions<|end|>' +
      '<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>analysis<|message|>hm<|end|>' +
      '<|start|>assistant to=functions.f<|channel|>commentary <|constrain|>json<|message|>{"x":1}<|call|>' +
      '<|start|>functions.f to=assistant<|channel|>commentary<|message|>2<|end|><|start|>assistant<|channel|>final<|message|>two<|return|>',
  )
  expect(() => toHarmony({ messages: [{ role: 'tool', content: '' }] })).toThrow(/no matching tool call/)
})
