/** Filters by what a text is made of: length, kinds of characters, repetition, Japanese. */
import type { Filter } from './filter.ts'
import { wordsOf } from './words.ts'

const part = (text: string, pattern: RegExp): number => (text.match(pattern)?.length ?? 0) / Math.max(1, text.length)

/**
 * Texts of `min` to `max` characters (UTF-16 units).
 * @example applyFilters([lengthFilter({ min: 20 })], 'too short', emptyCounts()) // null
 */
export function lengthFilter({ min = 1, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number } = {}): Filter {
  return {
    name: 'length',
    apply: ({ length }) => (length < min ? { drop: `below ${min}` } : length > max ? { drop: `above ${max}` } : true),
  }
}

/** Shares of kinds of characters, 0 to 1. */
export interface CharacterLimits {
  /** Letters of any script, at least. */
  readonly letters?: number
  /** Digits, at most. */
  readonly digits?: number
  /** `#` and ellipses for each word, at most; Gopher's 0.1. */
  readonly symbols?: number
}

/** @see arXiv:2112.11446, appendix A1.1: 80 % of words with a letter, symbols to words 0.1. Defaults are by character: letters 0.5, digits 0.3 */
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

/** Characters in the commonest n-gram, and in all n-grams that come more than once, at most. */
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
 * Gopher's rules on repetition: lines, paragraphs and n-grams that come again.
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
          return { drop: `one ${n}-gram again and again` }
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

/** Shares of a Japanese text, 0 to 1. */
export interface JapaneseLimits {
  /** Kana among all characters, at least; default 0.1. */
  readonly kana?: number
  /** 、 and 。 and their like among all characters, at least; default 0.005. */
  readonly punctuation?: number
  /** Lines that end a sentence, at least; default 0.1. */
  readonly sentenceEnds?: number
}

/** Rules for Japanese prose. Lists, tables of names and machine output have few kana, no punctuation and no ends of sentences. */
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
