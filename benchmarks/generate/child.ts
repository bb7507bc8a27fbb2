/**
 * The process of one implementation: loads the model, then continues prompts on request. Started by `../generate.ts`.
 */
import type { Contestant, ContestantSpec, Reply, Request } from './contestant.ts'

const spec = JSON.parse(process.argv[2]) as ContestantSpec
const start: Record<ContestantSpec['implementation'], () => Promise<Contestant>> = {
  kumiki: async () => (await import('./kumiki.ts')).startKumiki(spec),
  'transformers.js': async () => (await import('./transformers-js.ts')).startTransformers(spec),
  'onnxruntime-web': async () => (await import('./onnxruntime-web.ts')).startOnnxWeb(spec),
  'llama.cpp': async () => (await import('./llama-cpp.ts')).startLlama(spec),
}
const contestant = await start[spec.implementation]()

process.on('message', async ({ prompt, tokens }: Request) => {
  const ids: number[] = []
  const began = performance.now()
  let first = began
  let last = began
  for await (const id of contestant.generate(prompt, tokens)) {
    last = performance.now()
    if (ids.push(id) === 1) first = last
    if (ids.length === tokens) break
  }
  const reply: Reply = { ids, prefillSeconds: (first - began) / 1000, decodeSeconds: (last - first) / 1000 }
  process.send!(reply)
})
process.send!({ version: contestant.version })
