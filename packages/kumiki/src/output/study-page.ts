/** The HTML report of a study: effects, means, interactions and aliases. */
import type { Anova, SeveralAnalyses } from '@kumiki/ablation'
import type { Content, LineChart } from '@kumiki/report'
import { levelsOf, type StudyFolder } from '../study/study.ts'
import type { Responses } from '../study/study-responses.ts'

const short = (value: number | null) => (value === null ? '' : String(Number(value.toPrecision(3))))
const pText = (value: number | null) => (value === null ? '' : value < 0.0005 ? '< 0.001' : value.toFixed(3))

export async function studyPage(
  study: StudyFolder,
  responses: Responses,
  { analyses, table: tests, verdict }: SeveralAnalyses,
): Promise<string> {
  const { effectsChart, facts, figure, figureRow, halfNormalChart, html, lineChart, lineCharts, page, table } =
    await import('@kumiki/report')
  const { aliasTable } = await import('@kumiki/ablation')
  const names = study.design.factors.map(({ name }) => name)
  const rows = levelsOf(study.design)
  const effectsOf = (analysis: Anova) =>
    analysis.terms.flatMap((term) => (term.difference === null ? [] : [{ ...term, difference: term.difference }]))
  const sections: Content[] = Object.entries(analyses).map(([name, analysis]) => {
    const effects = effectsOf(analysis)
    const means = analysis.terms.filter(({ means }) => means.length > 0)
    const small = [
      ...analysis.terms
        .filter(({ factors }) => factors.length === 2)
        .map(({ factors: [a, b] }) => ({
          caption: `${a} at each level of ${b}`,
          draw: (width: number) =>
            lineChart(interaction(rows, responses[name], name, a, b), { width, height: 380, heading: false }),
        })),
      ...(effects.length > 2
        ? [
            {
              caption: 'Half-normal plot: effect sizes against those of pure noise',
              draw: (width: number) => halfNormalChart(effects, { width, response: name, heading: false }),
            },
          ]
        : []),
    ]
    return html`<h2>${name}</h2>
${effects.length > 0 ? figure('Effects: mean at on minus mean at off', (width) => effectsChart({ effects, confidence: analysis.confidence }, { width, response: name })) : undefined}
${figure('Mean at each level', (width) =>
  lineCharts(
    means.map(({ term, means }) => ({
      title: term,
      xLabel: term,
      yLabel: name,
      lines: [{ label: '', points: means.map(({ mean }, i) => [i, mean] as const), dots: true }],
      yDomain: domainOf(means.length === 0 ? [] : analysis.terms.flatMap((one) => one.means.map(({ mean }) => mean))),
      xTick: (i) => means[i]?.level ?? '',
    })),
    {
      width: width > 500 ? Math.floor(width / Math.min(3, means.length)) : width,
      height: 220,
      columns: width > 500 ? Math.min(3, means.length) : 1,
      heading: false,
    },
  ),
)}
${small.length > 0 ? figureRow(small, 2) : undefined}`
  })
  const values = Object.entries(responses)
  const cellsOf = (row: number) =>
    values.map(([, of]) => {
      const own = of[row]
      return (Array.isArray(own) ? own : [own])
        .map((value) => (value === null ? '–' : Number(value).toFixed(4)))
        .join(', ')
    })
  // A design without a study names no runs; its responses count them.
  const trainings = study.runs.length || (values[0]?.[1].flat().filter((value) => value !== null).length ?? 0)
  const aliases = 'definingRelation' in study.design ? aliasTable(study.design).split('\n') : []
  return page({
    title: `Study: ${study.name}`,
    headline: verdict[0],
    body: html`${facts([
      ['trainings', String(trainings)],
      ['factors', String(names.length)],
      ['responses', String(values.length)],
      [
        'design',
        'definingRelation' in study.design
          ? study.design.resolution === null
            ? 'full factorial'
            : `resolution ${['', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII'][study.design.resolution] ?? study.design.resolution}`
          : study.design.name,
      ],
    ])}
<h2>Conclusions</h2>
<ul>${verdict.map((sentence) => html`<li>${sentence}</li>`)}</ul>
<h2>All tests</h2>
${table(
  ['response', 'term', 'on - off', 'p', 'p (Benjamini-Hochberg over all tests)'],
  tests.map(({ response, term, difference, pValue, benjaminiHochberg }) => [
    response,
    term,
    short(difference),
    pText(pValue),
    pText(benjaminiHochberg),
  ]),
  { textColumns: [1], caption: 'Tests of all terms and responses' },
)}
${sections}
<h2>The runs</h2>
${table(
  ['run', ...names, ...values.map(([name]) => name)],
  rows.map((levels, i) => [String(i + 1), ...names.map((name) => levels[name]), ...cellsOf(i)]),
  { caption: 'Levels and responses of every run' },
)}
${aliases.length > 0 ? html`<h2>Aliases</h2><ul>${aliases.map((line) => html`<li>${line}</li>`)}</ul>` : undefined}`,
  })
}

/**
 * An interaction plot: mean responses by two factors, one line for each level of the second. Lines that are not
 * parallel show an interaction.
 */
function interaction(
  rows: readonly Readonly<Record<string, string>>[],
  values: Responses[string],
  response: string,
  a: string,
  b: string,
): LineChart {
  const levels = (factor: string) => [...new Set(rows.map((row) => row[factor]))]
  const meanAt = (x: string, y: string) => {
    const own = rows.flatMap((row, i) => (row[a] === x && row[b] === y ? [values[i]].flat() : []))
    const present = own.filter((value) => typeof value === 'number')
    return present.length === 0 ? Number.NaN : present.reduce((sum, value) => sum + value, 0) / present.length
  }
  const xs = levels(a)
  return {
    title: `${a} at each level of ${b}`,
    xLabel: a,
    yLabel: response,
    lines: levels(b).map((y) => ({
      label: `${b} ${y}`,
      points: xs.map((x, i) => [i, meanAt(x, y)] as const),
      dots: true,
    })),
    xTick: (i) => xs[i] ?? '',
  }
}

/** One y range for all panels, so that slopes can be compared. */
function domainOf(values: readonly number[]): readonly [number, number] {
  const low = Math.min(...values)
  const high = Math.max(...values)
  const margin = (high - low) * 0.1 || Math.abs(high) * 0.01 || 1
  return [low - margin, high + margin]
}
