/** The results of a plan search as one HTML page. */
import { type BarsChart, barsChart } from '../charts/bars-chart.ts'
import { timelineChart } from '../charts/timeline-chart.ts'
import { page } from '../page/page.ts'
import { facts, figure, table } from '../page/parts.ts'
import type { PictureDocument } from '../svg/frame.ts'
import { type Content, html, type Markup } from '../text/markup.ts'
import { count, gigabytes, percent, seconds } from '../text/numbers.ts'
import type { PlanCandidate, PlanEstimate, PlanSummary, StageMemory } from './plan-summary.ts'

export interface PlanReportOptions {
  /** Number of plans in each figure, from 1 to 100; default 8. */
  readonly shown?: number
  /** The DOM document to create elements with. Default: the page's; on Node an empty document of linkedom. */
  readonly document?: PictureDocument
}

/**
 * Renders a plan search: the most stable plan, ranked plans, memory bars against the limit, time by part, the timeline
 * of the pipeline, and the reasons for which plans were rejected.
 * @param summary the result of `summarizePlans(search, plan(search))` of @kumiki/planner
 * @returns a self-contained HTML document without scripts
 * @throws RangeError where `shown` is not 1 to 100
 * @example planReport(summarizePlans(search, plan(search))).startsWith('<!doctype html>') // true
 */
export function planReport(summary: PlanSummary, options: PlanReportOptions = {}): string {
  const { shown = 8 } = options
  if (!(Number.isInteger(shown) && shown >= 1 && shown <= 100))
    throw new RangeError(`planReport: shown must be an integer from 1 to 100, got ${shown}`)
  const [best] = summary.byStability
  const footer =
    'Made by Kumiki. Steps are estimates: half of published runs are within 5 % of them, nine of ten within 25 %.'
  if (!best) {
    const headline = `None of the ${count(summary.considered)} plans is valid and fits in memory.`
    return page({ title: summary.title, headline, body: refusals(summary), footer })
  }
  const { ordinary, ...estimate } = best.estimate
  const headline = `${best.label}: ${seconds(ordinary.stepSeconds)} a step (tuned: ${seconds(estimate.stepSeconds)}), ${percent(ordinary.mfu)} of the peak, ${percent(estimate.memoryFraction)} of the memory.`
  return page({ title: summary.title, headline, body: found(summary, best, shown, options.document), footer })
}

function found(
  summary: PlanSummary,
  best: PlanCandidate,
  shown: number,
  document: PictureDocument | undefined,
): Content {
  const { byStability, byThroughput } = summary
  const stable = byStability.slice(0, shown)
  const quick = byThroughput.slice(0, Math.max(1, Math.floor(shown / 2)))
  const compared = [...stable, ...quick.filter((candidate) => !stable.includes(candidate))]
  const bars = (chart: Omit<BarsChart, 'title'>, title: string) =>
    figure(title, (width) => barsChart({ title, ...chart }, { width, heading: false, document }))
  const stages = best.estimate.memoryByStage
  return html`<p>${choice(summary, best)}</p>
${facts(factsOf(summary, best))}
<h2>Plans by stability</h2>
<p class="note">Sorted by number of risks, then by time including the time lost to failures.</p>
${ranking(byStability.slice(0, Math.max(shown, 10)), 'Plans by stability')}
<h2>Plans by throughput</h2>
${ranking(byThroughput.slice(0, Math.max(shown, 10)), 'Plans by throughput')}
<h2>Memory</h2>
${bars(memoryBars(summary, compared.map(fullest)), 'Fullest GPU of each plan')}
${
  stages.length === 1
    ? undefined
    : bars(
        memoryBars(
          summary,
          stages.map((memory) => ({ label: `stage ${memory.stage}`, memory })),
        ),
        'Each pipeline stage of the first plan',
      )
}
<h2>Time</h2>
${bars(timeBars(compared), 'One tuned step on the slowest stage')}
${communication(best.estimate)}
<h2>Pipeline</h2>
${pipeline(summary, best)}
${refusals(summary)}`
}

function choice(summary: PlanSummary, best: PlanCandidate): string {
  const [fastest] = summary.byThroughput
  const risks = (candidate: PlanCandidate) => candidate.risks.join('; ')
  if (fastest === undefined || fastest.label === best.label)
    return `It is also the fastest plan${best.risks.length > 0 ? `; its risks: ${risks(best)}` : ', and no risk was found'}.`
  const gain = best.estimate.stepSeconds / fastest.estimate.stepSeconds - 1
  const many = summary.fasterButRiskier
  const riskier = many === 1 ? 'No other plan is' : `${many}${many >= 10 ? ' or more' : ''} plans are`
  return `${best.risks.length === 0 ? 'No risk was found' : `Its risks: ${risks(best)}`}. The fastest, ${fastest.label}, is ${percent(gain)} faster, but: ${risks(fastest) || 'it loses more time to failures'}. ${riskier} faster than the stable one.`
}

