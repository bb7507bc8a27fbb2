/** `kumiki convert`: Hugging Face format, GGUF and back, and what is refused. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decoderModel, initializeAdapter, loraModel, mergeAdapter } from '@kumiki/models'
import { loadGguf, loadModel, readCardLicence, saveAdapter, saveModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { afterAll, expect, test } from 'vitest'
import { runConvert } from '../src/models/convert-command.ts'
import { runGenerate } from '../src/models/generate-command.ts'

const model = fileURLToPath(new URL('../../models/vectors/lm-eval/model', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kumiki-convert-'))
const at = (name: string) => join(folder, name)
afterAll(() => rmSync(folder, { recursive: true }))

test('a model goes to the Hub’s form with a card, to GGUF and back, and generates from each', async () => {
  const hub = await runConvert({ model, to: 'hf', out: at('hf'), name: 'A | B', licence: 'cc-by-4.0' })
  expect(hub.files).toEqual([
    ...['README.md', 'config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json'],
    'tokenizer_config.json',
  ])
  const card = readFileSync(at('hf/README.md'), 'utf8')
  expect(card).toMatch(/^---\nlicense: cc-by-4\.0\nlibrary_name: transformers\n/)
  expect(card).toContain('# A \\| B')
  await runConvert({ model, to: 'gguf', out: at('gguf'), type: 'f32' })
  await runConvert({ model: at('gguf/model.gguf'), to: 'kumiki', out: at('back') })
  const device = await init({ backend: 'cpu', threads: 1 })
  const [mine, back, gguf] = [
    await loadModel(device, model),
    await loadModel(device, at('back')),
    await loadGguf(device, at('gguf/model.gguf')),
  ]
  for (const [name, t] of Object.entries(mine.parameters)) {
    const values = await t.data()
    expect(await back.parameters[name].data(), name).toEqual(values)
    expect(await gguf.parameters[name].data(), name).toEqual(values)
  }
  device.dispose()
  const options = { maxTokens: 6, temperature: 0, topP: 1, topK: 0, seed: 0, device: 'cpu', threads: 1 } as const
  const texts = await Promise.all(
    [model, at('hf')].map((checkpoint) => runGenerate({ ...options, checkpoint, prompts: ['The cat sees'] })),
  )
  expect(texts[0].texts[0].text).not.toBe('')
  expect(texts[1].texts).toEqual(texts[0].texts)
})

test('nothing is written over, and what a form cannot say is refused', async () => {
  mkdirSync(at('full'))
  writeFileSync(at('full/a'), '')
  await expect(runConvert({ model, to: 'hf', out: at('full') })).rejects.toThrow(/not empty \(a\)/)
  await expect(runConvert({ model, to: 'hf', out: at('q'), type: 'q8_0' })).rejects.toThrow(/q8_0 exists only in GGUF/)
  await expect(runConvert({ model: at('none'), to: 'hf', out: at('n') })).rejects.toThrow(/none: no such folder/)
  expect(existsSync(at('n'))).toBe(false)
})

test('the licence is that of the card, or of the model it was tuned from, and is never invented', async () => {
  const copy = (name: string, files: Record<string, string>) => {
    cpSync(model, at(name), { recursive: true })
    for (const [file, text] of Object.entries(files)) writeFileSync(join(at(name), file), text)
    return at(name)
  }
  const licenceOf = async (from: string) => {
    const { files } = await runConvert({ model: from, to: 'hf', out: `${from}-hf` })
    return { licence: await readCardLicence(`${from}-hf`), files }
  }
  await expect(licenceOf(copy('bare', {}))).rejects.toThrow(/bare: it has no README\.md that states a licence; give/)
  expect(existsSync(at('bare-hf'))).toBe(false)
  const front = '---\nlicense: other\nlicense_name: gemma\nlicense_link: LICENSE\n---\n'
  const base = copy('base', { 'README.md': front, LICENSE: 'terms' })
  const stated = { licence: 'other', licenceName: 'gemma', licenceLink: 'LICENSE' }
  expect(await licenceOf(base)).toMatchObject({ licence: stated, files: expect.arrayContaining(['LICENSE']) })
  // Tuned from it, and from a run that was.
  const tuned = copy('tuned', { 'run.json': JSON.stringify({ tuning: { model: base } }) })
  expect(
    (await licenceOf(copy('again', { 'run.json': JSON.stringify({ tuning: { model: tuned } }) }))).licence,
  ).toEqual(stated)
  const lost = copy('lost', { 'run.json': JSON.stringify({ tuning: { model: at('gone') } }) })
  await expect(licenceOf(lost)).rejects.toThrow(/lost: .*gone, from which it was tuned, has no README\.md at hand/)
  // A run from nothing.
  expect((await licenceOf(copy('own', { 'run.json': '{}' }))).licence).toEqual({ licence: 'apache-2.0' })
})

test('an adapter is merged into its base, and token ids are kept', async () => {
  const device = await init({ backend: 'cpu', threads: 1 })
  const { architecture, parameters } = await loadModel(device, model)
  const lora = loraModel(decoderModel(architecture), { rank: 2, alpha: 64, targets: ['q_proj'] })
  const adapter = initializeAdapter(device, lora)
  for (const [name, t] of Object.entries(adapter.parameters)) adapter.parameters[name] = t.add(0.5)
  await saveModel(at('named'), architecture, parameters, { eosTokenId: [2, 1], padTokenId: 0 })
  await saveAdapter(at('adapter'), adapter, { baseModel: at('named') })
  await runConvert({ model: at('adapter'), to: 'kumiki', out: at('merged') })
  const merged = mergeAdapter(lora.base, parameters, adapter)
  const name = 'model.layers.0.self_attn.q_proj.weight'
  const made = await loadModel(device, at('merged'))
  expect(await made.parameters[name].data()).toEqual(await merged[name].data())
  expect(made.tokenIds).toEqual({ eosTokenId: [2, 1], padTokenId: 0 })
  device.dispose()
})
