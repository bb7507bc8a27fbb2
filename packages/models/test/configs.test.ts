import { describe, expect, it } from 'vitest'
import {
  countParameters,
  findModel,
  flopsPerToken,
  fromHuggingFaceConfig,
  listModels,
  type ModelArchitecture,
  nano,
  padVocabSize,
  parameterShapes,
  toHuggingFaceConfig,
  validateArchitecture,
} from '../src/configs.ts'

// name, total, block (non-embedding), one table, total with padded tables, FLOP per token with causal and full attention.
// Block and table: "Non-embedding" and "Embedding parameters" (two tables) of the LLM-jp-3 model cards on Hugging Face;
// sizes without a card by the same sums over the sizes in llm-jp/scripts@0a703870.
const published = [
  ['llm-jp-3-150m', 152_219_136, 50_344_448, 50_937_344, 152_318_464, 758_608_896, 909_603_840],
  ['llm-jp-3-440m', 447_052_800, 243_303_424, 101_874_688, 447_251_456, 2_473_519_104, 2_876_172_288],
  ['llm-jp-3-980m', 989_882_880, 684_258_816, 152_812_032, 990_180_864, 5_777_021_952, 6_531_996_672],
  ['llm-jp-3-1.8b', 1_867_216_896, 1_459_718_144, 203_749_376, 1_867_614_208, 11_188_162_560, 12_396_122_112],
  ['llm-jp-3-3.7b', 3_782_317_056, 3_171_068_928, 305_624_064, 3_782_913_024, 22_973_036_544, 25_086_965_760],
  ['llm-jp-3-7.2b', 7_291_269_120, 6_476_271_616, 407_498_752, 7_292_063_744, 44_522_250_240, 47_743_475_712],
  ['llm-jp-3-13b', 13_706_931_200, 12_688_184_320, 509_373_440, 13_707_924_480, 84_216_023_040, 89_249_187_840],
  [
    'llm-jp-3-172b',
    172_392_173_568,
    169_947_181_056,
    1_222_496_256,
    172_400_848_896,
    1_055_994_863_616,
    1_084_985_892_864,
  ],
  ['llm-jp-3-8x1.8b', 9_266_362_368, 8_858_863_616, 203_749_376, 9_266_759_680, 17_529_950_208, 18_737_909_760],
  ['llm-jp-3-8x13b', 73_162_828_800, 72_144_081_920, 509_373_440, 73_163_822_080, 135_176_816_640, 140_209_981_440],
  ['llm-jp-4-8b', 8_590_200_832, 6_979_588_096, 805_306_368, 8_590_200_832, 49_928_994_816, 53_150_220_288],
  ['llm-jp-4-32b', 33_219_548_160, 31_206_282_240, 1_006_632_960, 33_219_548_160, 201_326_592_000, 209_379_655_680],
  ['llm-jp-4-32b-a3.8b', 32_139_028_992, 31_132_396_032, 503_316_480, 32_139_028_992, 23_907_532_800, 27_934_064_640],
  [
    'llm-jp-4-332b-a31b',
    332_997_125_120,
    330_983_859_200,
    1_006_632_960,
    332_997_125_120,
    199_816_642_560,
    219_949_301_760,
  ],
  [
    'llm-jp-4-291b-a27b',
    291_991_144_960,
    289_977_879_040,
    1_006_632_960,
    291_991_144_960,
    177_796_546_560,
    195_412_623_360,
  ],
] as const

const activated = {
  'llm-jp-3-1.8b': 1_867_216_896,
  'llm-jp-3-8x1.8b': 2_924_574_720,
  'llm-jp-3-8x13b': 22_202_035_200,
  'llm-jp-4-32b-a3.8b': 3_827_476_992,
  'llm-jp-4-332b-a31b': 31_007_237_120,
  'llm-jp-4-291b-a27b': 27_749_992_960,
}

const elements = (shapes: { shape: readonly number[] }[]) =>
  shapes.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)

