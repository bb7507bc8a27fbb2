/** Clipping and underflow of the 8-bit tensors: by step, and at the last probe. */
import { mean } from 'd3-array'
import type { LineChart } from '../charts/line-chart.ts'
import { table } from '../page/parts.ts'
import { type Content, html, type Markup } from '../text/markup.ts'
import { matrixOf, type PrecisionRun, policiesOf } from './precision-run.ts'
import { chartRow } from './training-charts.ts'

const roles = [
  ['input', 'inputs'],
  ['weight', 'weights'],
  ['gradient', 'gradients'],
] as const

const shares = [
  ['saturated', 'clipped'],
  ['underflow', 'rounded to zero'],
] as const

/** The section on clipping and underflow of the 8-bit tensors; undefined where no run has any. */
export function fitSection(runs: readonly PrecisionRun[]): Content {
  if (runs.every((r) => r.layers.length === 0)) return undefined
  return html`<h3>How values fit 8 bits</h3>
<p>Fractions of the values that each policy's quantization clips to the format's maximum, or underflows to zero, with its
formats and scales at that step, on one fixed batch: for each layer its input, its weight and the gradient of its output.
The lines show the tensor with the highest fraction; the table has means too.</p>
${chartRow(fitCharts(runs))}
${fitTable(runs)}`
}

function fitCharts(runs: readonly PrecisionRun[]): LineChart[] {
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
        // The axis begins at zero, also where every value is zero.
        yDomain: [0, highest > 0 ? 1.05 * highest : 1],
      }
    }),
  )
}

/** Largest magnitudes, clipping and underflow of the 8-bit tensors at the last probe, by role. */
function fitTable(runs: readonly PrecisionRun[]): Markup {
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
        const where = matrixOf(worst.layer)
        return [
          percent(mean(all, ({ share }) => share)!),
          worst.share === 0
            ? '0'
            : `${percent(worst.share)} (${where ? `${where.block} ${where.matrix}` : worst.layer})`,
        ]
      })
      const range = [amaxes[0], amaxes[amaxes.length >> 1], amaxes[amaxes.length - 1]].map(magnitude)
      return [policy, plural, ...range, ...fit]
    })
  })
  return html`<p>At the last probe: largest magnitudes (amax) of the tensors of all layers and seeds, and the fractions clipped and
rounded to zero: the mean over the tensors, and the worst tensor with its block and matrix.</p>
${table(
  [
    'policy',
    'tensors',
    'least amax',
    'median',
    'greatest',
    'clipped',
    'worst clipped',
    'rounded to zero',
    'worst rounded to zero',
  ],
  rows,
  { caption: 'How values fit, at the last probe' },
)}`
}
