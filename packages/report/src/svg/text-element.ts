/** A text of SVG beside what Plot draws. */
import { escapeText } from '../text/escape.ts'
import { round } from './serialize.ts'

export type Anchor = 'start' | 'middle' | 'end'

export interface TextStyle {
  /** A ground of the page's colour behind the letters. */
  readonly halo?: boolean
  /** Paler than the rest. */
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
