/** Named configurations and recipes: parameter counts, arithmetic of the launches, config.json. */
import { describe, expect, it } from 'vitest'
import {
  countParameters,
  findModel,
  fromHuggingFaceConfig,
  listModels,
  llmJp3,
  type ModelArchitecture,
  nano,
  padVocabSize,
  parameterShapes,
  toHuggingFaceConfig,
  validateArchitecture,
} from '../src/configs.ts'

const elements = (shapes: { shape: readonly number[] }[]) =>
  shapes.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)

describe('parameter counts', () => {
  it.each(listModels())('$name: the tensors hold as many as are counted', ({ architecture }) => {
    const { total, totalPadded } = countParameters(architecture)
    expect(elements(parameterShapes(architecture))).toBe(total)
    expect(elements(parameterShapes(architecture, { vocab: 'padded' }))).toBe(totalPadded)
  })

  it('ties, pads and counts nano', () => {
    expect(padVocabSize(99_487)).toBe(99_584)
    expect(padVocabSize(99_487, 4)).toBe(99_840)
    expect(countParameters(nano).total).toBe(1_574_016)
    const tied = { ...nano, tieWordEmbeddings: true }
    expect(countParameters(tied).total).toBe(1_574_016 - 2048 * 128)
    expect(elements(parameterShapes(tied))).toBe(countParameters(tied).total)
  })
})

describe('recipes', () => {
  it('keep the arithmetic of the launches', () => {
    for (const { architecture, recipe, layout, name } of listModels()) {
      validateArchitecture(architecture, name)
      if (!recipe || !layout) continue
      const { tensorParallel, pipelineParallel, virtualPipeline, dataParallel } = layout
      expect(architecture.paddedVocabSize % (128 * tensorParallel), name).toBe(0)
      expect(architecture.numHiddenLayers % pipelineParallel === 0 || virtualPipeline, name).toBeTruthy()
      if (dataParallel === null) continue
      expect(recipe.globalBatchSize % (layout.microBatchSize * dataParallel), name).toBe(0)
    }
    // 2,072,488,058,295 tokens in llm-jp/Megatron-LM branch 172b-exp2: the last step of every v3 dense run reaches
    // them.
    for (const { recipe, name } of Object.values(llmJp3)) {
      const tokens = recipe!.trainSteps * recipe!.globalBatchSize * recipe!.sequenceLength
      expect(tokens - 2_072_488_058_295, name).toBeGreaterThanOrEqual(0)
      expect(tokens - 2_072_488_058_295, name).toBeLessThan(7_077_888)
    }
  })

  it('finds models by name and lists names otherwise', () => {
    expect(findModel('LLM-jp-3-1.8B').name).toBe('llm-jp-3-1.8b')
    expect(findModel('13b').name).toBe('llm-jp-3-13b')
    expect(() => findModel('llm-jp-3-70b')).toThrow(
      /no model is called "llm-jp-3-70b"; there are nano, .*llm-jp-3-150m, /,
    )
  })
})

