/**
 * Transformers' `{% generation %}` blocks, which mark the assistant's text. The library ignores these tags, so they are
 * rewritten to write marks into the text, which are then removed and their positions recorded.
 * @see https://huggingface.co/docs/transformers/chat_templating_writing
 */

/** A range of a text, [start, end) in UTF-16 units. */
export type TextSpan = readonly [start: number, end: number]

const tag = /\{%(-?)[ \t\r\n]{0,100}(end)?generation[ \t\r\n]{0,100}(-?)%\}/g

export function hasGenerationBlocks(source: string): boolean {
  return source.search(tag) >= 0
}

/** Rewrites generation blocks to write marks around their text. @param mark must not occur in the rendered text */
export function withMarks(source: string, mark: string): string {
  // The replacement is again a block tag, so white space control and trimming around it are the same.
  return source.replace(
    tag,
    (_, left, end, right) => `{%${left} if true %}{{ '${end ? 'E' : 'B'}${mark}' }}{% endif ${right}%}`,
  )
}

/** Removes the marks from a text. @throws Error where they are unbalanced */
export function readMarks(text: string, mark: string): { readonly text: string; readonly spans: TextSpan[] } {
  const parts = text.split(mark)
  const spans: TextSpan[] = []
  let plain = ''
  let begun: number | undefined
  parts.forEach((part, i) => {
    if (i === parts.length - 1) {
      plain += part
      return
    }
    plain += part.slice(0, -1)
    const closes = part.endsWith('E')
    if (closes !== (begun !== undefined)) throw new Error('its generation blocks are not in pairs')
    if (closes) spans.push([begun!, plain.length])
    begun = closes ? undefined : plain.length
  })
  if (begun !== undefined) throw new Error('its generation blocks are not in pairs')
  return { text: plain, spans }
}
