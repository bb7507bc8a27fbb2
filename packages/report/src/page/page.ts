/** The shell of every page: one HTML document without scripts and without anything from elsewhere. */
import { type Content, html, type Markup, raw } from '../text/markup.ts'
import { pageStyle } from './style.ts'

export interface Page {
  /** Of the window, and above the page in small. */
  readonly title: string
  /** What came out, in a sentence. */
  readonly headline?: string
  readonly body: Content
  /** Below everything; default "Made by Kumiki." */
  readonly footer?: string
  /** BCP 47; default en. */
  readonly language?: string
}

/**
 * A whole HTML document, readable in light and dark, on a phone, on paper and by keyboard. Its policy forbids every request.
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