describe('parameter counts', () => {
  it.each(published)('%s to the digit', (name, total, block, table, padded, causal, full) => {
    const { architecture } = findModel(name)
    const count = countParameters(architecture)
    expect(count).toMatchObject({
      total,
      nonEmbedding: block,
      inputEmbedding: table,
      embedding: 2 * table,
      totalPadded: padded,
    })
    expect(flopsPerToken(architecture)).toBe(causal)
    expect(flopsPerToken(architecture, { causal: false })).toBe(full)
    expect(elements(parameterShapes(architecture))).toBe(total)
    expect(elements(parameterShapes(architecture, { vocab: 'padded' }))).toBe(padded)
  })

  it.each(Object.entries(activated))('%s activates the published number', (name, expected) => {
    expect(countParameters(findModel(name).architecture).activated).toBe(expected)
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
    for (const { architecture, recipe, name } of listModels()) {
      validateArchitecture(architecture, name)
      if (!recipe) continue
      const { tensorParallel, pipelineParallel, virtualPipeline, nodes, gpusPerNode } = recipe
      expect(architecture.paddedVocabSize % (128 * tensorParallel), name).toBe(0)
      expect(architecture.numHiddenLayers % pipelineParallel === 0 || virtualPipeline, name).toBeTruthy()
      if (nodes === null) continue
      const dataParallel = (nodes * gpusPerNode) / (tensorParallel * pipelineParallel)
      expect(recipe.globalBatchSize % (recipe.microBatchSize * dataParallel), name).toBe(0)
    }
    // 2,072,488,058,295 tokens in llm-jp/Megatron-LM branch 172b-exp2: the last step of every v3 dense run reaches them.
    for (const { recipe, name } of listModels().slice(1, 9)) {
      const tokens = recipe!.trainSteps * recipe!.globalBatchSize * recipe!.sequenceLength
      expect(tokens - 2_072_488_058_295, name).toBeGreaterThanOrEqual(0)
      expect(tokens - 2_072_488_058_295, name).toBeLessThan(7_077_888)
    }
    expect(findModel('llm-jp-3-172b').recipe).toMatchObject({ epsilon: 1e-8, learningRate: 8e-5, decaySteps: 290_812 })
  })

  it('finds models by name and lists names otherwise', () => {
    expect(findModel('LLM-jp-3-1.8B').name).toBe('llm-jp-3-1.8b')
    expect(findModel('13b').name).toBe('llm-jp-3-13b')
    expect(() => findModel('llm-jp-3-70b')).toThrow(
      /no model is called "llm-jp-3-70b"; there are nano, llm-jp-3-150m, /,
    )
  })
})

describe('config.json', () => {
  it('round-trips every dense model', () => {
    for (const { architecture } of listModels()) {
      if (architecture.experts) {
        expect(() => toHuggingFaceConfig(architecture)).toThrow(/no experts/)
        continue
      }
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

  it.each([
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor must be 1 \(whole heads are rotated\), got 0\.5/],
    [{ rope_parameters: { rope_type: 'llama3', factor: 8 } }, /rope_parameters\.rope_type must be "default"/],
    [{ rope_parameters: { rope_type: 'default', type: 'linear' } }, /rope_parameters\.type must be "default"/],
    [{ rope_parameters: { partial_rotary_factor: 0.5 } }, /rope_parameters\.partial_rotary_factor must be 1/],
    [{ rope_parameters: { full_attention: { rope_theta: 3 } } }, /rope_parameters\.full_attention is not known/],
    [
      { rope_scaling: { rope_type: 'default', rope_theta: 3 }, rope_parameters: { rope_theta: 4 } },
      /different rope_theta, 3 and 4/,
    ],
    [{ quantization_config: { bits: 4 } }, /quantization_config is set to .*: quantised weights cannot be read/],
    [{ attn_logit_softcapping: 50 }, /attn_logit_softcapping is set to 50: it is not known, and may change/],
    [{ sliding_window: 4096 }, /sliding_window must be false/],
    [
      { auto_map: { AutoModelForCausalLM: 'modeling.X' } },
      /auto_map\.AutoModelForCausalLM names code of the model's own/,
    ],
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
    [{ hidden_act: 'gelu' }, /hidden_act must be "silu"/],
    [{ rope_scaling: { type: 'linear' } }, /rope_scaling must be null/],
    [{ rms_norm_eps: 0 }, /rms_norm_eps must be a number above 0/],
    [{ tie_word_embeddings: 'no' }, /tie_word_embeddings must be true or false/],
    [{ head_dim: undefined, num_attention_heads: 0 }, /num_attention_heads must divide hidden_size/],
  ])('refuses %j', (change, message) => {
    const good = toHuggingFaceConfig(nano)
    const bad = change === null || Array.isArray(change) ? change : { ...good, ...change }
    expect(() => fromHuggingFaceConfig(bad)).toThrow(message)
  })
})
