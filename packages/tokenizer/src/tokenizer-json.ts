/**
 * Creates a Hugging Face `tokenizer.json`: by training, or from SentencePiece `.model`, `.tiktoken` and tekken files.
 * @packageDocumentation
 */

export { TokenizerError } from './tokenizer-error.ts'
export { type ByteLevelBpeOptions, trainByteLevelBpe } from './tokenizer-json/byte-level-bpe.ts'
export { tokenizerJsonFromModel } from './tokenizer-json/from-model.ts'
export { tokenizerJsonFromTekken } from './tokenizer-json/from-tekken.ts'
export {
  type TiktokenOptions,
  type TiktokenPattern,
  tokenizerJsonFromTiktoken,
} from './tokenizer-json/from-tiktoken.ts'
