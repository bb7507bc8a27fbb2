/** Conversion of tiktoken files to tokenizer.json. */
import { checkOptions } from '../check-options.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { bytesOfBase64, mergesOfRanks } from './byte-ranks.ts'
import { byteLevelFile } from './written-file.ts'

/** Names of the encodings whose patterns are built in. */
export type TiktokenPattern = 'r50k_base' | 'p50k_base' | 'cl100k_base' | 'o200k_base'

export type TiktokenOptions = {
  /** Pattern that splits text into words, which a `.tiktoken` file lacks: the name of an encoding, or an expression. */
  pattern: TiktokenPattern | (string & {})
  /** Special tokens with their ids. Default none. */
  specialTokens?: Readonly<Record<string, number>>
}

const GPT2 = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s"
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
/** @see https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py */
const PATTERNS: Record<TiktokenPattern, string> = {
  r50k_base: GPT2,
  p50k_base: GPT2,
  cl100k_base:
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  o200k_base: `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${SHORT}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${SHORT}|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
}

/**
 * Converts a `.tiktoken` file, whose lines are a token in base64 and its rank (which is its id), to a `tokenizer.json`.
 * @param file the bytes or text of the file
 * @returns the text of a `tokenizer.json`
 * @throws TokenizerError where a line is malformed, a rank or token occurs twice, or a byte has no token
 * @example
 * const ranks = Array.from({ length: 256 }, (_, i) => `${btoa(String.fromCharCode(i))} ${i}`)
 * const json = tokenizerJsonFromTiktoken([...ranks, `${btoa('ab')} 256`].join('\n'), { pattern: 'cl100k_base' })
 * loadHuggingFaceTokenizer(json).encode('ab') // [256]
 */
export function tokenizerJsonFromTiktoken(file: Uint8Array | string, options: TiktokenOptions): string {
  const { pattern, specialTokens = {} } = options
  checkOptions('tokenizerJsonFromTiktoken', options, ['pattern', 'specialTokens'])
  if (typeof pattern !== 'string') {
    throw new TokenizerError(
      `tokenizerJsonFromTiktoken: pattern is needed: ${Object.keys(PATTERNS).join(', ')}, or an expression`,
    )
  }
  const text = typeof file === 'string' ? file : new TextDecoder().decode(file)
  const tokens = new Map<number, Uint8Array>()
  text.split('\n').forEach((line, k) => {
    if (line.trim() === '') return
    const where = `tiktoken file, line ${k + 1}`
    const found = /^(\S+) (\d{1,9})\s*$/.exec(line)
    if (!found) throw new TokenizerError(`${where}: a token in base64, a space and a rank are needed`)
    const rank = Number(found[2])
    if (tokens.has(rank)) throw new TokenizerError(`${where}: rank ${rank} occurs twice`)
    tokens.set(rank, bytesOfBase64(found[1], where))
  })
  const special = Object.entries(specialTokens).map(([content, id]) => {
    if (!Number.isInteger(id) || id < 0 || tokens.has(id)) {
      throw new TokenizerError(
        `tokenizerJsonFromTiktoken: special token ${JSON.stringify(content)} has id ${id}; an unused integer of at least 0 is needed`,
      )
    }
    return { id, content, special: true }
  })
  return byteLevelFile({
    ...mergesOfRanks('tiktoken file', tokens, 0),
    pattern: Object.hasOwn(PATTERNS, pattern) ? PATTERNS[pattern as TiktokenPattern] : pattern,
    addPrefixSpace: false,
    normalizer: undefined,
    tokens: special,
    ignoreMerges: true,
  })
}
