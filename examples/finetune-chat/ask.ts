/** Asks a model questions, each in a separate conversation, with greedy decoding. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decoderModel, Generator, streamText } from '@kumiki/models'
import { loadModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { builtInTemplate, chatEncoder } from '@kumiki/tokenizer/chat'

/** @param folder of a model, as `kumiki train` and `kumiki finetune` write it */
export async function ask(folder: string, questions: readonly string[]): Promise<string[]> {
  const tokenizer = loadTokenizer(await readFile(join(folder, 'tokenizer.model')))
  const template = builtInTemplate('llm-jp-3', { bos_token: '<s>', eos_token: '</s>' })
  const encoder = chatEncoder(tokenizer, template.specialTokens)
  const device = await init()
  const { architecture, parameters } = await loadModel(device, folder)
  const generator = new Generator(device, decoderModel(architecture), parameters)
  const answers: string[] = []
  for (const content of questions) {
    const { ids } = template.apply([{ role: 'user', content }], { encoder, addGenerationPrompt: true })
    let answer = ''
    for await (const piece of streamText(generator, tokenizer, ids, 24, { temperature: 0, stopIds: [tokenizer.eosId] }))
      answer += piece
    answers.push(answer.replaceAll(/\s+/g, ' ').trim())
  }
  generator.dispose()
  device.dispose()
  return answers
}
