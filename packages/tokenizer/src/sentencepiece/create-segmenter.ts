/** Creates the segmenter of a model's type. */
import { BpeSegmenter } from './bpe-segmenter.ts'
import { type ModelFile, PieceType } from './model-file.ts'
import { SPACE, SPACE_MARK } from './normalizer.ts'
import { buildPieceTrie, type PieceTrie } from './piece-trie.ts'
import type { Segmenter } from './segments.ts'
import { UnigramSegmenter } from './unigram-segmenter.ts'
import type { Vocabulary } from './vocabulary.ts'
import { CharSegmenter, WordSegmenter } from './word-segmenter.ts'

export function createSegmenter(file: ModelFile, vocabulary: Vocabulary, symbols: PieceTrie | undefined): Segmenter {
  switch (file.trainer.modelType) {
    case 'unigram':
      return new UnigramSegmenter(vocabulary, file.normalizer.escapeWhitespaces ? SPACE_MARK : SPACE)
    case 'bpe':
      return new BpeSegmenter(vocabulary, symbols)
    case 'word':
      return new WordSegmenter(vocabulary)
    case 'char':
      return new CharSegmenter(vocabulary, symbols)
  }
}

/** A trie of the user-defined pieces, which are matched before all others; undefined where the model has none. */
export function userDefinedTrie(vocabulary: Vocabulary): PieceTrie | undefined {
  const ids: number[] = []
  vocabulary.types.forEach((type, id) => {
    if (type === PieceType.userDefined) ids.push(id)
  })
  return ids.length > 0 ? buildPieceTrie(vocabulary.pieces, Int32Array.from(ids)) : undefined
}
