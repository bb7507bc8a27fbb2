/** HTML that is put together from pieces, where text is escaped unless it is HTML already. */
import { escapeText } from './escape.ts'

/** HTML made by `html` or `raw`; what is no Markup is text. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** A value interpolated into `html`. Arrays are joined, nothing is written for undefined. */
export type Content = string | number | Markup | undefined | readonly Content[]

/**
 * Text that is HTML or SVG already, such as a chart of this package. Anything from elsewhere goes through `html`.
 * @example html`<p>${raw('<b>bold</b>')}</p>`.toString() // '<p><b>bold</b></p>'
 */
export function raw(text: string): Markup {
  return new Markup(text)
}

/**
 * A tagged template: what is filled in is escaped, between tags and inside quoted attributes.
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
  return content.map(write).join('')
}
