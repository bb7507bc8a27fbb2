/** A tokenizer.json of a SentencePiece model. */
import { PieceType } from '../sentencepiece/model-file.ts'
import { readModelFile } from '../sentencepiece/model-reader.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { addedTokens, type WrittenToken } from './written-file.ts'

const MARK = '\u2581'

/**
 * Writes the `tokenizer.json` of a SentencePiece model: the same pieces and ids, with normalisation and decoding by Hugging Face's parts.
 * Ids are the same but where Hugging Face decides otherwise (ties of equal scores, see the guide).
 * @param model the bytes of a `.model` file of type unigram or bpe
 * @throws TokenizerError where the model is broken or of another type, or puts the space mark behind words
 * @example
 * const json = tokenizerJsonFromModel(model)
 * const [fast, exact] = [loadHuggingFaceTokenizer(json), loadTokenizer(model)]
 * console.log(fast.encode('木').length === exact.encode('木').length) // true
 */
export function tokenizerJsonFromModel(model: Uint8Array): string {
  const { pieces, trainer, normalizer } = readModelFile(model)
  const { modelType, byteFallback } = trainer
  if (modelType !== 'unigram' && modelType !== 'bpe') {
    throw new TokenizerError(`tokenizerJsonFromModel: the model is ${modelType}; unigram and bpe models can be written`)
  }
  if (trainer.treatWhitespaceAsSuffix) {
    throw new TokenizerError(
      'tokenizerJsonFromModel: the model has the space mark behind words, for which tokenizer.json has no part',
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
          // In double precision, as the score in the file is read there.
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

/** Every way to make a piece of two others, the pieces of best score first. */
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