function factsOf(summary: PlanSummary, best: PlanCandidate): [string, string][] {
  const { estimate, headroomBytes } = best
  const { ordinary } = estimate
  const entries: [string, string][] = [
    ['GPUs', count(estimate.gpuCount)],
    ['tokens/s (tuned)', `${count(ordinary.tokensPerSecond)} (${count(estimate.tokensPerSecond)})`],
    ['tokens/s/GPU (tuned)', `${count(ordinary.tokensPerSecondPerGpu)} (${count(estimate.tokensPerSecondPerGpu)})`],
    ['MFU (tuned MFU, HFU)', `${percent(ordinary.mfu)} (${percent(estimate.mfu)}, ${percent(estimate.hfu)})`],
    ['headroom', gigabytes(headroomBytes)],
    ['plans that fit', `${count(summary.feasible)} of ${count(summary.considered)}`],
  ]
  const { run } = ordinary
  if (run)
    entries.push(
      ['days', run.days.toFixed(1)],
      ['GPU-days', count(run.gpuDays)],
      ['energy', `${count(run.energyKilowattHours / 1000)} MWh`],
      ...(run.price === null ? [] : ([['price', count(run.price)]] as [string, string][])),
      ['lost time', percent(1 - run.lost.goodput)],
      ['failures', run.lost.failures.toFixed(1)],
    )
  return entries
}

function ranking(candidates: readonly PlanCandidate[], caption: string): Markup {
  const head = ['plan', 'step', 'tuned', 'tokens/s/GPU', 'MFU', 'tuned', 'memory', 'risks']
  const rows = candidates.map(({ label, estimate: e, risks }, index) => [
    `${index + 1}. ${label}`,
    seconds(e.ordinary.stepSeconds),
    seconds(e.stepSeconds),
    count(e.ordinary.tokensPerSecondPerGpu),
    percent(e.ordinary.mfu),
    percent(e.mfu),
    `${gigabytes(e.memoryBytes)}, ${percent(e.memoryFraction)}`,
    risks.length === 0 ? 'none' : risks.join('; '),
  ])
  return table(head, rows, { caption, textColumns: [7] })
}

const memoryParts = ['weights', 'gradients', 'optimizer', 'activations in flight', 'logits', 'buffers', 'reserve']

function fullest({ label, estimate }: PlanCandidate): { label: string; memory: StageMemory } {
  return { label, memory: estimate.memoryByStage.reduce((most, one) => (one.total > most.total ? one : most)) }
}

function memoryBars(
  { gpuMemoryBytes, stableMemoryFraction }: PlanSummary,
  rows: readonly { label: string; memory: StageMemory }[],
): Omit<BarsChart, 'title'> {
  return {
    parts: memoryParts,
    bars: rows.map(({ label, memory: m }) => ({
      label,
      values: [m.weights, m.gradients, m.optimizer, m.activations, m.logits, m.buffers, m.reserve],
      note: gigabytes(m.total),
    })),
    limits: [
      { value: stableMemoryFraction * gpuMemoryBytes, label: `${100 * stableMemoryFraction} %` },
      { value: gpuMemoryBytes, label: gigabytes(gpuMemoryBytes) },
    ],
    tick: (value) => `${Number((value / 1e9).toPrecision(3))} GB`,
  }
}

const timeParts = [
  'computation',
  'recomputation',
  'waiting for the slowest GPU',
  'tensor parallel',
  'context parallel',
  'expert parallel',
  'pipeline transfers',
  'bubble',
  'data parallel',
  'optimizer and host',
]

function timeBars(candidates: readonly PlanCandidate[]): Omit<BarsChart, 'title'> {
  return {
    parts: timeParts,
    bars: candidates.map(({ label, estimate: { time: t } }) => ({
      label,
      values: [
        t.compute,
        t.recompute,
        t.waiting,
        t.tensorParallel,
        t.contextParallel,
        t.expertParallel,
        t.pipeline,
        t.bubble,
        t.dataParallel,
        t.optimizer,
      ],
      note: seconds(t.step),
    })),
    tick: seconds,
  }
}

function communication({ time }: PlanEstimate): Markup {
  const compute = (Object.entries(time.computeParts) as [string, number][])
    .filter(([, value]) => value > 0)
    .map(([part, value]) => `${part} ${seconds(value)}`)
    .join(', ')
  const rows = time.collectives.map((c) => [
    c.axis,
    c.operation,
    gigabytes(c.bytes),
    seconds(c.seconds),
    seconds(c.exposedSeconds),
  ])
  const head = ['axis', 'communication', 'sent per GPU', 'time', 'exposed']
  return html`<h3>The first plan</h3>
<p class="note">Computation: ${compute}.</p>
${rows.length === 0 ? undefined : table(head, rows, { caption: 'Communication of the first plan', textColumns: [1] })}`
}

function pipeline({ pipeline: simulated }: PlanSummary, best: PlanCandidate): Markup {
  if (!simulated) return html`<p class="note">None of the plans above has a pipeline.</p>`
  const { label, timeline, after, stepSeconds, estimatedStepSeconds } = simulated
  const what =
    label === best.label
      ? 'The pipeline of the first plan'
      : `The first plan has no pipeline; that of the first plan with one, ${label}`
  const draw = (width: number) => timelineChart(timeline, { width, heading: width > 600, after })
  return html`<p class="note">${what}, simulated: ${seconds(stepSeconds)} per step; the closed-form estimate is ${seconds(estimatedStepSeconds)}.</p>
${figure('One step of the pipeline', draw)}`
}

function refusals({ refused, refusals }: PlanSummary): Markup | undefined {
  if (refusals.length === 0) return undefined
  const rows = refusals.slice(0, 12).map((refusal) => [count(refusal.count), refusal.example])
  return html`<h2>Rejected plans</h2>
<p class="note">${count(refused)} plans violate at least one rule; a plan can violate several.</p>
${table(['plans', 'reason, for one of them'], rows, { caption: 'Why plans were rejected', textColumns: [1], rowHeads: false })}`
}
