/** Scores of checkpoints against the tokens they were trained on: an HTML page with curves, and a text table. */
import { basename, resolve } from 'node:path'
import type { Line, LineChart } from '@kumiki/report'
import type { CheckpointScores, RunScores, ScoresReport } from '../models/checkpoint-scores.ts'
import { textTable } from './text-table.ts'

/** One score of every checkpoint. */
interface Curve {
  readonly title: string
  readonly yLabel: string
  /** Value and standard error. */
  of(checkpoint: CheckpointScores): readonly [value: number, error?: number] | undefined
}

/** Bits per byte of all texts together and of each text, then each metric of each task. */
export function curvesOf({ runs }: ScoresReport): Curve[] {
  const [first] = runs.flatMap(({ checkpoints }) => checkpoints)
  if (!first) return []
  const texts = first.files.map(
    ({ file }, i): Curve => ({
      title: basename(file),
      yLabel: 'bits per byte',
      of: ({ files }) => [files[i].bitsPerByte],
    }),
  )
  const all: Curve = { title: 'all texts', yLabel: 'bits per byte', of: ({ total }) => total && [total.bitsPerByte] }
  const tasks = first.tasks.flatMap(({ task, metrics }, i) =>
    Object.keys(metrics).map((metric): Curve => {
      const key = metric as keyof typeof metrics
      return {
        title: `${task}: ${metric}`,
        yLabel: metric,
        of: ({ tasks }) => {
          const score = tasks[i].metrics[key]
          return score && [score.value, score.standardError]
        },
      }
    }),
  )
  return [...(texts.length > 1 ? [all] : []), ...texts, ...tasks]
}

/** Names of runs: of their folders, or their paths if two folders have the same name. */
function namesOf(runs: readonly RunScores[]): string[] {
  const names = runs.map(({ run }) => basename(resolve(run)))
  return new Set(names).size === names.length ? names : runs.map(({ run }) => run)
}

/** One row per checkpoint. */
export function scoresTable(report: ScoresReport): string {
  const curves = curvesOf(report)
  const names = namesOf(report.runs)
  const rows = report.runs.flatMap(({ checkpoints }, i) =>
    checkpoints.map((checkpoint) => [
      names[i],
      checkpoint.step.toLocaleString('en'),
      checkpoint.tokens.toLocaleString('en'),
      ...curves.map((curve) => curve.of(checkpoint)?.[0].toFixed(4) ?? ''),
    ]),
  )
  return textTable(['run', 'step', 'tokens', ...curves.map(({ title }) => title)], rows)
}

/** A self-contained HTML page. */
export async function scoresPage(report: ScoresReport): Promise<string> {
  const { figureRow, html, lineChart, page, table } = await import('@kumiki/report')
  const names = namesOf(report.runs)
  const curves = curvesOf(report)
  const charts = curves.map((curve): LineChart => {
    const lines = report.runs.map(({ checkpoints }, color): Line => {
      const points = checkpoints.flatMap((checkpoint) => {
        const found = curve.of(checkpoint)
        return found ? [{ x: checkpoint.tokens, value: found[0], error: found[1] ?? 0 }] : []
      })
      // Three values per point make a band of one standard error to each side.
      const exact = points.every(({ error }) => error === 0)
      const shifted = (by: number) => points.map(({ x, value, error }) => [x, value + by * error] as const)
      return {
        label: names.length > 1 ? names[color] : '',
        color,
        dots: true,
        points: exact ? shifted(0) : [-1, 0, 1].map(shifted),
      }
    })
    return { title: curve.title, xLabel: 'tokens', yLabel: curve.yLabel, lines, xScale: 'log', xTick: tokens }
  })
  const rows = report.runs.flatMap(({ checkpoints }, i) =>
    checkpoints.map((checkpoint) => [
      names[i],
      checkpoint.step.toLocaleString('en'),
      checkpoint.tokens.toLocaleString('en'),
      ...curves.map((curve) => {
        const [value, error] = curve.of(checkpoint) ?? []
        return value === undefined ? '' : `${value.toFixed(4)}${error === undefined ? '' : ` ± ${error.toFixed(4)}`}`
      }),
    ]),
  )
  const [main] = curves
  const ends = report.runs.slice(0, 3).flatMap(({ checkpoints }, i) => {
    const last = checkpoints.at(-1)
    const value = last && main?.of(last)?.[0]
    return last && value !== undefined
      ? [`${names[i]} has ${value.toFixed(4)} after ${tokens(last.tokens)} tokens`]
      : []
  })
  return page({
    title: `Scores over tokens: ${names.join(' · ')}`,
    headline: ends.length > 0 ? `${main.title}, ${main.yLabel}: ${ends.join('; ')}.` : 'No checkpoint could be read.',
    body: html`<p class="note">The token axis is logarithmic. The band is one standard error to each side, for scores that have one.</p>
${figureRow(
  charts.map((chart) => ({
    caption: chart.title,
    draw: (width: number) => lineChart(chart, { width, height: 300, heading: false }),
  })),
  2,
)}
<h2>Every checkpoint</h2>
${table(['Run', 'Step', 'Tokens', ...curves.map(({ title }) => title)], rows, { caption: 'Scores of every checkpoint' })}`,
  })
}

const scales = [
  ['T', 1e12],
  ['B', 1e9],
  ['M', 1e6],
  ['k', 1e3],
] as const

function tokens(value: number): string {
  const [letter, scale] = scales.find(([, size]) => value >= size) ?? ['', 1]
  return `${Number((value / scale).toPrecision(3))}${letter}`
}
