/** A search for a plan as one HTML page that needs nothing else. */
import { stackedBars } from './bars-svg.ts'
import { integer, object } from './check.ts'
import { validateCluster } from './cluster/cluster.ts'
import type { Estimate } from './estimate/estimate.ts'
import { stableMemoryFraction } from './estimate/risks.ts'
import { simulate } from './estimate/simulate.ts'
import type { ResolvedPlan } from './plan/parallel-plan.ts'
import { reportStyle } from './report-style.ts'
import type { Candidate } from './search/candidates.ts'
import type { PlanSearch } from './search/request.ts'
import type { PlanResult } from './search/search.ts'
import { escapeHtml, seconds } from './svg-parts.ts'
import { timelineSvg } from './timeline-svg.ts'

export interface PlanReportOptions {
  /** Default: the model's name, or "plan". */
  readonly title?: string
  /** Plans in each figure; default 8. */
  readonly shown?: number
}

/** "TP 4, PP 2 x 5, EP 8, DP 32, micro-batch 1, full recompute" */
export function planLabel(plan: ResolvedPlan): string {
  return [
    `TP ${plan.tensorParallel}`,
    `PP ${plan.pipelineParallel}${plan.virtualPipeline > 1 ? ` x ${plan.virtualPipeline}` : ''}`,
    ...(plan.contextParallel > 1 ? [`CP ${plan.contextParallel}`] : []),
    ...(plan.expertParallel > 1 ? [`EP ${plan.expertParallel}`] : []),
    `DP ${plan.dataParallel}`,
    `MB ${plan.microBatchSize}`,
    ...(plan.recompute === 'none'
      ? []
      : [
          plan.recompute === 'selective'
            ? `recompute ${plan.recomputeModules.join('+')}`
            : `recompute ${plan.recompute}`,
        ]),
  ].join(', ')
}

const number = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 })
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
const percent = (part: number) => `${(100 * part).toFixed(1)} %`

/**
 * Renders the result of `plan`: the plan to take, ranked plans, memory bars against the limit, time by part, the pipeline's timeline, and
 * why other plans were refused.
 * @returns a whole HTML document without scripts and without anything from elsewhere
 * @throws RangeError or TypeError for a request that `plan` would refuse
 */
