/**
 * Where a template writes what the assistant says: Transformers' `{% generation %}` blocks. The library leaves these tags out, so they become
 * marks in the text here, which are taken out again with their places.
 * @see https://huggingface.co/docs/transformers/chat_templating_writing
 */

/** Part of a text, [start, end) in UTF-16 units. */
export type TextSpan = readonly [start: number, end: number]

const tag = /\{%(-?)[ \t\r\n]{0,100}(end)?generation[ \t\r\n]{0,100}(-?)%\}/g

export function hasGenerationBlocks(source: string): boolean {
  return source.search(tag) >= 0
}

/** A template whose blocks write marks around their text. @param mark must not occur in what is rendered */
export function withMarks(source: string, mark: string): string {
  // White space around a tag of the same kind is treated the same.
  return source.replace(
    tag,
    (_, left, end, right) => `{%${left} if true %}{{ '${end ? 'E' : 'B'}${mark}' }}{% endif ${right}%}`,
  )
}

/** Takes the marks out. @throws Error where they are not in pairs */
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
