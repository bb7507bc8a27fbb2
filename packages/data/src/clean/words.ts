/** Words of a text, for n-grams: what stands between spaces; each Han or kana character is one of its own. */
const pattern =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]+/gu

export function wordsOf(text: string): string[] {
  return text.match(pattern) ?? []
}
