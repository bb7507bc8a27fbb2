/** `generation_config.json`: end-of-text ids and the authors' sampling options. */
import { Fields, isObject, show } from './fields.ts'

/** The generation defaults of a model's authors. Fields missing in the file are missing here. */
export interface GenerationConfig {
  readonly bosTokenId?: number
  /** Ids that end a text; one or several. */
  readonly eosTokenIds?: readonly number[]
  readonly padTokenId?: number
  /** False: greedy decoding, whatever the fields below are. */
  readonly doSample?: boolean
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly maxNewTokens?: number
}

const numbers = {
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  repetitionPenalty: 'repetition_penalty',
  maxNewTokens: 'max_new_tokens',
} as const satisfies { [field in keyof GenerationConfig]?: string }

/**
 * Reads a parsed generation_config.json, or the same fields of an older config.json. Other fields are ignored: they
 * affect sampling, not what the model computes.
 * @throws TypeError or RangeError naming the field
 */
export function fromHuggingFaceGenerationConfig(json: unknown, owner = 'generation_config.json'): GenerationConfig {
  if (!isObject(json)) throw new TypeError(`${owner}: must be a JSON object, got ${show(json)}`)
  const fields = new Fields(owner, json)
  // Older files write -1 for a token that the model does not have.
  const id = (key: string) =>
    fields.has(key) && fields.raw(key) !== -1 ? tokenId(owner, key, fields.raw(key)) : undefined
  const eos = fields.raw('eos_token_id')
  const config: Record<string, unknown> = {
    bosTokenId: id('bos_token_id'),
    eosTokenIds:
      eos === undefined || eos === null || eos === -1
        ? undefined
        : [eos].flat().map((x) => tokenId(owner, 'eos_token_id', x)),
    padTokenId: id('pad_token_id'),
    doSample: fields.has('do_sample') ? fields.flag('do_sample', false) : undefined,
  }
  for (const [field, key] of Object.entries(numbers)) if (fields.has(key)) config[field] = fields.number(key)
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
}

function tokenId(owner: string, key: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new RangeError(`${owner}: ${key} must be an integer of at least 0, got ${show(value)}`)
}

/** The file's JSON object. */
export function toHuggingFaceGenerationConfig(config: GenerationConfig): Record<string, unknown> {
  const { bosTokenId, eosTokenIds, padTokenId, doSample } = config
  const json: Record<string, unknown> = {
    bos_token_id: bosTokenId,
    eos_token_id: eosTokenIds?.length === 1 ? eosTokenIds[0] : eosTokenIds,
    pad_token_id: padTokenId,
    do_sample: doSample,
  }
  for (const [field, key] of Object.entries(numbers)) json[key] = config[field as keyof GenerationConfig]
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== undefined))
}
