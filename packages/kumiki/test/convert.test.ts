/** `kumiki convert`: Hugging Face format, GGUF and back, and what is refused. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadGguf, loadModel } from '@kumiki/models/node'
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
  await expect(runConvert({ model: at('none'), to: 'hf', out: at('n') })).rejects.toThrow(
    /config\.json: cannot be read/,
  )
  expect(existsSync(at('n'))).toBe(false)
})
