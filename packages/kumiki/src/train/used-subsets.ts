/** The tokens that a run uses of each named source, for its record and model card. */
import type { UsedSubset } from '@kumiki/train/records'
import type { Corpus } from './corpus.ts'

/** @param train the documents of `corpus.train` as token ids */
export function usedSubsets({ subsets }: Corpus, train: readonly Int32Array[]): UsedSubset[] | undefined {
  let at = 0
  return subsets?.map(({ source: { name, language, source, licence, releaseLevel, repeats }, documents }) => {
    const tokens = train.slice(at, at + documents).reduce((n, ids) => n + ids.length, 0)
    at += documents
    return {
      subset: name,
      language: language ?? null,
      source: source ?? null,
      licence: licence ?? null,
      releaseLevel: releaseLevel ?? 'L3',
      repeats: repeats ?? 1,
      tokens,
    }
  })
}

/** Passes over data that are nearly as good as new data. @see arXiv:2305.16264, figure 3 */
const harmlessEpochs = 4

/** @param epochs passes over the text of the run */
export function repeatWarnings(used: readonly UsedSubset[] | undefined, epochs: number): string[] {
  return (used ?? []).flatMap(({ subset, repeats }) => {
    const passes = repeats * epochs
    return passes <= harmlessEpochs * (1 + 1e-9)
      ? []
      : [
          `${subset} is read ${passes.toFixed(1)} times; beyond ${harmlessEpochs} passes, repeated text is worth less than new text (arXiv:2305.16264)`,
        ]
  })
}
