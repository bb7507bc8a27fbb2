/** The model under test in @huggingface/tokenizers. */
import { Tokenizer as PeerTokenizer } from '@huggingface/tokenizers'
import { readModelFile } from '../../packages/tokenizer/src/sentencepiece/model-reader.ts'

/** The same model for @huggingface/tokenizers, as a tokenizer.json like those of LLM-jp's converted tokenizers. */
export function peerOf(model: Uint8Array): (text: string) => number[] {
  const vocab = Array.from(readModelFile(model).pieces, ({ piece, score }) => [piece, score])
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '\u2581' },
        { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'Unigram', unk_id: 0, vocab, byte_fallback: true },
  }
  const tokenizer = new PeerTokenizer(json, {})
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids
}
