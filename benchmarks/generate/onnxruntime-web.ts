/**
 * onnxruntime-web's WebAssembly backend in Node, with the same ONNX file: transformers.js uses it in browsers without
 * WebGPU. It is called directly, one session run per token, so the time of transformers.js itself is not included.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contestant, ContestantSpec } from './contestant.ts'
import { loadPeer } from './peers.ts'
import { architecture } from './workload.ts'

export async function startOnnxWeb({ models, peers, threads }: ContestantSpec): Promise<Contestant> {
  const { module, version } = await loadPeer(peers, 'onnxruntime-web')
  const { InferenceSession, Tensor, env } = module
  env.wasm.numThreads = threads
  const session = await InferenceSession.create(readFileSync(join(models, 'hf', 'onnx', 'model.onnx')), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  })
  const { numHiddenLayers, numKeyValueHeads, headDim } = architecture
  const names = Array.from({ length: numHiddenLayers }, (_, i) => [`${i}.key`, `${i}.value`]).flat()
  return {
    version: `${version}, WebAssembly`,
    async *generate(prompt, tokens) {
      let ids = [...prompt]
      let past = Object.fromEntries(
        names.map((name) => [name, new Tensor('float32', new Float32Array(0), [1, numKeyValueHeads, 0, headDim])]),
      )
      let length = 0
      for (let made = 0; made < tokens; made++) {
        length += ids.length
        const outputs = await session.run({
          input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
          attention_mask: new Tensor('int64', new BigInt64Array(length).fill(1n), [1, length]),
          ...Object.fromEntries(names.map((name) => [`past_key_values.${name}`, past[name]])),
        })
        past = Object.fromEntries(names.map((name) => [name, outputs[`present.${name}`]]))
        const logits = outputs.logits.data as Float32Array
        const last = logits.subarray(logits.length - architecture.vocabSize)
        let best = 0
        for (let i = 1; i < last.length; i++) if (last[i] > last[best]) best = i
        ids = [best]
        yield best
      }
    },
  }
}
