/** The same weights in the file format of every implementation. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { decoderModel } from '@kumiki/models'
import { saveGguf, saveModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { writeOnnx } from './onnx.ts'
import { architecture, seed } from './workload.ts'

/** Writes hf/ (safetensors, and onnx/ in it, where transformers.js looks) and model.gguf. */
export async function writeModels(folder: string): Promise<void> {
  const device = await init({ backend: 'cpu', threads: 1 })
  const parameters = decoderModel(architecture).initialize(device, { seed })
  const hf = join(folder, 'hf')
  mkdirSync(join(hf, 'onnx'), { recursive: true })
  await saveModel(hf, architecture, parameters, { bosTokenId: 1, eosTokenId: 2 })
  const values = new Map<string, Float32Array>()
  for (const [name, t] of Object.entries(parameters)) values.set(name, (await t.data()) as Float32Array)
  writeOnnx(join(hf, 'onnx', 'model.onnx'), architecture, (name) => values.get(name)!)
  const { vocabSize } = architecture
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).padStart(2, '0').toUpperCase()}>`)
  const control = ['<unk>', '<s>', '</s>']
  const words = Array.from({ length: vocabSize - 259 }, (_, i) => `w${i}`)
  await saveGguf(join(folder, 'model.gguf'), architecture, parameters, {
    type: 'F32',
    tokenizer: {
      model: 'llama',
      tokens: [...control, ...bytes, ...words],
      scores: Array.from({ length: vocabSize }, (_, i) => -i),
      types: [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)],
      ...{ bosId: 1, eosId: 2, unknownId: 0, addBos: false },
    },
  })
  device.dispose()
}
