// A comparison of formats as a Markdown table.
import type { FormatComparison } from './measures.ts'

/**
 * The rows of `compareFormats` as a Markdown table, in columns that line up in a terminal too.
 * @example
 * const rows = compareFormats(Float32Array.of(0.1, -1.7, 300), { formats: ['bfloat16', 'float8_e4m3fn'] })
 * comparisonTable(rows).split('\n').length // 4
 */
export function comparisonTable(rows: readonly FormatComparison[]): string {
  const cells = [
    ['format', 'scale', 'SQNR (dB)', 'max ulp', 'mean ulp', 'underflow', 'saturated', 'NaN'],
    ...rows.map((r) => [
      r.format,
      short(r.scale),
      Number.isNaN(r.sqnrDb) ? '-' : r.sqnrDb === Number.POSITIVE_INFINITY ? 'exact' : r.sqnrDb.toFixed(2),
      r.maxUlpError.toFixed(3),
      r.meanUlpError.toFixed(3),
      percent(r.underflowFraction),
      percent(r.saturationFraction),
      percent(r.nanFraction),
    ]),
  ]
  const widths = cells[0].map((_, c) => Math.max(...cells.map((row) => row[c].length)))
  const line = (row: string[]) =>
    `| ${row.map((s, c) => (c === 0 ? s.padEnd(widths[c]) : s.padStart(widths[c]))).join(' | ')} |`
  const rule = `| ${widths.map((w, c) => (c === 0 ? '-'.repeat(w) : `${'-'.repeat(w - 1)}:`)).join(' | ')} |`
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n')
}

function short(scale: number): string {
  const log = Math.log2(scale)
  return Number.isInteger(log) && Math.abs(log) > 4 ? `2^${log}` : String(Number(scale.toPrecision(4)))
}

function percent(fraction: number): string {
  if (fraction === 0) return '0'
  const p = 100 * fraction
  return p < 0.001 ? '<0.001%' : `${Number(p.toPrecision(3))}%`
}
