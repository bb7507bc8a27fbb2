/** The SVG element around every chart: size, title and description for screen readers, style, legend. */
import { escapeText } from '../text/escape.ts'
import { fitted, inTwo, textWidth } from '../text/width.ts'
import { round } from './serialize.ts'

/** A DOM document to create elements with: a page's, or one of linkedom, jsdom or the like. */
export interface PictureDocument {
  createElementNS(namespace: string, name: string): unknown
}

/** Language of a chart's built-in texts; titles and labels come from the caller. */
export type Language = 'en' | 'ja'

/** Options that all charts of this package share. */
export interface DrawOptions {
  /** Pixels, from 240 to 10,000. */
  readonly width?: number
  /** Pixels, from 120 to 10,000. Charts whose height follows from their data ignore it. */
  readonly height?: number
  /** Whether to draw the title above the chart. Screen readers get it in any case. Default true. */
  readonly heading?: boolean
  /** The DOM document to create elements with. Default: the page's; on Node an empty document of linkedom. */
  readonly document?: PictureDocument
  /** Language of the built-in texts of legend, caption and description. Default 'en'. */
  readonly language?: Language
}

/** Inline in a page a chart takes the page's colours; as a file or image it follows the system's light or dark mode. */
const style =
  'svg:root{color-scheme:light dark;color:CanvasText}' +
  '.kr text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Hiragino Sans","Noto Sans CJK JP",sans-serif}' +
  '.kr .halo{paint-order:stroke;stroke:Canvas;stroke-width:3px;stroke-linejoin:round}'

export const fontSize = 12
/** Height of a title of one line in pixels, and of each line more. */
const headingHeight = 26
const headingLine = 18
/** Height of a row of the legend in pixels. */
const rowHeight = 18

export interface Frame {
  readonly title: string
  /** One or two sentences on what the chart shows. */
  readonly description: string
  readonly width: number
  readonly height: number
  /** Text of SVG elements. */
  readonly body: string
}

/** @returns the text of one self-contained SVG element */
export function frame({ title, description, width, height, body }: Frame): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="kr" role="img" viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}" font-size="${fontSize}" fill="currentColor">` +
    `<title>${escapeText(title)}</title><desc>${escapeText(description)}</desc><style>${style}</style>\n${body}</svg>\n`
  )
}

/**
 * The title above a chart: one line, or two where it is wider; what does not fit into those is truncated. Measured at
 * 15.5 px: bold letters are a tenth wider than regular ones.
 * @param shown false: nothing, of no height
 * @returns SVG and its height
 */
export function headingOf(title: string, width: number, shown = true): { body: string; height: number } {
  if (!shown) return { body: '', height: 0 }
  const lines = inTwo(title, 15.5, width - 4)
  return {
    body: lines
      .map(
        (text, i) =>
          `<text x="4" y="${16 + headingLine * i}" font-size="14" font-weight="600">${escapeText(fitted(text, 15.5, width - 4))}</text>`,
      )
      .join(''),
    height: headingHeight + headingLine * (lines.length - 1),
  }
}

/** An SVG group translated by x and y. */
export function at(x: number, y: number, body: string): string {
  return `<g transform="translate(${round(x)},${round(y)})">${body}</g>`
}

/** One entry of a legend: a shape (SVG, 18 x 10 pixels) and its label. */
export interface Key {
  readonly shape: string
  readonly label: string
}

/** Legend shape: a line. */
export function strokeShape(color: string, options: { dash?: string; faint?: boolean } = {}): string {
  const dash = options.dash ? ` stroke-dasharray="${options.dash}"` : ''
  return `<path d="M0,5H18" stroke="${color}" stroke-width="${options.faint ? 1.5 : 3}"${options.faint ? ' stroke-opacity="0.45"' : ''}${dash}/>`
}

/** Legend shape: a dot. */
export function dotShape(color: string): string {
  return `<circle cx="9" cy="5" r="4" fill="${color}"/>`
}

/** Legend shape: a triangle. */
export function triangleShape(color: string): string {
  return `<path d="M9,0L14.5,9.5H3.5Z" fill="${color}"/>`
}

/** Legend shape: a box. */
export function boxShape(color: string, opacity = 1): string {
  return `<rect x="2" width="14" height="10" rx="2" fill="${color}"${opacity === 1 ? '' : ` fill-opacity="${opacity}"`}/>`
}

/**
 * Lays out legend entries in rows from `left` to `width`, in pixels.
 * @param mostRows most rows; entries beyond them are replaced by their number
 * @returns SVG and its height
 */
export function legend(
  keys: readonly Key[],
  left: number,
  width: number,
  language: Language,
  mostRows = Number.POSITIVE_INFINITY,
): { body: string; height: number } {
  if (keys.length === 0) return { body: '', height: 0 }
  const room = width - left - 4
  const parts: string[] = []
  let [x, row] = [0, 0]
  for (const [i, { shape, label }] of keys.entries()) {
    const text = fitted(label, fontSize, room - 24)
    const needed = 24 + textWidth(text, fontSize) + 14
    if (x > 0 && x + needed - 14 > room) {
      if (row + 1 >= mostRows) {
        const rest = keys.length - i
        const more = language === 'ja' ? `ほか ${rest} 件` : `and ${rest} more`
        const place = Math.min(left + x, width - textWidth(more, fontSize))
        parts.push(at(place, row * rowHeight, `<text y="9.5">${more}</text>`))
        break
      }
      x = 0
      row++
    }
    parts.push(at(left + x, row * rowHeight, `${shape}<text x="24" y="9.5">${escapeText(text)}</text>`))
    x += needed
  }
  return { body: parts.join(''), height: (row + 1) * rowHeight + 4 }
}

/** Checks a size in pixels. @throws RangeError with the name of the chart */
export function checkSize(chart: string, width: number, height?: number): void {
  if (!(width >= 240 && width <= 10_000))
    throw new RangeError(`${chart}: width must be from 240 to 10,000 pixels, got ${width}`)
  if (height !== undefined && !(height >= 120 && height <= 10_000))
    throw new RangeError(`${chart}: height must be from 120 to 10,000 pixels, got ${height}`)
}
