/** Encodings with offsets, and the conversion of their units. */
import { TokenizerError } from './tokenizer-error.ts'

/** Ids with their pieces and offsets. */
export type Encoding = {
  ids: Int32Array
  /** The pieces: a space is U+2581; an unknown piece is the characters it covers; a byte is written as `<0xE3>`. */
  pieces: string[]
  /** Range of the given text that each piece covers, [start, end). Of the bytes of a character, the last covers it. */
  offsets: [start: number, end: number][]
}

/** Unit of offsets: UTF-16 units, as in JavaScript, or code points, as in SentencePiece and Python. */
export type OffsetUnit = 'utf16' | 'codePoint'

/** Requires a list of ids: a single id or a text has no ids to decode. @throws TokenizerError */
export function checkIds(ids: unknown): void {
  if (typeof ids !== 'object' || typeof (ids as ArrayLike<number> | null)?.length !== 'number')
    throw new TokenizerError(`decode: a list of ids is needed, as [5, 17], got ${ids === null ? 'null' : typeof ids}`)
}

/** Requires a unit of offsets, or none. @throws TokenizerError */
export function checkUnit(unit: unknown): void {
  if (unit !== undefined && unit !== 'utf16' && unit !== 'codePoint')
    throw new TokenizerError(`offsets: the unit is ${JSON.stringify(unit)}; utf16 or codePoint is needed`)
}

/** Converts offsets in `text` from UTF-16 units to code points, in place. */
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
