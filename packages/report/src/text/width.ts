/** How wide a text will be where no browser measures it. */

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/

/** Pixels of a line of sans-serif text; full-width characters take twice as much. An estimate that errs to the wide side. */
export function textWidth(text: string, size: number): number {
  let columns = 0
  for (const character of text) columns += wide.test(character) ? 1.75 : 1
  return columns * size * 0.58
}

/** A text cut to fit, with an ellipsis. */
export function fitted(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text
  const characters = [...text]
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > width) characters.pop()
  return `${characters.join('')}…`
}
