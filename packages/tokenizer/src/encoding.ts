/** Ids with what each covers. */
export type Encoding = {
  ids: Int32Array
  /** The text of each piece: a space is U+2581; of an unknown one, the characters it covers; of a byte, `<0xE3>`. */
  pieces: string[]
  /** The part of the given text each piece covers, [start, end). Of the bytes of a character the last covers it. */
  offsets: [start: number, end: number][]
}

/** What offsets count: UTF-16 units, as JavaScript does, or code points, as SentencePiece and Python do. */
export type OffsetUnit = 'utf16' | 'codePoint'

/** Turns offsets in UTF-16 units of `text` into code points, in place. */
export function toCodePointOffsets(text: string, offsets: [number, number][]): void {
  const before = new Int32Array(text.length + 1)
  let count = 0
  for (let i = 0; i < text.length; count++) {
    const size = text.codePointAt(i)! > 0xffff ? 2 : 1
    before[i] = count
    if (size === 2) before[i + 1] = count
    i += size
  }
  before[text.length] = count
  for (const pair of offsets) {
    pair[0] = before[pair[0]]
    pair[1] = before[pair[1]]
  }
}
