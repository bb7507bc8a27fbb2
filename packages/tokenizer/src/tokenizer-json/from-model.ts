/** Conversion of SentencePiece models to tokenizer.json. */
import { PieceType } from '../sentencepiece/model-file.ts'
import { readModelFile } from '../sentencepiece/model-reader.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { addedTokens, type WrittenToken } from './written-file.ts'

const MARK = '\u2581'

/**
 * Converts a SentencePiece model to a `tokenizer.json` with the same pieces and ids and with Hugging Face's components
 * for normalisation and decoding. Encodings are the same except where Hugging Face resolves ties differently (see the
 * guide).
 * @param model the bytes of a `.model` file of type unigram or bpe
 * @returns the text of a `tokenizer.json`
 * @throws TokenizerError where the model is malformed, of another type, or uses `treat_whitespace_as_suffix`
 * @example
 * const json = tokenizerJsonFromModel(model)
 * const [fast, exact] = [loadHuggingFaceTokenizer(json), loadTokenizer(model)]
 * console.log(fast.encode('木').length === exact.encode('木').length) // true
 */
export function tokenizerJsonFromModel(model: Uint8Array): string {
  const { pieces: list, trainer, normalizer } = readModelFile(model)
  const pieces = [...list]
  const { modelType, byteFallback } = trainer
  if (modelType !== 'unigram' && modelType !== 'bpe') {
    throw new TokenizerError(`tokenizerJsonFromModel: the model is ${modelType}; unigram and bpe models can be written`)
  }
  if (trainer.treatWhitespaceAsSuffix) {
    throw new TokenizerError(
      'tokenizerJsonFromModel: the model uses treat_whitespace_as_suffix, which tokenizer.json cannot represent',
    )
  }
  const { precompiledCharsmap: rules, addDummyPrefix, removeExtraWhitespaces } = normalizer
  const regex = (Regex: string, content: string) => ({ type: 'Replace', pattern: { Regex }, content })
  const literal = (text: string, content: string) => ({ type: 'Replace', pattern: { String: text }, content })
  const normalizers: object[] = []
  if (rules.length > 0) normalizers.push({ type: 'Precompiled', precompiled_charsmap: base64(rules) })
  if (removeExtraWhitespaces) normalizers.push(regex('^ +| +$', ''), regex(' {2,}', ' '))
  if (addDummyPrefix) normalizers.push({ type: 'Prepend', prepend: MARK })
  normalizers.push(literal(' ', MARK))
  const decoders: object[] = [literal(MARK, ' '), { type: 'ByteFallback' }, { type: 'Fuse' }]
  if (addDummyPrefix) decoders.push({ type: 'Strip', content: ' ', start: 1, stop: 0 })
  const tokens: WrittenToken[] = []
  pieces.forEach(({ piece, type }, id) => {
    const special = type === PieceType.control || type === PieceType.unknown
    if (special || type === PieceType.userDefined) tokens.push({ id, content: piece, special })
  })
  const unkId = pieces.findIndex(({ type }) => type === PieceType.unknown)
  const body =
    modelType === 'unigram'
      ? {
          type: 'Unigram',
          unk_id: unkId,
          // The float32 score as a double, which Hugging Face's own converter writes too.
          vocab: pieces.map(({ piece, score }) => [piece, score]),
          byte_fallback: byteFallback,
        }
      : {
          type: 'BPE',
          dropout: null,
          unk_token: pieces[unkId].piece,
          continuing_subword_prefix: null,
          end_of_word_suffix: null,
          fuse_unk: true,
          byte_fallback: byteFallback,
          ignore_merges: false,
          vocab: Object.fromEntries(pieces.map(({ piece }, id) => [piece, id])),
          merges: mergesOf(pieces),
        }
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(tokens),
    normalizer: { type: 'Sequence', normalizers },
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Sequence', decoders },
    model: body,
  })
}

/** All pairs of pieces whose concatenation is a piece, in descending order of its score. */
function mergesOf(pieces: readonly { piece: string; score: number; type: number }[]): [string, string][] {
  const found: { merge: [string, string]; score: number; left: number; right: number }[] = []
  const normal = new Map<string, number>()
  pieces.forEach(({ piece, type }, id) => {
    if (type === PieceType.normal) normal.set(piece, id)
  })
  for (const [piece, id] of normal) {
    for (let at = 1; at < piece.length; at++) {
      if ((piece.charCodeAt(at) & 0xfc00) === 0xdc00) continue
      const left = normal.get(piece.slice(0, at))
      const right = normal.get(piece.slice(at))
      if (left === undefined || right === undefined) continue
      found.push({ merge: [piece.slice(0, at), piece.slice(at)], score: pieces[id].score, left, right })
    }
  }
  found.sort((a, b) => b.score - a.score || a.left - b.left || a.right - b.right)
  return found.map(({ merge }) => merge)
}

function base64(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at += 8190)
    parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + 8190))))
  return parts.join('')
}
