/** Small parts of the planner's pictures: escaping, ticks, numbers. */

/** Text for HTML and SVG, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

/** A coordinate with one decimal. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** About `count` round numbers from 0 to `most`, both within. */
export function ticks(most: number, count: number): number[] {
  if (!(most > 0)) return [0]
  const raw = most / count
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) as number)
  const found: number[] = []
  for (let i = 0; i * step <= most * 1.0000001; i++) found.push(i * step)
  return found
}

/** Seconds for people: three digits, in the unit that keeps them short. */
export function seconds(value: number): string {
  if (value === 0) return '0'
  const [factor, unit] = value < 1e-3 ? [1e6, 'µs'] : value < 1 ? [1e3, 'ms'] : [1, 's']
  return `${Number((value * factor).toPrecision(3))} ${unit}`
}

/** Columns that a text takes, as a multiple of the font's size; full-width characters take twice as much. */
export function textWidth(text: string, size: number): number {
  let columns = 0
  for (const c of text)
    columns += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(c) ? 2 : 1
  return columns * size * 0.58
}
