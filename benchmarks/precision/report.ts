/** The comparison as one page of HTML with its pictures inside. */
import { type Content, figureRow, html, type LineChart, lineChart, type Markup, page, table } from '@kumiki/report'
import { smoothed } from 'example-study-tools'
import { cells, columns, compareRuns, findings, mean } from './comparison.ts'
import { gradientHeatMaps } from './heat-map.ts'
import { groupsOf, type RunRecord } from './records.ts'

/** Published gaps of fp8 against bf16, for orientation: other models, other data, other sizes. LLM-jp has published none. */
const published: readonly (readonly [string, string, string])[] = [
  ['marin-community/marin#7298', '24k steps, same seed and data', '+0.0040 nats'],
  ['marin-community/marin#7271', 'MXFP8', '+0.0025 to +0.0028 nats'],
  ['inclusionAI/Ling-V2#6', '23B tokens', '+0.034 nats (2.276 against 2.242)'],
  ['DeepSeek-V3, arXiv:2412.19437', 'relative loss error, blockwise', 'under 0.25 %'],
  ['NVIDIA/Megatron-LM#1152', 'expected by maintainers', '0.02 early, under 0.01 after several B tokens'],
]

/** What a group's runs have in common, in words. */
export function settingOf([run]: readonly RunRecord[]): string {
  return `${run.model}: ${run.parameters.toLocaleString('en')} parameters, ${run.steps} steps of ${run.batch} x ${run.sequence} tokens, learning rate ${run.learningRate}`
}

/** Where the numbers of a page come from: paragraphs. */
export function about(runs: readonly RunRecord[]): string[] {
  const distinct = (of: (run: RunRecord) => string) => [...new Set(runs.map(of))].sort().join(', ')
  const commit = ({ commit, modified }: RunRecord) =>
    `${commit.slice(0, 12)}${modified.length > 0 ? ' with changes' : ''}`
  return [
    `${distinct((r) => r.corpus)}; vocabulary ${distinct((r) => String(r.architecture.vocabSize))}. Every policy sees the same batches in the same order from the same float32 weights; held-out loss is that of the trained weights as the forward pass reads them, never on 8 bits. ${distinct((r) => r.device)}; Node ${distinct((r) => r.node)}; commit ${distinct(commit)}; ${distinct((r) => r.date.slice(0, 10))}.`,
    'Products of 8-bit codes are computed here with float32 sums, which is better than the accumulators of some hardware: this compares number formats, not the speed or the sums of a GPU.',
  ]
}

/** @param runs of any settings: those of one are compared, in a section of their own */
export function comparisonPage(runs: readonly RunRecord[], baseline: string): string {
  const sections = groupsOf(runs).map((own) => {
    const comparisons = compareRuns(own, baseline)
    return html`<h2>${settingOf(own)}</h2>
${table(columns, comparisons.map(cells), { caption: `Policies against ${baseline}` })}
<ul>${findings(comparisons).map((f) => html`<li>${f}</li>`)}</ul>
${figures(trainingCharts(own, baseline))}
${gradientHeatMaps(own)}
${fitSection(own)}`
  })
  return page({
    title: 'Number formats in training',
    body: html`${about(runs).map(
      (p) => html`<p>${p}</p>
`,
    )}${sections}
<h2>Published differences</h2>
<p>Of other models, data and sizes; not comparable number by number. LLM-jp trained models with fp8 and with bf16 and kept bf16, but has published no
difference in numbers.</p>
${table(['source', 'what', 'fp8 less bf16'], published, { caption: 'Published differences' })}`,
  })
}

const figures = (charts: readonly LineChart[]): Markup =>
  figureRow(
    charts.map((chart) => ({
      caption: chart.title,
      draw: (width) => lineChart(chart, { width, height: 320, heading: false }),
    })),
    2,
  )

const policiesOf = (runs: readonly RunRecord[]) => [...new Set(runs.map((r) => r.policy))]

function trainingCharts(runs: readonly RunRecord[], baseline: string): LineChart[] {
  const policies = policiesOf(runs)
  const of = (policy: string) => runs.filter((r) => r.policy === policy && !r.failure)
  const points = (values: readonly number[]) => values.map((y, i) => [i + 1, y] as const)
  const paired = policies
    .filter((p) => p !== baseline)
    .map((policy) => ({
      label: policy,
      color: policies.indexOf(policy),
      points: of(policy).flatMap((r) => {
        const base = runs.find((b) => b.policy === baseline && b.seed === r.seed)
        if (!base) return []
        const [a, b] = [smoothed(r.losses), smoothed(base.losses)]
        return [points(a.map((x, i) => x - b[i]))]
      }),
    }))
  const median = (x: readonly number[]) => [...x].sort((a, b) => a - b)[x.length >> 1]
  const linear = ({ gradients }: RunRecord, probe: RunRecord['probes'][number] | undefined, within = '') =>
    (probe?.sqnr ?? []).filter(
      (db, i): db is number => db !== null && gradients[i].includes(within) && /_proj\.weight$/.test(gradients[i]),
    )
  return [
    {
      title: 'Training loss (smoothed)',
      xLabel: 'step',
      yLabel: 'nats per token',
      lines: policies.map((policy, color) => ({
        label: policy,
        color,
        points: of(policy).map((r) => points(smoothed(r.losses))),
      })),
    },
    {
      title: `Training loss less ${baseline}'s, same seed (smoothed)`,
      xLabel: 'step',
      yLabel: 'nats per token',
      lines: paired,
    },
    {
      title: 'Gradients of the linear layers against float32: median',
      xLabel: 'step',
      yLabel: 'signal to noise, dB',
      lines: policies.map((policy, color) => ({
        label: policy,
        color,
        dots: true,
        points: of(policy).map((r) => r.probes.map((p) => [p.step, median(linear(r, p))] as const)),
      })),
    },
    {
      title: 'The same by block, at the last probe',
      xLabel: 'block',
      yLabel: 'signal to noise, dB',
      lines: policies.map((policy, color) => ({
        label: policy,
        color,
        dots: true,
        points: of(policy).map((r) =>
          Array.from({ length: r.architecture.numHiddenLayers }, (_, block) => {
            return [block, median(linear(r, r.probes.at(-1), `layers.${block}.`))] as const
          }),
        ),
      })),
    },
  ]
}

