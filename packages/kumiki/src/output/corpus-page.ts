/** The HTML report of `data inspect`: sizes, languages, subsets and samples of each source. */
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
  [estimated ? 'duplicates (estimated)' : 'duplicates', percent(share)],
])}
${
  subsets.length > 0
    ? table(
        ['subset', 'level', 'tokens', 'repeats', 'language, origin, licence'],
        subsets.map(({ subset, releaseLevel, tokens, repeats, language, source, licence }) => [
          ...[subset, releaseLevel, count(tokens), String(Number(repeats.toPrecision(4)))],
          [language, source, licence].filter((text) => text !== null).join(', '),
        ]),
        { textColumns: [4], caption: `Subsets of ${result.path}` },
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
          parts: [name === 'tokensPerSequence' ? 'sequences' : 'documents'],
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
        ['beginnings of documents'],
        samples.map((text) => [text.trim() === '' ? '(empty)' : text]),
        { rowHeads: false, textColumns: [0], caption: `Samples of ${result.path}` },
      )
    : undefined
}`
  })
  const rows = results.map(overviewOf)
  const all = (field: 'documents' | 'tokens' | 'characters') => rows.reduce((sum, row) => sum + (row[field] ?? 0), 0)
  const unit = rows.every(({ tokens }) => tokens !== undefined) ? 'tokens' : 'characters'
  const sized = rows.every((row) => row[unit] !== undefined) && all(unit) > 0
  const [first] = results
  const levels = Object.keys(levelWords).flatMap((level) => {
    const size = rows.reduce((sum, row) => sum + (row[unit] ?? 0) * (row.levels.get(level) ?? 0), 0)
    return size > 0 ? [{ level, size }] : []
  })
  const overview = html`<h2>All sources</h2>
${table(
  ['source', 'level', 'documents', ...(sized ? [unit, 'share'] : []), 'duplicates'],
  rows.map((row) => [
    row.name,
    [...row.levels.keys()].filter((level) => level !== unknownLevel).join(', ') || '–',
    count(row.documents),
    ...(sized ? [count(row[unit] as number), percent((row[unit] as number) / all(unit))] : []),
    percent(row.repeats),
  ]),
  { caption: 'Comparison of the sources' },
)}
${
  sized && levels.some(({ level }) => level !== unknownLevel)
    ? figure(`${unit} by release level`, (width) =>
        barsChart(
          {
            title: `${unit} by release level`,
            parts: [unit],
            bars: levels.map(({ level, size }) => ({
              label: levelWords[level],
              values: [size],
              note: percent(size / all(unit)),
            })),
            tick: count,
          },
          { width, heading: false },
        ),
      )
    : undefined
}`
  return page({
    title: 'Corpus',
    headline: `${results.length === 1 ? `${first.name ?? first.path}` : `${count(results.length)} sources`}: ${count(all('documents'))} documents${sized ? `, ${count(all(unit))} ${unit}` : ''}`,
    body: html`${results.length > 1 ? overview : undefined}${sections}`,
  })
}

const unknownLevel = 'unknown'

/** LLM-jp's release levels, with the uses that each allows. */
const levelWords: Readonly<Record<string, string>> = {
  L1: 'L1: all uses',
  L2: 'L2: train, search',
  L3: 'L3: train',
  LX: 'LX: no training',
  LZ: 'LZ: no use',
  [unknownLevel]: unknownLevel,
}

/** One row of the overview: sizes, and the share of each release level. */
function overviewOf(result: Inspected) {
  const subsets = (result.subsets ?? []) as readonly TokenSubset[]
  const levels = new Map<string, number>()
  const tokens = subsets.reduce((sum, one) => sum + one.tokens, 0)
  if (result.releaseLevel || tokens === 0) levels.set(result.releaseLevel ?? unknownLevel, 1)
  else
    for (const one of [...subsets].sort((a, b) => (a.releaseLevel < b.releaseLevel ? -1 : 1)))
      levels.set(one.releaseLevel, (levels.get(one.releaseLevel) ?? 0) + one.tokens / tokens)
  return {
    name: result.name ?? result.path,
    documents: result.documents as number,
    tokens: result.tokens as number | undefined,
    characters: result.characters as number | undefined,
    repeats: (result.duplicates as { share: number }).share,
    levels,
  }
}

const meanOf = ({ mean }: LengthSummary) => (mean < 1000 ? mean.toFixed(1) : count(Math.round(mean)))
