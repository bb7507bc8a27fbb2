/** transformers.js on onnxruntime-node's CPU execution provider, with the same weights in ONNX. */
import type { Contestant, ContestantSpec } from './contestant.ts'
import { loadPeer } from './peers.ts'

export async function startTransformers({ models, peers, threads }: ContestantSpec): Promise<Contestant> {
  const { module, version } = await loadPeer(peers, '@huggingface/transformers')
  const { AutoModelForCausalLM, Tensor, BaseStreamer, env } = module
  Object.assign(env, { localModelPath: models, allowRemoteModels: false, allowLocalModels: true })
  const model = await AutoModelForCausalLM.from_pretrained('hf', {
    dtype: 'fp32',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads },
  })
  return {
    version: `${version}, onnxruntime-node ${(await loadPeer(peers, 'onnxruntime-node')).version}`,
    async *generate(prompt, tokens) {
      const shape = [1, prompt.length]
      const inputs = new Tensor('int64', BigInt64Array.from(prompt, BigInt), shape)
      const attention_mask = new Tensor('int64', new BigInt64Array(prompt.length).fill(1n), shape)
      // Tokens arrive through a streamer; its first call has the prompt.
      const queue: number[] = []
      let wake = () => {}
      let ended = false
      class Streamer extends BaseStreamer {
        put([ids]: bigint[][]) {
          if (ids.length === 1) queue.push(Number(ids[0]))
          wake()
        }
        end() {
          ended = true
          wake()
        }
      }
      const done = model.generate({
        ...{ inputs, attention_mask, do_sample: false, max_new_tokens: tokens, min_new_tokens: tokens },
        streamer: new Streamer(),
      })
      while (!ended || queue.length > 0) {
        const id = queue.shift()
        if (id !== undefined) yield id
        else await new Promise<void>((resolve) => (wake = resolve))
      }
      await done
    },
  }
}
