/** The comparison as a table, JSON lines and one page of HTML with its pictures inside. */
import { type Chart, charts, smoothed } from 'example-study-tools'
import { studentT } from '../common/student-t.ts'
import type { RunRecord } from './run.ts'

/** A policy's held-out losses against the baseline's, seed by seed. */
export interface Comparison {
  readonly kind: 'comparison'
  readonly model: string
  readonly policy: string
  readonly baseline: string
  readonly seeds: number
  /** Mean over seeds, nats per token. */
  readonly heldOut: number
  /**
   * Mean of the paired differences, and half the width of its confidence interval (Student's t). The intervals of all policies hold together
   * with 95 % (Bonferroni): with many policies one would look different by chance.
   */
  readonly difference: number
  readonly halfWidth: number
  readonly tokensPerSecond: number
  readonly peakBytes: number
  readonly spikes: number
  readonly clippedSteps: number
  readonly failed: number
}

const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length

/** Steps whose loss stands out of the ones before: five robust deviations above the median of the last 20. */
export function countSpikes(losses: readonly number[]): number {
  let spikes = 0
  for (let i = 20; i < losses.length; i++) {
    const near = losses.slice(i - 20, i).sort((a, b) => a - b)
    const median = (near[9] + near[10]) / 2
    const off = near.map((x) => Math.abs(x - median)).sort((a, b) => a - b)
    if (losses[i] - median > 5 * 1.4826 * ((off[9] + off[10]) / 2)) spikes++
  }
  return spikes
}

export function compareRuns(runs: readonly RunRecord[], model: string, baseline: string): Comparison[] {
  const own = runs.filter((r) => r.model === model)
  const base = new Map(own.filter((r) => r.policy === baseline).map((r) => [r.seed, r.heldOut]))
  const policies = [...new Set(own.map((r) => r.policy))]
  const level = 1 - 0.05 / (2 * Math.max(1, policies.length - 1))
  return policies.map((policy) => {
    const mine = own.filter((r) => r.policy === policy)
    const pairs = mine.flatMap((r) => (base.has(r.seed) && !r.failure ? [r.heldOut - base.get(r.seed)!] : []))
    const difference = mean(pairs)
    const deviation = Math.sqrt(pairs.reduce((s, d) => s + (d - difference) ** 2, 0) / (pairs.length - 1))
    return {
      kind: 'comparison',
      model,
      policy,
      baseline,
      seeds: mine.length,
      heldOut: mean(mine.filter((r) => !r.failure).map((r) => r.heldOut)),
      difference,
      halfWidth: (studentT(level, pairs.length - 1) * deviation) / Math.sqrt(pairs.length),
      tokensPerSecond: mean(mine.map((r) => r.tokensPerSecond)),
      peakBytes: mine[0].peakBytes,
      spikes: mine.reduce((s, r) => s + countSpikes(r.losses), 0),
      clippedSteps: mine.reduce((s, r) => s + r.clipped.slice(1).filter((c) => c > 0).length, 0),
      failed: mine.filter((r) => r.failure).length,
    }
  })
}

const signed = (x: number, digits = 4) =>
  Number.isFinite(x) ? `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(digits)}` : '–'

const columns = [
  'policy',
  'held-out',
  'difference',
  '95 % intervals',
  'tokens/s',
  'peak MB',
  'spikes',
  'steps with clipping',
  'failed',
]

function cells(c: Comparison): string[] {
  const own = c.policy === c.baseline
  return [
    c.policy,
    c.heldOut.toFixed(4),
    own ? '' : signed(c.difference),
    own ? '' : `${signed(c.difference - c.halfWidth)} to ${signed(c.difference + c.halfWidth)}`,
    c.tokensPerSecond.toFixed(0),
    (c.peakBytes / 1e6).toFixed(1),
    String(c.spikes),
    String(c.clippedSteps),
    String(c.failed),
  ]
}

export function table(comparisons: readonly Comparison[]): string {
  const rows = [columns, ...comparisons.map(cells)]
  const widths = columns.map((_, i) => Math.max(...rows.map((r) => r[i].length)))
  return rows.map((r) => r.map((c, i) => (i === 0 ? c.padEnd(widths[i]) : c.padStart(widths[i]))).join('  ')).join('\n')
}

/** What the numbers allow to be said, and no more. */
export function findings(comparisons: readonly Comparison[]): string[] {
  return comparisons
    .filter((c) => c.policy !== c.baseline)
    .map((c) => {
      if (c.failed === c.seeds) return `${c.policy} diverged in every one of ${c.seeds} runs.`
      const [low, high] = [c.difference - c.halfWidth, c.difference + c.halfWidth]
      const verdict =
        low > 0
          ? `is worse than ${c.baseline}`
          : high < 0
            ? `is better than ${c.baseline}`
            : `cannot be told from ${c.baseline} by ${c.seeds} seeds`
      return `${c.policy} ${verdict}: ${signed(c.difference)} nats per token (${signed(low)} to ${signed(high)}).`
    })
}

