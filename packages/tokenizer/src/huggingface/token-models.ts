/** The models of a tokenizer.json by type. */
import { BpeModel } from './bpe-model.ts'
import { asText, type JsonRecord, unsupported } from './json-value.ts'
import type { TokenModel } from './token-run.ts'
import { UnigramModel } from './unigram-model.ts'
import { WordLevelModel, WordPieceModel } from './word-models.ts'

/** The tokenization algorithm of a tokenizer.json. */
export type HuggingFaceModelType = 'unigram' | 'bpe' | 'wordpiece' | 'wordlevel'

const MODELS: Record<string, (model: JsonRecord) => TokenModel> = {
  Unigram: (model) => new UnigramModel(model),
  BPE: (model) => new BpeModel(model),
  WordPiece: (model) => new WordPieceModel(model),
  WordLevel: (model) => new WordLevelModel(model),
}

/** @throws TokenizerError where the model is malformed or of an unsupported type */
export function readTokenModel(model: JsonRecord): { type: HuggingFaceModelType; model: TokenModel } {
  // Old files of BPE models have no type.
  const type = model.type === undefined && model.merges !== undefined ? 'BPE' : asText(model.type, 'model.type')
  if (!Object.hasOwn(MODELS, type)) throw unsupported('model', type, Object.keys(MODELS))
  return { type: type.toLowerCase() as HuggingFaceModelType, model: MODELS[type](model) }
}
