/** The HTML document around every report: self-contained, without scripts and without external resources. */
import { type Content, html, type Markup, raw } from '../text/markup.ts'
import { pageStyle } from './style.ts'

export interface Page {
  /** Title of the document, and a small heading above the headline. */
  readonly title: string
  /** The main result, in a sentence. */
  readonly headline?: string
  readonly body: Content
  /** Text below the body; default "Made by Kumiki." */
  readonly footer?: string
  /** BCP 47 language tag of the document; default en. */
  readonly language?: string
}

/**
 * A whole HTML document with styles for light and dark mode, narrow screens, print and keyboard navigation. Its content
 * security policy forbids scripts and network requests.
 * @returns the text of the document
 * @example page({ title: 'My runs', body: html`<p>${'5 < 6'}</p>` })
 */
export function page({ title, headline, body, footer = 'Made by Kumiki.', language = 'en' }: Page): string {
  const document: Markup = html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${raw(pageStyle)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${headline === undefined ? undefined : html`<p class="headline">${headline}</p>`}
${body}
<footer>${footer}</footer>
</main>
</body>
</html>
`
  return document.text
}
