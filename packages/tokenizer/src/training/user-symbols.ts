/** User-defined symbols, which are matched before text is normalised and cut into fragments. */
import type { NormalizerSpec } from '../sentencepiece/model-file.ts'
import { Normalizer } from '../sentencepiece/normalizer.ts'
import { joinTexts } from '../sentencepiece/piece-list.ts'
import { buildPieceTrie, longestPrefix, type PieceTrie } from '../sentencepiece/piece-trie.ts'

/**
 * A trie of the symbols, with their indices (undefined where there are none), and a normaliser that leaves them
 * unchanged.
 */
export function withUserSymbols(
  symbols: readonly string[],
  spec: NormalizerSpec,
  spacesBehindWords: boolean,
): { readonly trie: PieceTrie | undefined; readonly normalizer: Normalizer } {
  const trie =
    symbols.length > 0
      ? buildPieceTrie(
          joinTexts(symbols),
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
