/** Designs and analyses as text tables and as CSV (RFC 4180). */

import type { Analysis } from './analysis/analyze.ts'
import { aliases } from './designs/aliases.ts'
import { checkRegularDesign } from './designs/check-design.ts'
import type { Design } from './designs/design.ts'

/**
 * A text table of a design: one line per run with its number and the level of each factor ('off' and 'on', or the
 * factor's own names).
 * @example designTable(design({ factors: ['code', 'math'], runs: 4 })).split('\n').length // 5
 */
export function designTable(d: Design): string {
  checkRegularDesign('designTable', d)
  return align(designRows(d))
}

/**
 * A design as CSV, with levels -1 and 1.
 * @example designCsv(design({ factors: ['code', 'math'], runs: 4 })).split('\r\n')[0] // 'run,code,math'
 */
export function designCsv(d: Design): string {
  checkRegularDesign('designCsv', d)
  return csv([['run', ...d.factors.map((f) => f.name)], ...d.runs.map((row, i) => [String(i + 1), ...row.map(String)])])
}

/**
 * The alias structure of a design: one line per alias set, such as `A = B:D = C:E`.
 * @param order largest number of factors of the interactions listed
 * @example aliasTable(design({ factors: ['code', 'math', 'web'], runs: 4 })).split('\n')[0] // 'code = math:web'
 */
export function aliasTable(d: Design, order = 2): string {
  return aliases(d, order)
    .map(({ effects }) => effects.map((e) => (e.sign < 0 ? '-' : '') + e.factors.join(':')).join(' = '))
    .join('\n')
}

/**
 * A text table of effects: one line per effect with the difference of means and its interval, F, p, and Cohen's f.
 * Undefined values are shown as '-'.
 * @example
 * const d = design({ factors: ['code', 'math'], runs: 4 })
 * console.log(effectsTable(analyze(d, [0.37, 0.41, 0.38, 0.42])))
 */
export function effectsTable(a: Analysis): string {
  checkAnalysis('effectsTable', a)
  const percent = `${+(a.confidence * 100).toPrecision(6)}%`
  const head = ['term', 'on', 'off', 'on - off', `${percent} low`, `${percent} high`, 'F', 'p', 'p (Holm)', "Cohen's f"]
  const body = a.effects.map((e) => [
    e.term,
    number(e.meanOn),
    number(e.meanOff),
    number(e.difference),
    number(e.confidenceInterval?.[0]),
    number(e.confidenceInterval?.[1]),
    number(e.F),
    number(e.pValue),
    number(e.adjustedPValue),
    number(e.cohensF),
  ])
  const { degreesOfFreedom, standardDeviation } = a.residual
  return `${align([head, ...body])}\n\n${a.observations} responses, mean ${number(a.mean)}; residual: ${degreesOfFreedom} degrees of freedom, standard deviation ${number(standardDeviation)}`
}

/**
 * Effects as CSV with full precision; undefined values are empty.
 * @example
 * const d = design({ factors: ['code', 'math'], runs: 4 })
 * effectsCsv(analyze(d, [0.37, 0.41, 0.38, 0.42])).trim().split('\r\n').length // 3
 */
export function effectsCsv(a: Analysis): string {
  checkAnalysis('effectsCsv', a)
  const head = [
    'term',
    'mean_on',
    'mean_off',
    'difference',
    'standard_error',
    'low',
    'high',
    'sum_of_squares',
    'F',
    'p',
    'p_holm',
    'cohens_f',
    'aliases',
  ]
  const text = (x: number | null | undefined) => (x === null || x === undefined ? '' : String(x))
  return csv([
    head,
    ...a.effects.map((e) => [
      e.term,
      text(e.meanOn),
      text(e.meanOff),
      text(e.difference),
      text(e.standardError),
      text(e.confidenceInterval?.[0]),
      text(e.confidenceInterval?.[1]),
      text(e.sumOfSquares),
      text(e.F),
      text(e.pValue),
      text(e.adjustedPValue),
      text(e.cohensF),
      e.aliases.join(' '),
    ]),
  ])
}

/** Requires what analyze returned. @throws TypeError */
function checkAnalysis(what: string, value: unknown): void {
  if (Array.isArray((value as Analysis | undefined)?.effects)) return
  throw new TypeError(
    `${what}: needs the analysis that analyze returned${Array.isArray((value as { terms?: unknown } | undefined)?.terms) ? '; for one of analysisOfVariance use verdict, or its terms' : ''}`,
  )
}

function designRows(d: Design): string[][] {
  return [
    ['run', ...d.factors.map((f) => f.name)],
    ...d.runs.map((row, i) => [
      String(i + 1),
      ...row.map((level, f) => (level > 0 ? (d.factors[f].on ?? 'on') : (d.factors[f].off ?? 'off'))),
    ]),
  ]
}

function number(x: number | null | undefined): string {
  if (x === null || x === undefined) return '-'
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf'
  return x !== 0 && Math.abs(x) < 1e-3 ? x.toExponential(2) : String(+x.toPrecision(5))
}

/** Pads cells to columns separated by two spaces; the first column is left-aligned, the others right-aligned. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => width(row[c]))))
  return rows
    .map((row) =>
      row
        .map((cell, c) => {
          const space = ' '.repeat(widths[c] - width(cell))
          return c === 0 ? cell + space : space + cell
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Width of a text in terminal columns: two for each full-width character. */
function width(text: string): number {
  return [...text].reduce(
    (w, c) =>
      w +
      (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(c) ? 2 : 1),
    0,
  )
}

function csv(rows: readonly (readonly string[])[]): string {
  return `${rows.map((row) => row.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')).join('\r\n')}\r\n`
}
