/** Guessing the encoding of text that is not UTF-8. */

/** Candidate encodings, with their names in `TextDecoder` and in iconv. */
const encodings = [
  ['utf-16le', 'UTF-16LE'],
  ['utf-16be', 'UTF-16BE'],
  ['iso-2022-jp', 'ISO-2022-JP'],
  ['euc-jp', 'EUC-JP'],
  ['shift_jis', 'SHIFT_JIS'],
  ['windows-1252', 'WINDOWS-1252'],
] as const

/**
 * The encoding in which the bytes look most like text. EUC-JP bytes are often valid Shift JIS too (half-width katakana
 * and rare kanji), but decoded as such they contain hardly any kana.
 * @returns the name for iconv
 */
export function likelyEncoding(bytes: Uint8Array): string {
  // Not fatal: the last character may be cut.
  const begin = bytes.subarray(0, 1 << 16)
  let best: readonly [score: number, name: string] = [Number.NEGATIVE_INFINITY, 'SHIFT_JIS']
  for (const [label, name] of encodings) {
    let text: string
    try {
      text = new TextDecoder(label).decode(begin)
    } catch {
      continue
    }
    const score =
      count(text, /[\u3041-\u30ff]/g) +
      0.5 * count(text, /[\u4e00-\u9fff\u3000-\u3002]/g) +
      0.4 * count(text, /[\u00c0-\u00ff]/g) -
      // Other encodings decoded as UTF-16 give letters of all scripts.
      (label.startsWith('utf-16') ? 3 * count(text, /[^\t\r\n -~\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]/g) : 0) -
      5 * count(text, /\ufffd/g) -
      count(text, /[\uff61-\uff9f\u0080-\u009f\ue000-\uf8ff]/g)
    if (score > best[0]) best = [score, name]
  }
  return best[1]
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

/**
 * Escapes of ISO-2022-JP, all of whose bytes are ASCII too: ESC and `$@`, `$B` or `$(D`, which begin kanji.
 * @see RFC 1468
 */
export function isIso2022Jp(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0x1b); at >= 0; at = bytes.indexOf(0x1b, at + 1))
    if (bytes[at + 1] === 0x24 && (bytes[at + 2] === 0x40 || bytes[at + 2] === 0x42 || bytes[at + 2] === 0x28))
      return true
  return false
}
