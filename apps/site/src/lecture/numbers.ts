// Helpers of the lecture's tables and figures: models for the planner, translations, Markdown tables, number formats.

import { findModel } from '@kumiki/models/configs'
import { fromArchitecture } from '@kumiki/planner'
import type { Language } from '@kumiki/report'

/** Selects the text in the language of the page. */
export type Say = (english: string, japanese: string) => string

export const sayIn =
  (language: Language): Say =>
  (english, japanese) =>
    language === 'ja' ? japanese : english

/** A Markdown table; the first column is aligned to the left, the others to the right. */
export function markdownTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

export const whole = (n: number) => Math.round(n).toLocaleString('en')
export const percent = (n: number, digits = 1) => `${(100 * n).toFixed(digits)} %`
export const trillions = (n: number) => `${(n / 1e12).toFixed(2)}T`

/** A registered model by name, as the planner describes models. */
export const plannerModel = (name: string) => fromArchitecture(findModel(name).architecture)
