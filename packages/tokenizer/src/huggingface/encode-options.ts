/** Options of encoding with a tokenizer.json. */
import type { OffsetUnit } from '../encoding.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import type { SpecialInText } from './added-tokens.ts'
import type { TruncationOptions } from './full-encoding.ts'
import type { Dropout } from './token-run.ts'

/** Options of `encode`. */
export type HuggingFaceEncodeOptions = {
  /** Adds the special tokens of the post-processor (such as bos and eos). Default false. */
  addSpecialTokens?: boolean
  /**
   * Which special tokens are recognised in the text. Default `'none'`: `<s>` in the text is encoded as ordinary text.
   * Hugging Face's tokenizers behave like `'all'`.
   */
  special?: SpecialInText
  /** BPE-dropout (arXiv:1910.13267): probability of skipping each merge. Default: the file's, usually 0. */
  dropout?: number
  /** Uniform numbers in [0, 1) for `dropout`. Default `Math.random`. */
  random?: () => number
}

/** Options of `encodeFull`. */
export type FullEncodeOptions = HuggingFaceEncodeOptions &
  TruncationOptions & {
    /** The second text. */
    pair?: string | Uint8Array
    /** Unit of the offsets: UTF-16 units (the default) or code points. */
    unit?: OffsetUnit
    /**
     * Applies the truncation and padding of the file, as Hugging Face's tokenizers do; truncation options given here
     * override the file's. Default false.
     */
    asFile?: boolean
  }

/** Names of all options; `addBos` and `addEos` belong to SentencePiece tokenizers and are ignored. */
export const ENCODE_OPTIONS: readonly string[] = [
  'addSpecialTokens',
  'special',
  'dropout',
  'random',
  'unit',
  'pair',
  'asFile',
  'maxLength',
  'stride',
  'truncationStrategy',
  'truncationSide',
  'addBos',
  'addEos',
]

/**
 * The dropout of an encoding, undefined where it is 0.
 * @param ofFile the file's probability
 * @throws TokenizerError where the probability is outside [0, 1]
 */
export function dropoutOf(name: string, options: HuggingFaceEncodeOptions, ofFile: number): Dropout | undefined {
  const probability = options.dropout ?? ofFile
  if (!(probability >= 0 && probability <= 1)) {
    throw new TokenizerError(`${name}: dropout is ${probability}; a number from 0 to 1 is needed`)
  }
  return probability > 0 ? { probability, random: options.random ?? Math.random } : undefined
}
