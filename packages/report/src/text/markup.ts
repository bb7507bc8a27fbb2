/** HTML templates that escape every interpolated text unless it is marked as HTML. */
import { escapeText } from './escape.ts'

/** HTML made by `html` or `raw`. Every other value is text and gets escaped. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** A value interpolated into `html`. Arrays are concatenated; undefined becomes the empty string. */
export type Content = string | number | Markup | undefined | readonly Content[]

/**
 * Marks text as HTML or SVG that is not to be escaped, such as a chart of this package. Never pass it untrusted text.
 * @example html`<p>${raw('<b>bold</b>')}</p>`.toString() // '<p><b>bold</b></p>'
 */
export function raw(text: string): Markup {
  return new Markup(text)
}

/**
 * A template tag: interpolated text is escaped, which is safe between tags and inside quoted attributes.
 * @example html`<p title="${name}">${text}</p>`
 */
export function html(parts: TemplateStringsArray, ...holes: readonly Content[]): Markup {
  return new Markup(parts.reduce((all, part, i) => all + write(holes[i - 1]) + part))
}

function write(content: Content): string {
  if (content === undefined) return ''
  if (content instanceof Markup) return content.text
  if (typeof content === 'string') return escapeText(content)
  if (typeof content === 'number') return String(content)
  if (Array.isArray(content)) return content.map(write).join('')
  throw new TypeError(
    `html: a value must be a text, a number, what html or raw made, undefined, or a list of these, got ${String(content)}`,
  )
}
