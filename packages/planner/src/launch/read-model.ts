/** The model that the flags of a launch describe. */
import { type PlannerModel, validateModel } from '../model/model.ts'
import type { LaunchFlags } from './launch-flags.ts'

/** Vocabulary sizes of tokenizers known by file name. */
const tokenizers: readonly (readonly [name: RegExp, vocab: number])[] = [
  [/llm-jp-tokenizer-100k\.ver3\.0/, 99_487],
  [/v4_alpha_1\.0/, 196_608],
]

/** @throws RangeError or TypeError naming the flag that is missing or out of bounds */
export function modelOf(
  flags: LaunchFlags,
  options: { readonly vocab?: number },
  tokenizer: string | undefined,
  notes: string[],
): PlannerModel {
  const layers = flags.number('--num-layers')
  const hidden = flags.number('--hidden-size')
  const heads = flags.number('--num-attention-heads')
  const gatedMlp = flags.has('--swiglu')
  // Megatron-LM's own default: two thirds of 4 x hidden for SwiGLU, rounded down to a multiple of 64.
  const ffn = flags.number('--ffn-hidden-size', gatedMlp ? Math.floor((4 * hidden * 2) / 3 / 64) * 64 : 4 * hidden)
  const grouped = flags.has('--group-query-attention')
  const groups = flags.number('--num-query-groups', 1)
  const latent = flags.has('--multi-latent-attention')
  const headDim = latent ? flags.number('--qk-head-dim', 128) : flags.number('--kv-channels', hidden / heads)
  const count = flags.number('--num-experts', 0)
  const positions = flags.text('--position-embedding-type') ?? 'learned_absolute'
  flags.has('--use-rotary-position-embeddings')
  const known = tokenizers.find(([name]) => tokenizer !== undefined && name.test(tokenizer))?.[1]
  const vocab = options.vocab ?? flags.number('--vocab-size', known ?? null)
  if (vocab === null) {
    throw new RangeError(
      'vocab: the launch does not state the vocabulary size (its tokenizer determines it); give it as an option',
    )
  }
  if (options.vocab === undefined && known !== undefined) notes.push(`vocabulary: ${vocab}, from the tokenizer's name`)
  const learned = positions === 'learned_absolute' && !flags.has('--no-position-embedding')
  const model: PlannerModel = {
    layers,
    hidden,
    ffn,
    heads,
    kvHeads: grouped ? groups : heads,
    headDim,
    vocab,
    gatedMlp,
    tiedEmbeddings: !flags.has('--untie-embeddings-and-output-weights'),
    ...(learned && { learnedPositions: flags.number('--max-position-embeddings') }),
    ...(flags.has('--qk-layernorm') && { qkNorm: true }),
    norm: (flags.text('--normalization') ?? 'LayerNorm') === 'LayerNorm' ? 'layer' : 'rms',
    biases: flags.has('--disable-bias-linear') ? (flags.has('--add-qkv-bias') ? 'qkv' : 'none') : 'all',
    ...(latent && {
      latentAttention: {
        queryRank: flags.number('--q-lora-rank', 0),
        keyValueRank: flags.number('--kv-lora-rank', 512),
        ropeDim: flags.number('--qk-pos-emb-head-dim', 64),
        valueDim: flags.number('--v-head-dim', 128),
      },
    }),
    ...(count > 0 && {
      experts: {
        count,
        topK: flags.number('--moe-router-topk', 2),
        ffn: flags.number('--moe-ffn-hidden-size', ffn),
        sharedFfn: flags.number('--moe-shared-expert-intermediate-size', 0),
        firstDenseLayers: denseLayers(flags.text('--moe-layer-freq'), notes),
      },
    }),
  }
  validateModel(model)
  return model
}

/** `([0]*3+[1]*58)`: the first three layers are dense. */
function denseLayers(text: string | undefined, notes: string[]): number {
  if (text === undefined || text === '1') return 0
  const match = /^\(?\[0\]\s*\*\s*(\d{1,4})\s*\+\s*\[1\]\s*\*\s*\d{1,4}\)?$/.exec(text)
  if (match) return Number(match[1])
  notes.push(`--moe-layer-freq ${text.slice(0, 60)}: assuming that every layer has experts`)
  return 0
}
