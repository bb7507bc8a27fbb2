/** llama.cpp on the CPU, in the prebuilt binaries of node-llama-cpp, with the same weights in GGUF (F32). */
import { join } from 'node:path'
import type { Contestant, ContestantSpec } from './contestant.ts'
import { loadPeer } from './peers.ts'

export async function startLlama({ models, peers, threads }: ContestantSpec): Promise<Contestant> {
  const { module, version } = await loadPeer(peers, 'node-llama-cpp')
  const llama = await module.getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' })
  const model = await llama.loadModel({ modelPath: join(models, 'model.gguf') })
  const context = await model.createContext({ contextSize: 2048, threads, batchSize: 2048 })
  const sequence = context.getSequence()
  return {
    version,
    async *generate(prompt, tokens) {
      await sequence.clearHistory()
      let made = 0
      for await (const id of sequence.evaluate([...prompt], { temperature: 0, yieldEogToken: true })) {
        yield id
        if (++made === tokens) return
      }
    },
  }
}
