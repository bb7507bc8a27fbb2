/** Kumiki's cpu backend, with the weights in Hugging Face's files. */
import { join } from 'node:path'
import { decoderModel, Generator } from '@kumiki/models'
import { loadModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import type { Contestant, ContestantSpec } from './contestant.ts'

export async function startKumiki({ models, threads }: ContestantSpec): Promise<Contestant> {
  const device = await init({ backend: 'cpu', threads })
  const { architecture, parameters } = await loadModel(device, join(models, 'hf'))
  const generator = new Generator(device, decoderModel(architecture), parameters)
  return {
    version: 'checkout',
    generate: (prompt, tokens) => generator.generate(prompt, tokens, { temperature: 0 }),
  }
}
