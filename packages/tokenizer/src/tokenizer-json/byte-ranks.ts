/** Conversion of vocabularies of ranked byte strings (tiktoken, tekken) to vocabularies with merges. */
import { toByteAlphabetFromBytes } from '../huggingface/byte-alphabet.ts'
import { TokenizerError } from '../tokenizer-error.ts'

/**
 * Converts tokens ranked by merge order, as in tiktoken, to a vocabulary with merges: the merge of a token is the pair
 * that remains when its bytes are merged by the tokens of lower rank.
 * @param what name of the file in messages
 * @param firstId the id of rank 0
 * @throws TokenizerError where a byte has no token, or a token occurs twice
 */
export function mergesOfRanks(
  what: string,
  tokens: ReadonlyMap<number, Uint8Array>,
  firstId: number,
): { vocab: Record<string, number>; merges: [string, string][] } {
  const ranks = new Map<string, number>()
  for (const [rank, bytes] of tokens) {
    const text = toByteAlphabetFromBytes(bytes)
    const before = ranks.get(text)
    if (before !== undefined) throw new TokenizerError(`${what}: ranks ${before} and ${rank} are the same bytes`)
    ranks.set(text, rank)
  }
  for (let byte = 0; byte < 256; byte++) {
    if (!ranks.has(toByteAlphabetFromBytes(Uint8Array.of(byte)))) {
      throw new TokenizerError(`${what}: byte 0x${byte.toString(16)} has no token; all 256 are needed`)
    }
  }
  const merges: [string, string][] = []
  const sorted = [...ranks].sort((a, b) => a[1] - b[1])
  for (const [text, rank] of sorted) {
    if (text.length === 1) continue
    const parts = mergedBelow(text, rank, ranks)
    // A token without such a pair has no merge: it matches only as a whole word (`ignore_merges`).
    if (parts.length === 2) merges.push([parts[0], parts[1]])
  }
  return { vocab: Object.fromEntries(sorted.map(([text, rank]) => [text, rank + firstId])), merges }
}

function mergedBelow(text: string, limit: number, ranks: ReadonlyMap<string, number>): string[] {
  const parts = Array.from(text)
  for (;;) {
    let best = limit
    let at = -1
    for (let k = 0; k + 1 < parts.length; k++) {
      const rank = ranks.get(parts[k] + parts[k + 1])
      if (rank !== undefined && rank < best) {
        best = rank
        at = k
      }
    }
    if (at < 0) return parts
    parts.splice(at, 2, parts[at] + parts[at + 1])
  }
}

/** @throws TokenizerError where the text is not base64 */
export function bytesOfBase64(text: string, where: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    throw new TokenizerError(`${where} is not base64`)
  }
}
