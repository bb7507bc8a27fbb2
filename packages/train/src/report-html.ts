/** Text into HTML, and numbers into text. */

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text that is safe between tags and inside quoted attributes. Control characters, which HTML forbids, become U+FFFD. */
export function escapeHtml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '\ufffd')
      .replace(/[&<>"']/g, (character) => entities[character])
  )
}

/** A count with thousands apart. */
export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–'
}

/** A count in few characters: 1.6M, 22.9K. */
export function shortCount(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 2 })
}

/** A loss, three decimals. */
export function loss(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : '–'
}

/** A wall time. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  if (seconds < 100) return `${seconds.toFixed(1)} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Words as a list: "a", "a and b", "a, b and c". */
export function listing(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`
}

/** A table; the first column to the left, the others to the right. Cells are HTML. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: { className?: string; rowClasses?: readonly string[] } = {},
): string {
  const cells = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? `<th scope="row">${cell}</th>` : `<td>${cell}</td>`)).join('')
  const body = rows
    .map((row, i) => `<tr${options.rowClasses?.[i] ? ` class="${options.rowClasses[i]}"` : ''}>${cells(row)}</tr>`)
    .join('\n')
  return `<div class="scroll"><table${options.className ? ` class="${options.className}"` : ''}>
<thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join('')}</tr></thead>
<tbody>${body}</tbody></table></div>`
}
