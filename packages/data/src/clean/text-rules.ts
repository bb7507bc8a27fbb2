/** Rule-based quality filters: length, classes of characters, repetition, Japanese. */
import type { Filter } from './filter.ts'
import { wordsOf } from './words.ts'

const part = (text: string, pattern: RegExp): number => (text.match(pattern)?.length ?? 0) / Math.max(1, text.length)

/**
 * A filter that keeps texts of `min` to `max` UTF-16 units.
 * @example applyFilters([lengthFilter({ min: 20 })], 'too short', emptyCounts()) // null
 */
export function lengthFilter({ min = 1, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number } = {}): Filter {
  if (!(min <= max))
    throw new RangeError(`lengthFilter: min must be at most max, got ${min} and ${max}, which drop every text`)
  return {
    name: 'length',
    apply: ({ length }) => (length < min ? { drop: `below ${min}` } : length > max ? { drop: `above ${max}` } : true),
  }
}

/** Limits of the shares of classes of characters, 0 to 1. */
export interface CharacterLimits {
  /** Minimum share of letters of any script; default 0.5. */
  readonly letters?: number
  /** Maximum share of digits; default 0.3. */
  readonly digits?: number
  /** Maximum number of `#` and ellipses per word; default 0.1, as in Gopher. */
  readonly symbols?: number
}

/**
 * A filter by the classes of characters, after Gopher's rules (80 % of words with a letter, symbol-to-word ratio 0.1),
 * but with letters and digits counted by character.
 * @see arXiv:2112.11446, appendix A1.1
 */
export function characterFilter({ letters = 0.5, digits = 0.3, symbols = 0.1 }: CharacterLimits = {}): Filter {
  return {
    name: 'characters',
    apply(text) {
      if (part(text, /\p{L}/gu) < letters) return { drop: 'too few letters' }
      if (part(text, /\p{Nd}/gu) > digits) return { drop: 'too many digits' }
      const words = wordsOf(text).length
      if ((text.match(/#|\.\.\.|…/g)?.length ?? 0) > symbols * words) return { drop: 'too many symbols' }
      return true
    },
  }
}

/** Maximum share of characters in the most frequent n-gram, and in all n-grams that occur more than once. */
const topNgrams = [
  [2, 0.2],
  [3, 0.18],
  [4, 0.16],
] as const
const repeatedNgrams = [
  [5, 0.15],
  [6, 0.14],
  [7, 0.13],
  [8, 0.12],
  [9, 0.11],
  [10, 0.1],
] as const

/**
 * A filter by Gopher's repetition rules: duplicate lines, paragraphs and n-grams.
 * @see arXiv:2112.11446, table A1
 * @example applyFilters([repetitionFilter()], 'again and again\n'.repeat(50), emptyCounts()) // null
 */
export function repetitionFilter(): Filter {
  return {
    name: 'repetition',
    apply(text) {
      const repeats = (pieces: string[]) => {
        const seen = new Set<string>()
        let [count, characters] = [0, 0]
        for (const piece of pieces) {
          if (!seen.has(piece)) seen.add(piece)
          else {
            count++
            characters += piece.length
          }
        }
        return { share: count / Math.max(1, pieces.length), characters: characters / Math.max(1, text.length) }
      }
      const lines = repeats(text.split(/\n+/).filter(Boolean))
      if (lines.share > 0.3 || lines.characters > 0.2) return { drop: 'repeated lines' }
      const paragraphs = repeats(text.split(/\n{2,}/).filter(Boolean))
      if (paragraphs.share > 0.3 || paragraphs.characters > 0.2) return { drop: 'repeated paragraphs' }
      const words = wordsOf(text)
      const length = words.reduce((sum, word) => sum + word.length, 0)
      for (const [n, most] of topNgrams) {
        const counts = new Map<string, number>()
        let [best, bestCount] = ['', 0]
        for (let i = 0; i + n <= words.length; i++) {
          const gram = words.slice(i, i + n).join(' ')
          const count = (counts.get(gram) ?? 0) + 1
          counts.set(gram, count)
          if (count > bestCount) [best, bestCount] = [gram, count]
        }
        if (bestCount > 1 && (bestCount * (best.length - n + 1)) / length > most)
          return { drop: `one frequent ${n}-gram` }
      }
      for (const [n, most] of repeatedNgrams) {
        const seen = new Set<string>()
        let repeated = 0
        for (let i = 0; i + n <= words.length; ) {
          const gram = words.slice(i, i + n).join(' ')
          if (seen.has(gram)) {
            repeated += gram.length - n + 1
            i += n
          } else {
            seen.add(gram)
            i++
          }
        }
        if (repeated / Math.max(1, length) > most) return { drop: `repeated ${n}-grams` }
      }
      return true
    },
  }
}

/** Minimum shares in a Japanese text, 0 to 1. */
export interface JapaneseLimits {
  /** Minimum share of kana among all characters; default 0.1. */
  readonly kana?: number
  /** Minimum share of punctuation (、。，．！？) among all characters; default 0.005. */
  readonly punctuation?: number
  /** Minimum share of lines that end a sentence; default 0.1. */
  readonly sentenceEnds?: number
}

/**
 * A filter that keeps Japanese prose: lists, tables and machine output have few kana, punctuation marks and sentence
 * ends.
 */
export function japaneseFilter({ kana = 0.1, punctuation = 0.005, sentenceEnds = 0.1 }: JapaneseLimits = {}): Filter {
  return {
    name: 'japanese',
    apply(text) {
      if (part(text, /[\u3041-\u30ff]/g) < kana) return { drop: 'too few kana' }
      if (part(text, /[、。，．！？]/g) < punctuation) return { drop: 'too little punctuation' }
      const lines = text.split('\n').filter((line) => line.trim() !== '')
      const ends = lines.filter((line) => /[。．！？!?.」』）)]\s*$/.test(line)).length
      if (ends < sentenceEnds * lines.length) return { drop: 'too few ends of sentences' }
      return true
    },
  }
}