/** Published gaps of fp8 against bf16, for orientation: other models, other data, other sizes. LLM-jp has published none. */
const published: readonly (readonly [string, string, string])[] = [
  ['marin-community/marin#7298', '24k steps, same seed and data', '+0.0040 nats'],
  ['marin-community/marin#7271', 'MXFP8', '+0.0025 to +0.0028 nats'],
  ['inclusionAI/Ling-V2#6', '23B tokens', '+0.034 nats (2.276 against 2.242)'],
  ['DeepSeek-V3, arXiv:2412.19437', 'relative loss error, blockwise', 'under 0.25 %'],
  ['NVIDIA/Megatron-LM#1152', 'expected by maintainers', '0.02 early, under 0.01 after several B tokens'],
]

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1180px;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}h2{margin-top:2.5rem}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}td,th{border-color:#444}}`

const htmlTable = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  `<table><thead><tr>${head.map((h) => `<th>${escapeHtml(h)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((r) => `<tr>${r.map((c) => `<td>${escapeHtml(c)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table>`

export function page(runs: readonly RunRecord[], baseline: string, about: readonly string[]): string {
  const models = [...new Set(runs.map((r) => r.model))]
  const sections = models.map((model) => {
    const own = runs.filter((r) => r.model === model)
    const comparisons = compareRuns(runs, model, baseline)
    return `<h2>${escapeHtml(model)}: ${own[0].parameters.toLocaleString('en')} parameters, ${own[0].steps} steps, ${comparisons[0].seeds} seeds</h2>
${htmlTable(columns, comparisons.map(cells))}
<ul>${findings(comparisons)
      .map((f) => `<li>${escapeHtml(f)}</li>`)
      .join('')}</ul>
${charts(modelCharts(own, baseline))}
${amaxTable(own)}`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Number formats in training</title><style>${style}</style></head><body>
<h1>Number formats in training</h1>
${about.map((p) => `<p>${escapeHtml(p)}</p>`).join('\n')}
${sections.join('\n')}
<h2>Published differences</h2>
<p>Of other models, data and sizes; not comparable number by number. LLM-jp trained models with fp8 and with bf16 and kept bf16, but has published no
difference in numbers.</p>
${htmlTable(['source', 'what', 'fp8 less bf16'], published)}
</body></html>
`
}

function modelCharts(runs: readonly RunRecord[], baseline: string): Chart[] {
  const policies = [...new Set(runs.map((r) => r.policy))]
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
  const sqnr = policies.map((policy, color) => ({
    label: policy,
    color,
    dots: true,
    points: of(policy).map((r) =>
      r.probes.map((p) => {
        const blocks = Object.entries(p.sqnr).flatMap(([name, db]) => (/_proj\.weight$/.test(name) ? [db] : []))
        return [p.step, median(blocks)] as const
      }),
    ),
  }))
  const layerOf = (name: string) => Number(/layers\.(\d+)\./.exec(name)?.[1] ?? Number.NaN)
  const byLayer = policies.map((policy, color) => ({
    label: policy,
    color,
    dots: true,
    points: of(policy).map((r) => {
      const last = r.probes[r.probes.length - 1]
      const layers = new Map<number, number[]>()
      for (const [name, db] of Object.entries(last?.sqnr ?? {})) {
        if (!/_proj\.weight$/.test(name)) continue
        layers.set(layerOf(name), [...(layers.get(layerOf(name)) ?? []), db])
      }
      return [...layers].map(([layer, list]) => [layer, median(list)] as const)
    }),
  }))
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
      lines: sqnr,
    },
    {
      title: 'The same by layer, at the last step',
      xLabel: 'layer',
      yLabel: 'signal to noise, dB',
      lines: byLayer,
    },
  ]
}

/** Ranges of the fp8 tensors at the last probe, by role: what a scale for a whole tensor has to hold. */
function amaxTable(runs: readonly RunRecord[]): string {
  const rows = [...new Set(runs.map((r) => r.policy))].flatMap((policy) => {
    const probes = runs.filter((r) => r.policy === policy).flatMap((r) => r.probes.slice(-1))
    const tensors = probes.flatMap((p) => p.tensors)
    return ['input', 'weight', 'gradient'].flatMap((role) => {
      const own = tensors.filter((t) => t.role === role)
      if (own.length === 0) return []
      const amaxes = own.map((t) => t.amax).sort((a, b) => a - b)
      const percent = (pick: (t: (typeof own)[number]) => number | null) => {
        // Not counted where every block has a scale of its own (NaN, null in a file).
        const values = own.map(pick).filter((x): x is number => x !== null && Number.isFinite(x))
        const value = values.length > 0 ? mean(values) : Number.NaN
        return Number.isFinite(value) ? `${(100 * value).toFixed(3)} %` : '–'
      }
      return [
        [
          policy,
          role,
          amaxes[0].toPrecision(3),
          amaxes[amaxes.length >> 1].toPrecision(3),
          amaxes[amaxes.length - 1].toPrecision(3),
          percent((t) => t.saturated),
          percent((t) => t.underflow),
        ],
      ]
    })
  })
  if (rows.length === 0) return ''
  return `<p>Largest magnitudes of the tensors at the last probe, and the shares of their elements that a scale made from the tensor itself would clip or
round to zero:</p>${htmlTable(['policy', 'tensor', 'least amax', 'median', 'greatest', 'clipped', 'rounded to zero'], rows)}`
}
