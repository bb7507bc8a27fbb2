/** User-defined symbols, which stand in text as they are: they are found before it is normalised and before it is cut. */
import type { NormalizerSpec } from '../sentencepiece/model-file.ts'
import { Normalizer } from '../sentencepiece/normalizer.ts'
import { buildPieceTrie, longestPrefix, type PieceTrie } from '../sentencepiece/piece-trie.ts'

/** The trie of the symbols, each by its place among them; undefined where there are none. And a normaliser that passes them over. */
export function withUserSymbols(
  symbols: readonly string[],
  spec: NormalizerSpec,
  spacesBehindWords: boolean,
): { readonly trie: PieceTrie | undefined; readonly normalizer: Normalizer } {
  const trie =
    symbols.length > 0
      ? buildPieceTrie(
          symbols,
          Int32Array.from(symbols, (_, k) => k),
        )
      : undefined
  const normalizer = new Normalizer(
    spec,
    spacesBehindWords,
    trie && ((text, at) => longestPrefix(trie, (index) => text.charCodeAt(index), at, text.length)),
  )
  return { trie, normalizer }
}
