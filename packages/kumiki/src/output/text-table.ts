/** Formats tables and numbers for a terminal. */

/** A table with two spaces between columns; the first is left-aligned, the others right-aligned. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => columns(row[column]))))
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const space = ' '.repeat(widths[column] - columns(cell))
          return column === 0 ? cell + space : space + cell
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One line per field, with aligned values. */
export function textFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => columns(name)))
  return fields.map(([name, value]) => `${name}${' '.repeat(width - columns(name))}  ${value}`).join('\n')
}

/** The width of a text in terminal columns: two for each full-width character. */
function columns(text: string): number {
  return [...text].reduce(
    (sum, c) =>
      sum +
      (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(c) ? 2 : 1),
    0,
  )
}

/** A count with thousands separators. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** Bytes as decimal gigabytes. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}

/** A fraction as a percentage. */
export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`
}
