/** An untrained model of 20,000 parameters, in a folder in Hugging Face format. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decoderModel, type ModelArchitecture, nano } from '@kumiki/models'
import { saveModel, saveTokenizerConfig } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'

const tokenizerFile = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))

export async function writeTinyModel(folder: string, more: Partial<ModelArchitecture> = {}): Promise<void> {
  const device = await init({ backend: 'cpu', threads: 1 })
  const { vocabSize, eosId } = loadTokenizer(readFileSync(tokenizerFile))
  const sizes = { hiddenSize: 32, intermediateSize: 32, numHiddenLayers: 1, maxPositionEmbeddings: 64 }
  const architecture = { ...nano, ...sizes, vocabSize, paddedVocabSize: vocabSize, ...more }
  cpSync(tokenizerFile, join(folder, 'tokenizer.model'))
  await saveModel(folder, architecture, decoderModel(architecture).initialize(device), { eosTokenId: eosId })
  await saveTokenizerConfig(folder, { bos: '<s>', eos: '</s>', unk: '<unk>' }, 64)
  device.dispose()
}