const roles = [
  ['input', 'inputs'],
  ['weight', 'weights'],
  ['gradient', 'gradients'],
] as const

const shares = [
  ['saturated', 'clipped'],
  ['underflow', 'rounded to zero'],
] as const

/** How the values of fp8 tensors fit their formats: by step, and at the last probe. */
function fitSection(runs: readonly RunRecord[]): Content {
  if (runs.every((r) => r.layers.length === 0)) return undefined
  return html`<h3>How values fit 8 bits</h3>
<p>Shares of the values that each policy's own quantisation clips to the format's greatest value, or rounds to zero though they are not: with
its formats and scales as they stand at that step, on one fixed batch. Of a layer its input, its weight and the gradient of its output. Lines
are the tensor where the share is greatest; the table has means too.</p>
${figures(fitCharts(runs))}
${fitTable(runs)}`
}

function fitCharts(runs: readonly RunRecord[]): LineChart[] {
  const policies = policiesOf(runs)
  return roles.flatMap(([role, plural]) =>
    shares.map(([field, verb]): LineChart => {
      const lines = policies.flatMap((label, color) => {
        const own = runs.filter((r) => r.policy === label && r.layers.length > 0 && r.probes.length > 0)
        const points = own.map((r) => r.probes.map((p) => [p.step, 100 * Math.max(...p.fit[role][field])] as const))
        return own.length > 0 ? [{ label, color, dots: true, points }] : []
      })
      const highest = Math.max(...lines.flatMap((l) => l.points.flat().map(([, y]) => y)).filter(Number.isFinite))
      return {
        title: `${plural[0].toUpperCase()}${plural.slice(1)} ${verb}: worst tensor`,
        xLabel: 'step',
        yLabel: '% of values',
        lines,
        // From zero, also where nothing is clipped.
        yDomain: [0, highest > 0 ? 1.05 * highest : 1],
      }
    }),
  )
}

/** Ranges and fit of the fp8 tensors at the last probe, by role. */
function fitTable(runs: readonly RunRecord[]): Markup {
  const percent = (share: number) =>
    share === 0 ? '0' : share < 1e-5 ? '< 0.001 %' : `${Number((100 * share).toPrecision(2))} %`
  const magnitude = (x: number | undefined) =>
    x === undefined ? 'not finite' : x >= 1e-3 || x === 0 ? x.toPrecision(3) : x.toExponential(2)
  const rows = policiesOf(runs).flatMap((policy) => {
    const last = runs.flatMap((r) => {
      const probe = r.policy === policy && r.layers.length > 0 ? r.probes.at(-1) : undefined
      return probe ? [{ layers: r.layers, fit: probe.fit }] : []
    })
    if (last.length === 0) return []
    return roles.map(([role, plural]) => {
      const amaxes = last.flatMap(({ fit }) => fit[role].amax.filter((a) => a !== null)).sort((a, b) => a - b)
      const fit = shares.flatMap(([field]) => {
        const all = last.flatMap(({ layers, fit }) => fit[role][field].map((share, i) => ({ share, layer: layers[i] })))
        const worst = all.reduce((a, b) => (b.share > a.share ? b : a))
        const where = /layers\.(\d+)\.\w+\.(\w+)\.weight/.exec(worst.layer)!
        return [
          percent(mean(all.map(({ share }) => share))),
          worst.share === 0 ? '0' : `${percent(worst.share)} (${where[1]} ${where[2]})`,
        ]
      })
      const range = [amaxes[0], amaxes[amaxes.length >> 1], amaxes[amaxes.length - 1]].map(magnitude)
      return [policy, plural, ...range, ...fit]
    })
  })
  return html`<p>At the last probe: largest magnitudes of the tensors (all layers and seeds), and shares as the mean of the tensors and of the
worst one, which is named by its block and matrix.</p>
${table(
  ['policy', 'tensors', 'least amax', 'median', 'greatest', 'clipped', 'worst clipped', 'to zero', 'worst to zero'],
  rows,
  { caption: 'How values fit, at the last probe' },
)}`
}
