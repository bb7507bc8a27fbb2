/** Writer of the tokenizer.json of byte-level BPE models. */

/** A special token of the file. */
export type WrittenToken = { id: number; content: string; special: boolean }

/** The `added_tokens` section. */
export function addedTokens(tokens: readonly WrittenToken[]): object[] {
  return [...tokens]
    .sort((a, b) => a.id - b.id)
    .map(({ id, content, special }) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special,
    }))
}

/** The text of the file of a byte-level BPE model, with every key that Hugging Face writes. */
export function byteLevelFile(parts: {
  vocab: Record<string, number>
  merges: [string, string][]
  pattern: string | undefined
  addPrefixSpace: boolean
  normalizer: string | undefined
  tokens: readonly WrittenToken[]
  ignoreMerges: boolean
}): string {
  const level = (useRegex: boolean) => ({
    type: 'ByteLevel',
    add_prefix_space: parts.addPrefixSpace,
    trim_offsets: true,
    use_regex: useRegex,
  })
  const split = { type: 'Split', pattern: { Regex: parts.pattern }, behavior: 'Isolated', invert: false }
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(parts.tokens),
    normalizer: parts.normalizer === undefined ? null : { type: parts.normalizer },
    pre_tokenizer:
      parts.pattern === undefined ? level(true) : { type: 'Sequence', pretokenizers: [split, level(false)] },
    post_processor: { ...level(true), trim_offsets: false },
    decoder: level(true),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: parts.ignoreMerges,
      vocab: parts.vocab,
      merges: parts.merges,
    },
  })
}
