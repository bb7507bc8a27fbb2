/** The tables of docs/models.md list what the code reads and writes; `-u` writes them. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { families } from '../src/huggingface/families.ts'
import { dtypes } from '../src/huggingface/stored-tensor.ts'
import {
  type ArchitectureFamily,
  fromHuggingFaceConfig,
  type ModelArchitecture,
  nano,
  toHuggingFaceConfig,
} from '../src/index.ts'

const file = fileURLToPath(new URL('../../../docs/models.md', import.meta.url))
const page = readFileSync(file, 'utf8')

/** What a model of each class always has, read from its smallest config.json. */
const smallest = (family: ArchitectureFamily): ModelArchitecture => {
  const { modelType } = families[family]
  const {
    hidden_size,
    intermediate_size,
    num_attention_heads,
    num_hidden_layers,
    vocab_size,
    max_position_embeddings,
  } = toHuggingFaceConfig({ ...nano, numHiddenLayers: 6 })
  const heads = { num_attention_heads, num_key_value_heads: num_attention_heads, head_dim: 32, sliding_window: null }
  const gemma = { layer_types: Array.from({ length: 6 }, () => 'full_attention'), query_pre_attn_scalar: 32 }
  return fromHuggingFaceConfig({
    ...{
      model_type: modelType,
      hidden_size,
      intermediate_size,
      num_hidden_layers,
      vocab_size,
      max_position_embeddings,
    },
    ...heads,
    ...(modelType.startsWith('gemma') ? { ...gemma, attn_logit_softcapping: null, final_logit_softcapping: null } : {}),
  })
}

const choices: Record<string, Partial<ModelArchitecture>> = {
  'biases of q, k and v': { attentionBias: 'qkv' },
  'and of the output projection': { attentionBias: true },
  'biases of the MLP': { mlpBias: true },
  'q/k norm': { qkNorm: true },
  'q/k norm over all heads': { qkNorm: true, qkNormOver: 'projection' },
  'post-norm': { normPlacement: 'post' },
  'pre- and post-norm': { normPlacement: 'both' },
  'soft caps of scores and logits': { attentionSoftcap: 50, logitSoftcap: 30 },
  'sliding window': { slidingWindow: 8 },
  'sliding window in some layers': { slidingWindow: 8, slidingLayers: [false, false, false, false, false, true] },
  'RoPE theta of these layers': {
    slidingWindow: 8,
    slidingLayers: [false, false, false, false, false, true],
    localRopeTheta: 5,
  },
  'RoPE scaling': {
    ropeScaling: { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 32 },
  },
  'tied or untied embeddings': { tieWordEmbeddings: false },
  'mixture of experts': {
    experts: { numExperts: 8, numExpertsPerToken: 2, intermediateSize: 8, tensorNames: 'mixtral' },
  },
}

test('the classes and the table of architectures', async () => {
  const names = Object.keys(families) as ArchitectureFamily[]
  const rows = Object.entries(choices).map(([label, choice]) => {
    const cells = names.map((family) => {
      const has = smallest(family)
      if (
        Object.entries(choice).every(([key, value]) =>
          key === 'experts'
            ? has.experts !== undefined
            : has[key as keyof ModelArchitecture] === value && key !== 'tieWordEmbeddings',
        )
      )
        return 'always'
      try {
        toHuggingFaceConfig({
          ...has,
          ...(family === 'gemma3' && choice.slidingWindow ? { localRopeTheta: 7 } : {}),
          ...choice,
        })
        return 'may'
      } catch {
        return ''
      }
    })
    return [label, ...cells]
  })
  const head = ['', ...names.map((family) => `\`${families[family].modelType}\``)]
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(3, ...all.map((row) => row[i].length)))
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  const table = [line(head), rule, ...rows.map(line), ''].join('\n')
  const classes = Object.values(families).map(({ className }) => `\`${className}\``)
  // Both stand under the heading: the classes in a sentence, then the table, the first of the page.
  const [found] = /(?:^\|.*\n)+/m.exec(page)!
  const written = page
    .replace(found, () => table)
    .replace(/(?<=One decoder implements ).*?(?=:\n)/, () => classes.join(', '))
  await expect(written).toMatchFileSnapshot(file)
})

test('the formats that are named', () => {
  expect(page).toContain(
    Object.keys(dtypes)
      .map((dtype) => `\`${dtype}\``)
      .join(', '),
  )
})