export function planReport(search: PlanSearch, result: PlanResult, options: PlanReportOptions = {}): string {
  object('search', search)
  const shown = integer('shown', options.shown ?? 8, 1, 100)
  const cluster = validateCluster(search.cluster)
  const name = options.title ?? search.model.name ?? 'plan'
  const title = `${name} on ${cluster.nodes} node${cluster.nodes > 1 ? 's' : ''} of ${cluster.gpusPerNode} x ${cluster.gpu.name}`
  const [best] = result.byStability
  const body = best ? found(search, result, best, shown, cluster.gpu.memoryBytes) : nothing(result)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
${refusals(result)}
<footer>Made by Kumiki. Steps are estimates: half of published runs are within 5 % of them, nine of ten within 25 %.</footer>
</main>
</body>
</html>
`
}

function nothing(result: PlanResult): string {
  return `<p class="headline">None of ${number(result.considered)} plans is legal and fits.</p>`
}

function found(search: PlanSearch, result: PlanResult, best: Candidate, shown: number, memory: number): string {
  const { estimate } = best
  const [fastest] = result.byThroughput
  const headline = `${planLabel(estimate.plan)}: ${seconds(estimate.ordinary.stepSeconds)} a step (tuned: ${seconds(estimate.stepSeconds)}), ${percent(estimate.ordinary.mfu)} of the peak, ${percent(estimate.memoryFraction)} of the memory.`
  const stable = result.byStability.slice(0, shown)
  const quick = result.byThroughput.slice(0, Math.max(1, Math.floor(shown / 2)))
  const compared = [...stable, ...quick.filter((candidate) => !stable.includes(candidate))]
  return `<p class="headline">${escapeHtml(headline)}</p>
<p>${escapeHtml(choice(best, fastest, result))}</p>
${facts(estimate, best, result)}
<h2>Plans by stability</h2>
<p class="note">Fewest risks first, then fastest with lost time counted.</p>
${table(result.byStability.slice(0, Math.max(shown, 10)))}
<h2>Plans by throughput</h2>
${table(result.byThroughput.slice(0, Math.max(shown, 10)))}
<h2>Memory</h2>
<figure><figcaption><h3>Fullest GPU of each plan</h3></figcaption>
${memoryBars(compared, memory)}</figure>
${stageMemory(estimate, memory)}
<h2>Time</h2>
<figure><figcaption><h3>One tuned step on the slowest stage</h3></figcaption>
${timeBars(compared)}</figure>
${communication(estimate)}
${timeline(search, result, best)}`
}

function choice(best: Candidate, fastest: Candidate, result: PlanResult): string {
  const risks = (candidate: Candidate) => candidate.risks.join('; ')
  if (fastest === best)
    return `It is the fastest plan too${best.risks.length > 0 ? `; its risks: ${risks(best)}` : ', and has no risk'}.`
  const gain = best.estimate.stepSeconds / fastest.estimate.stepSeconds - 1
  const count = result.fasterButRiskier.length
  return `${best.risks.length === 0 ? 'No risk was found' : `Its risks: ${risks(best)}`}. The fastest, ${planLabel(fastest.estimate.plan)}, is ${percent(gain)} faster, but: ${risks(fastest) || 'it loses more time to failures'}. ${count === 1 ? 'No other plan is' : `${count}${count >= 10 ? ' or more' : ''} plans are`} faster than the stable one.`
}

function facts(estimate: Estimate, best: Candidate, result: PlanResult): string {
  const { ordinary } = estimate
  const { run } = ordinary
  const entries: [string, string][] = [
    ['GPUs', number(estimate.gpuCount)],
    ['tokens/s (tuned)', `${number(ordinary.tokensPerSecond)} (${number(estimate.tokensPerSecond)})`],
    ['tokens/s/GPU (tuned)', `${number(ordinary.tokensPerSecondPerGpu)} (${number(estimate.tokensPerSecondPerGpu)})`],
    ['MFU (tuned MFU, HFU)', `${percent(ordinary.mfu)} (${percent(estimate.mfu)}, ${percent(estimate.hfu)})`],
    ['headroom', gigabytes(best.headroomBytes)],
    ['plans that fit', `${number(result.feasible)} of ${number(result.considered)}`],
  ]
  if (run) {
    entries.push(
      ['days', run.days.toFixed(1)],
      ['GPU-days', number(run.gpuDays)],
      ['energy', `${number(run.energyKilowattHours / 1000)} MWh`],
      ...(run.price === null ? [] : ([['price', number(run.price)]] as [string, string][])),
      ['lost time', percent(1 - run.lost.goodput)],
      ['failures', run.lost.failures.toFixed(1)],
    )
  }
  return `<dl class="facts">${entries.map(([term, value]) => `<div><dt>${escapeHtml(term)}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>`
}

function table(candidates: readonly Candidate[]): string {
  const head = ['plan', 'step', 'tuned', 'tokens/s/GPU', 'MFU', 'tuned', 'memory', 'risks']
  const rows = candidates.map(({ estimate: e, risks }, index) =>
    [
      `<th scope="row">${index + 1}. ${escapeHtml(planLabel(e.plan))}</th>`,
      ...[
        seconds(e.ordinary.stepSeconds),
        seconds(e.stepSeconds),
        number(e.ordinary.tokensPerSecondPerGpu),
        percent(e.ordinary.mfu),
        percent(e.mfu),
        `${gigabytes(e.memoryBytes)}, ${percent(e.memoryFraction)}`,
      ].map((cell) => `<td>${escapeHtml(cell)}</td>`),
      `<td class="risks">${risks.length === 0 ? 'none' : risks.map(escapeHtml).join('; ')}</td>`,
    ].join(''),
  )
  return `<div class="scroll"><table><thead><tr>${head.map((cell) => `<th scope="col"${cell === 'risks' ? ' class="risks"' : ''}>${cell}</th>`).join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${row}</tr>`).join('')}</tbody></table></div>`
}

const memoryParts = [
  'weights',
  'gradients',
  'optimizer',
  'activations in flight',
  'logits',
  'buffers',
  'reserve',
] as const

function memoryBars(candidates: readonly Candidate[], memory: number): string {
  return stackedBars({
    title: 'Memory of the fullest GPU of each plan, by part',
    parts: memoryParts,
    bars: candidates.map(({ estimate }) => {
      const stage = estimate.memoryByStage.reduce((most, one) => (one.total > most.total ? one : most))
      return { label: planLabel(estimate.plan), values: memoryValues(stage), note: gigabytes(stage.total) }
    }),
    limits: [
      { value: stableMemoryFraction * memory, label: `${100 * stableMemoryFraction} %` },
      { value: memory, label: gigabytes(memory) },
    ],
    tick: (value) => `${Number((value / 1e9).toPrecision(3))} GB`,
  })
}

function memoryValues(stage: Estimate['memoryByStage'][number]): number[] {
  return [
    stage.weights,
    stage.gradients,
    stage.optimizer,
    stage.activations,
    stage.logits,
    stage.buffers,
    stage.reserve,
  ]
}

function stageMemory({ memoryByStage }: Estimate, memory: number): string {
  if (memoryByStage.length === 1) return ''
  return `<figure><figcaption><h3>Each pipeline stage of the first plan</h3></figcaption>
${stackedBars({
  title: 'Memory of each pipeline stage, by part',
  parts: memoryParts,
  bars: memoryByStage.map((stage) => ({
    label: `stage ${stage.stage}`,
    values: memoryValues(stage),
    note: gigabytes(stage.total),
  })),
  limits: [
    { value: stableMemoryFraction * memory, label: `${100 * stableMemoryFraction} %` },
    { value: memory, label: gigabytes(memory) },
  ],
  tick: (value) => `${Number((value / 1e9).toPrecision(3))} GB`,
})}</figure>`
}

const timeParts = [
  'computation',
  'recomputation',
  'waiting for the slowest GPU',
  'tensor parallel',
  'context parallel',
  'expert parallel',
  'pipeline hops',
  'bubble',
  'data parallel',
  'optimizer and host',
]

function timeBars(candidates: readonly Candidate[]): string {
  return stackedBars({
    title: 'Time of one step of each plan, by part',
    parts: timeParts,
    bars: candidates.map(({ estimate: { time, plan } }) => ({
      label: planLabel(plan),
      values: [
        time.compute,
        time.recompute,
        time.waiting,
        time.tensorParallel,
        time.contextParallel,
        time.expertParallel,
        time.pipeline,
        time.bubble,
        time.dataParallel,
        time.optimizer,
      ],
      note: seconds(time.step),
    })),
    tick: seconds,
  })
}

function communication({ time }: Estimate): string {
  const compute = Object.entries(time.computeParts)
    .filter(([, value]) => value > 0)
    .map(([part, value]) => `${part} ${seconds(value)}`)
    .join(', ')
  const rows = time.collectives.map(
    ({ axis, operation, bytes, seconds: all, exposedSeconds }) =>
      `<tr><th scope="row">${axis}</th><td class="risks">${escapeHtml(operation)}</td><td>${gigabytes(bytes)}</td><td>${seconds(all)}</td><td>${seconds(exposedSeconds)}</td></tr>`,
  )
  const head = ['sent by a GPU', 'takes', 'of that not hidden']
  return `<h3>The first plan</h3><p class="note">Computation: ${escapeHtml(compute)}.</p>${
    rows.length === 0
      ? ''
      : `<div class="scroll"><table><thead><tr><th scope="col">axis</th><th scope="col" class="risks">communication</th>${head.map((cell) => `<th scope="col">${cell}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
  }`
}

function timeline(search: PlanSearch, result: PlanResult, best: Candidate): string {
  const ranked = [best, ...result.byStability, ...result.byThroughput]
  const piped = ranked.find(({ estimate }) => estimate.plan.pipelineParallel > 1)
  if (!piped) return '<h2>Pipeline</h2><p class="note">None of the plans above has a pipeline.</p>'
  const { plan } = piped.estimate
  const simulation = simulate({ model: search.model, cluster: search.cluster, plan })
  const what =
    piped === best ? 'The first plan' : `The first plan has no pipeline; the first that has one, ${planLabel(plan)},`
  const svg = timelineSvg(simulation, {
    width: 1016,
    after: [
      { label: 'gradient exchange', seconds: simulation.dataParallelSeconds },
      { label: 'optimizer and host', seconds: simulation.optimizerSeconds },
    ],
  })
  return `<h2>Pipeline</h2>
<p class="note">${escapeHtml(`${what} as its pipeline runs, simulated: ${seconds(simulation.stepSeconds)} a step; the closed formulas say ${seconds(simulation.estimatedStepSeconds)}.`)}</p>
<figure>${svg}</figure>`
}

function refusals(result: PlanResult): string {
  if (result.refusalSummary.length === 0) return ''
  const rows = result.refusalSummary
    .slice(0, 12)
    .map(({ count, example }) => `<tr><td>${number(count)}</td><td class="risks">${escapeHtml(example)}</td></tr>`)
  return `<h2>Refused</h2>
<p class="note">${number(result.refused.length)} plans cannot be; a plan can break several rules.</p>
<div class="scroll"><table><thead><tr><th scope="col">plans</th><th scope="col" class="risks">because, for one of them</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}
