/** Estimates of text widths without a browser's layout. */

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/

/** Widths in em of classes of characters, taken from the widest of the common system fonts. */
const widths: readonly (readonly [RegExp, number])[] = [
  [wide, 1],
  [/[ijlI|.,:;'!]/, 0.32],
  [/[ ftr()[\]/-]/, 0.4],
  [/[mwMW@%—…]/, 0.94],
  [/[A-Z&+=<>#_]/, 0.72],
  [/[0-9]/, 0.64],
]

/** Estimated width in pixels of a line of sans-serif text; rather too wide than too narrow. */
export function textWidth(text: string, size: number): number {
  let sum = 0
  for (const character of text) sum += widths.find(([some]) => some.test(character))?.[1] ?? 0.61
  return sum * size
}

/** The text, truncated with an ellipsis where it is wider than `width` pixels. */
export function fitted(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text
  const characters = [...text]
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > width) characters.pop()
  return `${characters.join('')}…`
}

/** Punctuation that does not begin a line of Japanese. */
const closing = /[、。，．：；・)）」』】!?！？%ー]/

/**
 * The text as one line, or as two if it is wider than `width` pixels: cut after a space or next to a wide character, at
 * the last such place that fits. The second line may still be too wide.
 */
export function inTwo(text: string, size: number, width: number): string[] {
  const characters = [...text]
  let [sum, cut] = [0, 0]
  for (const [i, character] of characters.entries()) {
    const before = characters[i - 1] ?? ''
    if (i > 0 && (before === ' ' || ((wide.test(before) || wide.test(character)) && !closing.test(character)))) cut = i
    sum += textWidth(character, size)
    if (sum > width)
      return cut === 0 ? [text] : [characters.slice(0, cut).join('').trimEnd(), characters.slice(cut).join('')]
  }
  return [text]
}
