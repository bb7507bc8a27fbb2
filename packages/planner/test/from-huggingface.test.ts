/**
 * Hub models by their config.json: parameter counts of Transformers (vectors/make_huggingface_counts.py) and of model
 * cards.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { countModel, estimate, fromHuggingFace } from '../src/index.ts'

const { 'made with': _, ...built } = JSON.parse(
  readFileSync(new URL('../vectors/huggingface-counts.json', import.meta.url), 'utf8'),
) as Record<string, { parameters: number; config: Record<string, unknown> }>
const configOf = (name: string) => built[name].config

describe('fromHuggingFace', () => {
  it.each(Object.entries(built))('%s to the last parameter', (_, { parameters, config }) => {
    expect(countModel(fromHuggingFace(config).model).total).toBe(parameters)
  })

  it.each([
    // "Number of Parameters", "Non-Embedding" and "Activated" of the cards; DeepSeek-V3's are rounded.
    ['Llama-3.1-8B', 8_030_261_248, 8_030_261_248],
    ['Qwen3-30B-A3B', 30_532_122_624, 3.3e9],
    ['Mixtral-8x7B-v0.1', 46_702_792_704, 12.9e9],
    ['DeepSeek-V3', 671_026_404_352, 37e9],
  ] as const)('%s activates what its card says', (name, total, activated) => {
    const counted = countModel(fromHuggingFace(configOf(name)).model)
    expect(counted.total).toBe(total)
    expect(Math.abs(counted.activated / activated - 1)).toBeLessThan(0.02)
  })

  it('takes what changes no count, and says what is not counted', () => {
    expect(fromHuggingFace(configOf('Llama-3.1-8B'))).toMatchObject({
      type: 'llama',
      positions: 131_072,
      ropeTheta: 500_000,
      notes: [expect.stringMatching(/RoPE scaling \("llama3"\)/)],
    })
    expect(fromHuggingFace(configOf('gemma-3-4b')).notes.join()).toMatch(/only the text model of "gemma3" is counted/)
    expect(fromHuggingFace(configOf('DeepSeek-V3')).notes.join()).toMatch(/num_nextn_predict_layers/)
    const { model_type: __, ...nameless } = configOf('Qwen3-8B')
    expect(fromHuggingFace({ ...nameless, architectures: ['Qwen3ForCausalLM'] }).model).toEqual(
      fromHuggingFace(configOf('Qwen3-8B')).model,
    )
    expect(fromHuggingFace(configOf('gemma-2-2b')).model.slidingWindow).toEqual({ window: 4096, share: 0.5 })
  })

  it.each([
    [{ model_type: 'mamba' }, /model_type "mamba" is not supported; supported are llama, mistral/],
    [{ architectures: ['BertModel'] }, /model_type .*BertModel.* is not supported/],
    [{ ...configOf('Qwen3-8B'), attention_bias: true }, /attention_bias true is not supported/],
    [{ ...configOf('Qwen3-30B-A3B'), decoder_sparse_step: 2 }, /decoder_sparse_step 2/],
    [{ ...configOf('Llama-3-70B'), hidden_size: undefined }, /hidden_size is missing/],
    [{ ...configOf('Llama-3-70B'), hidden_size: '8192' }, /hidden_size must be a number, got "8192"/],
    [{ ...configOf('Llama-3-70B'), hidden_size: 8191 }, /must be a multiple of the 64 heads/],
    [{ ...configOf('Llama-3-70B'), num_hidden_layers: 1e9 }, /layers must be an integer from 1 to 4096/],
  ])('refuses what it does not count (%#)', (config, message) => {
    expect(() => fromHuggingFace(config)).toThrow(message)
  })

  it('plans with them', () => {
    for (const { config } of Object.values(built)) {
      const { memoryBytes } = estimate({
        model: fromHuggingFace(config).model,
        cluster: { gpu: 'H200', nodes: 32, gpusPerNode: 8 },
        plan: {
          tensorParallel: 1,
          pipelineParallel: 1,
          microBatchSize: 1,
          globalBatchSize: 256,
          sequenceLength: 1024,
        },
      })
      expect(memoryBytes).toBeGreaterThan(1e8)
    }
  })
})
