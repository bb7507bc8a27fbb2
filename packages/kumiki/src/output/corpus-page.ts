/** A page of what a corpus is made of. */
import type { LengthSummary } from '@kumiki/data'
import type { TokenSubset } from '@kumiki/data/node'
import type { Inspected } from '../verbs/data-inspect.ts'
import { count, percent } from './text-table.ts'

export async function corpusPage(results: readonly Inspected[]): Promise<string> {
  const { barsChart, facts, figure, html, page, table } = await import('@kumiki/report')
  const lengthsOf = (result: Inspected) =>
    Object.entries(result).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && 'median' in value ? [[name, value as LengthSummary] as const] : [],
    )
  const words = (name: string) => name.replace(/([A-Z])/g, ' $1').toLowerCase()
  const sections = results.map((result) => {
    const numbers = Object.entries(result).flatMap(([name, value]): [string, string][] =>
      typeof value === 'number' && name !== 'languageSample'
        ? [[words(name), Number.isInteger(value) ? count(value) : value.toFixed(3)]]
        : [],
    )
    const { share, estimated } = result.duplicates as { share: number; estimated: boolean }
    const languages = (result.languages ?? []) as { language: string; share: number }[]
    const samples = result.samples as string[]
    const subsets = (result.subsets ?? []) as readonly TokenSubset[]
    return html`<h2>${result.name ?? result.path}</h2>
${facts([
  ...(result.releaseLevel ? [['release level', result.releaseLevel] as [string, string]] : []),
  ...(result.dtype ? [['stored as', String(result.dtype)] as [string, string]] : []),
  ...numbers,
  [estimated ? 'repeats (estimated)' : 'repeats', percent(share)],
])}
${
  subsets.length > 0
    ? table(
        ['made of', 'level', 'tokens', 'times', 'language, origin, licence'],
        subsets.map(({ subset, releaseLevel, tokens, repeats, language, source, licence }) => [
          ...[subset, releaseLevel, count(tokens), String(Number(repeats.toPrecision(4)))],
          [language, source, licence].filter((text) => text !== null).join(', '),
        ]),
        { textColumns: [0, 1, 4], caption: `Which texts ${result.path} is from` },
      )
    : undefined
}
${lengthsOf(result).map(([name, lengths]) =>
  figure(
    `${words(name)}: median ${count(lengths.median)}, mean ${meanOf(lengths)}, ${count(lengths.least)} to ${count(lengths.greatest)}`,
    (width) =>
      barsChart(
        {
          title: words(name),
          parts: ['documents'],
          bars: lengths.octaves.map(({ from, documents }) => ({
            label: from < 2 ? String(from) : `${count(from)}–${count(2 * from - 1)}`,
            values: [documents],
            note: count(documents),
          })),
          tick: count,
        },
        { width, heading: false },
      ),
  ),
)}
${
  languages.length > 0
    ? figure(`languages of ${count(result.languageSample as number)} documents drawn at random`, (width) =>
        barsChart(
          {
            title: 'languages',
            parts: ['share'],
            bars: languages
              .slice(0, 12)
              .map(({ language, share }) => ({ label: language, values: [share], note: percent(share) })),
            tick: (value) => `${Math.round(100 * value)} %`,
          },
          { width, heading: false },
        ),
      )
    : undefined
}
${
  samples.length > 0
    ? table(
        ['', 'beginning of a document'],
        samples.map((text, i) => [String(i + 1), text.trim() === '' ? '(empty)' : text]),
        { textColumns: [1], caption: `Samples of ${result.path}` },
      )
    : undefined
}`
  })
  return page({
    title: 'Corpus',
    headline: results
      .map(({ name, path, documents }) => `${name ?? path}: ${count(documents as number)} documents`)
      .join('; '),
    body: html`${sections}`,
  })
}

const meanOf = ({ mean }: LengthSummary) => (mean < 1000 ? mean.toFixed(1) : count(Math.round(mean)))
