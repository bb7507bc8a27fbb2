/** Conversion of Mistral's tekken.json to tokenizer.json. */
import { asIndex, asList, asRecord, asText, parseJson } from '../huggingface/json-value.ts'
import { bytesOfBase64, mergesOfRanks } from './byte-ranks.ts'
import { byteLevelFile } from './written-file.ts'

/** Default special tokens, for files that do not list them. */
const SPECIAL =
  '<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] [IMG] <pad> [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT]'.split(
    ' ',
  )

/**
 * Converts a tekken file (Mistral's `tekken.json`) to a `tokenizer.json`. Special tokens come first; the id of another
 * token is its rank plus the number of special tokens.
 * @param source the file as UTF-8 bytes or as a string
 * @returns the text of a `tokenizer.json`
 * @throws TokenizerError where the file is malformed
 * @see https://github.com/mistralai/mistral-common, tokens/tokenizers/tekken.py
 * @example
 * const tokenizer = loadHuggingFaceTokenizer(tokenizerJsonFromTekken(tekken)) // the text of a tekken.json
 * tokenizer.decode(tokenizer.encode('木')) // '木'
 */
export function tokenizerJsonFromTekken(source: Uint8Array | string): string {
  const file = asRecord(parseJson(source), 'tekken: the file')
  const config = asRecord(file.config, 'tekken: config')
  const reserved = asIndex(config.default_num_special_tokens, 'tekken: config.default_num_special_tokens', 100_000)
  const size = asIndex(config.default_vocab_size, 'tekken: config.default_vocab_size', 2 ** 24)
  const names = Array.from({ length: reserved }, (_, id) => SPECIAL[id] ?? `<SPECIAL_${id}>`)
  if (file.special_tokens !== undefined && file.special_tokens !== null) {
    for (let id = 0; id < reserved; id++) names[id] = `<SPECIAL_${id}>`
    asList(file.special_tokens, 'tekken: special_tokens').forEach((entry, k) => {
      const token = asRecord(entry, `tekken: special_tokens[${k}]`)
      const rank = asIndex(token.rank, `tekken: special_tokens[${k}].rank`, reserved - 1)
      names[rank] = asText(token.token_str, `tekken: special_tokens[${k}].token_str`)
    })
  }
  const tokens = new Map<number, Uint8Array>()
  asList(file.vocab, 'tekken: vocab').forEach((entry, k) => {
    const token = asRecord(entry, `tekken: vocab[${k}]`)
    const rank = asIndex(token.rank, `tekken: vocab[${k}].rank`, 2 ** 24)
    // The file may list more tokens than the model's vocabulary has.
    if (rank + reserved >= size) return
    const where = `tekken: vocab[${k}].token_bytes`
    tokens.set(rank, bytesOfBase64(asText(token.token_bytes, where), where))
  })
  return byteLevelFile({
    ...mergesOfRanks('tekken', tokens, reserved),
    pattern: asText(config.pattern, 'tekken: config.pattern'),
    addPrefixSpace: false,
    normalizer: undefined,
    tokens: names.map((content, id) => ({ id, content, special: true })),
    ignoreMerges: true,
  })
}
