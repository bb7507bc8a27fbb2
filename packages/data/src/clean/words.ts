/** Words of a text for n-grams: separated by white space; each Han or kana character is a word. */
const pattern =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]+/gu

export function wordsOf(text: string): string[] {
  return text.match(pattern) ?? []
}
