/** Loads a tokenizer file, detecting its format. */
import { type HuggingFaceTokenizer, loadHuggingFaceTokenizer } from '../huggingface/hugging-face-tokenizer.ts'
import { loadTokenizer, type Tokenizer } from '../sentencepiece/tokenizer.ts'
import { tokenizerJsonFromTekken } from '../tokenizer-json/from-tekken.ts'

/** Loads a tokenizer file of any supported format: SentencePiece, `tokenizer.json`, tekken. */
export function tokenizerFromBytes(bytes: Uint8Array): Tokenizer | HuggingFaceTokenizer {
  if (!looksLikeJson(bytes)) return loadTokenizer(bytes)
  return loadHuggingFaceTokenizer(looksLikeTekken(bytes) ? tokenizerJsonFromTekken(bytes) : bytes)
}

/** A tekken file begins with its configuration, which has this key. */
function looksLikeTekken(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(0, 4096)).includes('"default_num_special_tokens"')
}

/** A model file begins with the tag of a piece (0x0A), which JSON may have as a line feed, so the last byte decides. */
function looksLikeJson(bytes: Uint8Array): boolean {
  const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
  let first = 0
  while (first < bytes.length && isSpace(bytes[first])) first++
  let last = bytes.length - 1
  while (last > first && isSpace(bytes[last])) last--
  return bytes[first] === 0x7b && (first === 0 || bytes[last] === 0x7d)
}
