// What the lecture's tables and figures compute with: models by name in the planner's words, and numbers as people write them.

import { findModel } from '@kumiki/models/configs'
import { fromArchitecture } from '@kumiki/planner'
import type { Language } from '@kumiki/report'

/** What a page's tables and figures say, in its language. */
export type Say = (english: string, japanese: string) => string

export const sayIn =
  (language: Language): Say =>
  (english, japanese) =>
    language === 'ja' ? japanese : english

/** A Markdown table; the first column to the left, the rest to the right. */
export function markdownTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

export const whole = (n: number) => Math.round(n).toLocaleString('en')
export const percent = (n: number, digits = 1) => `${(100 * n).toFixed(digits)} %`
export const trillions = (n: number) => `${(n / 1e12).toFixed(2)}T`

/** A model of LLM-jp by name, as the planner takes it. */
export const plannerModel = (name: string) => fromArchitecture(findModel(name).architecture)
