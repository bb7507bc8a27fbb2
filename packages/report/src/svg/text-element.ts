/** SVG text elements for labels that Plot does not draw. */
import { escapeText } from '../text/escape.ts'
import { round } from './serialize.ts'

export type Anchor = 'start' | 'middle' | 'end'

export interface TextStyle {
  /** Outlines the letters in the page's background colour, for labels over lines. */
  readonly halo?: boolean
  /** Draws the text paler. */
  readonly soft?: boolean
  readonly size?: number
  readonly fill?: string
}

export function textElement(x: number, y: number, content: string, anchor: Anchor, style: TextStyle = {}): string {
  const attributes =
    (style.halo ? ' class="halo"' : '') +
    (style.soft ? ' fill-opacity="0.8"' : '') +
    (style.size ? ` font-size="${style.size}"` : '') +
    (style.fill ? ` fill="${style.fill}"` : '')
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${attributes}>${escapeText(content)}</text>`
}