describe('config.json', () => {
  it('round-trips every model', () => {
    for (const { architecture } of listModels()) {
      const json = JSON.parse(JSON.stringify(toHuggingFaceConfig(architecture, { bosTokenId: 1, eosTokenId: 2 })))
      expect(json.bos_token_id).toBe(1)
      const paddedVocabSize = padVocabSize(architecture.vocabSize)
      expect(fromHuggingFaceConfig(json)).toEqual({ ...architecture, paddedVocabSize })
    }
  })

  it('reads defaults and the transformers 5 rope key', () => {
    const { head_dim: _, num_key_value_heads: __, rope_theta: ___, ...short } = toHuggingFaceConfig(nano)
    const read = fromHuggingFaceConfig({ ...short, rope_parameters: { rope_type: 'default', rope_theta: 5e5 } })
    expect(read).toEqual({ ...nano, ropeTheta: 5e5 } satisfies ModelArchitecture)
  })

  // What LlamaConfig of transformers 5.24.0 makes of each (and 4.57.6, where it knows the key).
  it.each([
    [{ rope_theta: 5e5, rope_parameters: { rope_type: 'default' } }, 5e5],
    [{ rope_theta: 5e5, rope_parameters: { rope_type: 'default', rope_theta: 7 } }, 7],
    [{ rope_theta: 5, rope_scaling: { rope_type: 'default' } }, 5],
    [{ rope_theta: 5, rope_scaling: { rope_type: 'default', rope_theta: 9 } }, 9],
    [{ rope_theta: undefined, rope_scaling: { type: 'default' } }, 10_000],
    [{ rope_theta: 5, rope_parameters: {} }, 5],
    [{ rope_theta: 5, rope_parameters: null, rope_scaling: null }, 5],
    [{ rope_theta: undefined, rope_parameters: { rope_theta: 5 } }, 5],
    [{ rope_theta: 5, rope_parameters: { rope_type: 'default', factor: 2 } }, 5],
  ])('%j gives theta %d', (change, theta) => {
    expect(fromHuggingFaceConfig({ ...toHuggingFaceConfig(nano), ...change }).ropeTheta).toBe(theta)
  })

  it('passes over what changes no number, whatever transformers writes', () => {
    const more = {
      hidden_act: 'swish',
      dtype: 'bfloat16',
      transformers_version: '5.24.0',
      pretraining_tp: 1,
      unk_token_id: 0,
      pruned_heads: {},
      auto_map: { AutoTokenizer: 'x' },
      partial_rotary_factor: 1,
      sliding_window: null,
      quantization_config: null,
    }
    expect(fromHuggingFaceConfig({ ...toHuggingFaceConfig(nano), ...more })).toEqual(nano)
  })

  it('applies the window of a mixture to every layer, as its classes do', () => {
    const experts = { numExperts: 4, numExpertsPerToken: 2, intermediateSize: nano.intermediateSize }
    const of = (tensorNames: 'mixtral' | 'qwen3_moe', change: object) => {
      const mixture = {
        ...nano,
        ...(tensorNames === 'qwen3_moe' && { qkNorm: true }),
        experts: { ...experts, tensorNames },
      }
      return fromHuggingFaceConfig({ ...toHuggingFaceConfig(mixture), ...change })
    }
    expect(of('mixtral', { sliding_window: 8 })).toMatchObject({ slidingWindow: 8 })
    // Fields of Qwen3's class that are not of this one.
    const sliding = of('qwen3_moe', { use_sliding_window: true, sliding_window: 8, max_window_layers: 28 })
    expect(sliding).toMatchObject({ slidingWindow: 8 })
    expect(sliding).not.toHaveProperty('slidingLayers')
    expect(of('qwen3_moe', { sliding_window: 8, max_window_layers: 0 })).not.toHaveProperty('slidingWindow')
    const types = Array.from({ length: nano.numHiddenLayers }, (_, i) => ['full_attention', 'sliding_attention'][i % 2])
    expect(() => of('qwen3_moe', { use_sliding_window: true, sliding_window: 8, layer_types: types })).toThrow(
      /layer_types must be the same for all layers in this class, sliding_attention with use_sliding_window true/,
    )
  })

  it.each([
    [
      { partial_rotary_factor: 0.5 },
      /partial_rotary_factor must be 1 \(partial rotary embeddings are not supported\), got 0\.5/,
    ],
    [{ rope_parameters: { rope_type: 'llama3', factor: 8 } }, /rope_parameters\.low_freq_factor must be a number/],
    [
      { rope_parameters: { rope_type: 'yarn', factor: 8 } },
      /rope_parameters\.rope_type must be "default", "linear", "dynamic" or "llama3"; "yarn" is not supported/,
    ],
    [
      { rope_parameters: { rope_type: 'default', type: 'linear' } },
      /rope_type and type differ, "default" and "linear"/,
    ],
    [{ rope_scaling: { type: 'dynamic', factor: 0.5 } }, /rope_scaling.factor must be a number above/],
    [
      { rope_scaling: { type: 'linear', factor: 2 }, rope_parameters: { rope_type: 'linear', factor: 3 } },
      /have different scaling/,
    ],
    [{ attention_bias: 'yes' }, /attention_bias must be true or false, got "yes"/],
    [{ rope_parameters: { partial_rotary_factor: 0.5 } }, /rope_parameters\.partial_rotary_factor must be 1/],
    [{ rope_parameters: { full_attention: { rope_theta: 3 } } }, /rope_parameters\.full_attention is an unknown key/],
    [
      { rope_scaling: { rope_type: 'default', rope_theta: 3 }, rope_parameters: { rope_theta: 4 } },
      /different rope_theta, 3 and 4/,
    ],
    [{ quantization_config: { bits: 4 } }, /quantization_config is set to .*: quantised weights cannot be read/],
    [{ attn_logit_softcapping: 50 }, /attn_logit_softcapping is set to 50: an unknown field, which may change/],
    [{ sliding_window: 4096 }, /sliding_window must be false/],
    [{ auto_map: { AutoModelForCausalLM: 'modeling.X' } }, /auto_map\.AutoModelForCausalLM names custom code/],
    [{ pruned_heads: { 0: [1] } }, /pruned_heads must be empty/],
    [null, /must be a JSON object, got null/],
    [[], /got an array/],
    [{ model_type: 'mamba' }, /model_type "mamba" is not supported/],
    [{ hidden_size: '128' }, /hidden_size must be a number, got "128"/],
    [{ hidden_size: 1e15 }, /hidden_size must be an integer from 1 to 1048576, got 1000000000000000/],
    [{ num_hidden_layers: 0 }, /num_hidden_layers must be an integer from 1/],
    [{ num_hidden_layers: undefined }, /num_hidden_layers is missing/],
    [{ num_key_value_heads: 3 }, /num_key_value_heads must divide num_attention_heads, got 3 and 4/],
    [{ head_dim: 31 }, /head_dim must be even/],
    [{ vocab_size: -1 }, /vocab_size must be an integer/],
    [{ hidden_act: 'relu' }, /hidden_act must be "silu" or one of silu, swish, gelu, gelu_pytorch_tanh, got "relu"/],
    [{ rope_scaling: { type: 'linear' } }, /rope_scaling.factor must be a number, got nothing/],
    [{ rms_norm_eps: 0 }, /rms_norm_eps must be a number above 0/],
    [{ tie_word_embeddings: 'no' }, /tie_word_embeddings must be true or false/],
    [{ head_dim: undefined, num_attention_heads: 3 }, /num_attention_heads must divide hidden_size/],
    [{ architectures: ['LlamaForSequenceClassification'] }, /only its language model loads/],
  ])('refuses %j', (change, message) => {
    const good = toHuggingFaceConfig(nano)
    const bad = change === null || Array.isArray(change) ? change : { ...good, ...change }
    expect(() => fromHuggingFaceConfig(bad)).toThrow(message)
  })
})
