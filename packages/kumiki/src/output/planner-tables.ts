/** The text output of `plan` and `estimate`. */
import type {
  Candidate,
  Estimate,
  MemoryChange,
  MinimumGpus,
  PlanRanking,
  PlanResult,
  Sensitivity,
} from '@kumiki/planner'
import { count, gigabytes, percent, textFields, textTable } from './text-table.ts'

/** Seconds with three significant digits. */
export function secondsText(value: number): string {
  return `${Number(value.toPrecision(3))} s`
}

/** "TP 4 PP 2x5 EP 8 DP 32" */
export function axesText({ plan: p }: Estimate): string {
  return [
    `TP ${p.tensorParallel}`,
    `PP ${p.pipelineParallel}${p.virtualPipeline > 1 ? `x${p.virtualPipeline}` : ''}`,
    ...(p.contextParallel > 1 ? [`CP ${p.contextParallel}`] : []),
    ...(p.expertParallel > 1 ? [`EP ${p.expertParallel}`] : []),
    `DP ${p.dataParallel}`,
  ].join(' ')
}

export function planTable(candidates: readonly Candidate[]): string {
  // The ordinary estimate first; "tuned" is what published, well-tuned runs reach.
  const head = ['plan', 'micro batch', 'recompute', 'memory', 'step', 'tuned', 'tokens/s/GPU', 'MFU', 'tuned', 'risks']
  const rows = candidates.map(({ estimate: e, risks }, i) => [
    `${i + 1}. ${axesText(e)}`,
    String(e.plan.microBatchSize),
    e.plan.recompute === 'selective' ? e.plan.recomputeModules.join('+') : e.plan.recompute,
    gigabytes(e.memoryBytes),
    `${e.ordinary.stepSeconds.toFixed(2)} s`,
    `${e.stepSeconds.toFixed(2)} s`,
    e.ordinary.tokensPerSecondPerGpu.toFixed(0),
    percent(e.ordinary.mfu),
    percent(e.mfu),
    risks.length === 0 ? 'none' : String(risks.length),
  ])
  return textTable(head, rows)
}

export function risksText(candidates: readonly Candidate[]): string[] {
  const risks = [...new Set(candidates.flatMap((c) => c.risks))].slice(0, 6)
  return risks.length > 0 ? ['', 'risks:', ...risks.map((risk) => `- ${risk}`)] : []
}

export function refusedText(result: PlanResult): string[] {
  if (result.refusalSummary.length === 0) return []
  return [
    '',
    'rejected plans, most frequent reasons:',
    ...result.refusalSummary
      .slice(0, 5)
      .map(({ count: times, example }) => `- ${count(times)} plans, for example: ${example}`),
  ]
}

/** Days, energy, price and lost time; empty unless the run's tokens are given. */
export function runText({ run: tuned, ordinary: { run } }: Estimate): string[] {
  if (!run || !tuned) return []
  const { lost } = run
  const fields: [string, string][] = [
    ['tokens', `${count(run.tokens)} in ${count(run.steps)} steps`],
    [
      'time',
      `${run.days.toFixed(1)} days, ${count(Math.round(run.gpuDays))} GPU-days (tuned: ${tuned.days.toFixed(1)}, ${count(Math.round(tuned.gpuDays))})`,
    ],
    [
      'energy',
      `${count(Math.round(run.energyKilowattHours))} kWh (tuned: ${count(Math.round(tuned.energyKilowattHours))})`,
    ],
    ...(run.price === null || tuned.price === null
      ? []
      : ([['price', `${count(Math.round(run.price))} (tuned: ${count(Math.round(tuned.price))})`]] as [
          string,
          string,
        ][])),
    [
      'lost time',
      `${percent(1 - lost.goodput)}: ${lost.failures.toFixed(1)} failures expected ${percent(lost.failureFraction)}, checkpoints every ${count(lost.checkpointSteps)} steps ${percent(lost.checkpointFraction)}`,
    ],
  ]
  return ['', textFields(fields)]
}

/** Why a plan does not fit the GPU's memory; undefined if it fits. */
export function shortageText(e: Estimate, gpuName: string): string | undefined {
  if (e.fits) return undefined
  const { reserve } = e.memoryByStage[0]
  const has = e.memoryBytes / e.memoryFraction
  return `does not fit: it needs ${gigabytes(e.memoryBytes)} and ${gigabytes(reserve)} of buffers, but a ${gpuName} has ${gigabytes(has)}; the times assume a GPU with enough memory`
}

/** Memory of each pipeline stage and time of a step, by part. */
export function breakdownText(e: Estimate): string[] {
  const parts = ['weights', 'gradients', 'optimizer', 'activations', 'logits', 'buffers', 'total', 'reserve'] as const
  const memory = textTable(
    ['memory of stage', ...parts],
    e.memoryByStage.map((stage) => [String(stage.stage), ...parts.map((part) => gigabytes(stage[part]))]),
  )
  const { computeParts, collectives, step, ...times } = e.time
  const fields = [
    ...Object.entries(times).filter(([, value]) => value > 0),
    ...Object.entries(computeParts)
      .filter(([, value]) => value > 0)
      .map(([part, value]) => [`  of compute: ${part}`, value] as const),
  ].map(([part, value]) => [part, `${secondsText(value)}, ${percent(value / step)}`] as const)
  const communication =
    collectives.length === 0
      ? []
      : [
          '',
          textTable(
            ['communication', 'axis', 'sent per GPU', 'time', 'exposed'],
            collectives.map((c) => [
              c.operation,
              c.axis,
              gigabytes(c.bytes),
              secondsText(c.seconds),
              secondsText(c.exposedSeconds),
            ]),
          ),
        ]
  return ['', memory, '', textFields([['step, tuned', secondsText(step)], ...fields]), ...communication]
}

export function rankingText(ranking: PlanRanking): string {
  if (!ranking.candidate)
    return ['the plan is not possible:', ...ranking.reasons.map((reason) => `- ${reason}`)].join('\n')
  const { faster, moreStable, feasible, fasterPlans, candidate } = ranking
  return [
    planTable([candidate]),
    ...(candidate.risks.length > 0 ? risksText([candidate]) : ['', 'no risks found']),
    '',
    `of ${count(feasible)} other plans that fit, ${count(faster)} are faster and ${count(moreStable)} more stable (${percent(ranking.stabilityShare)})`,
    ...(fasterPlans.length > 0 ? ['', 'faster:', planTable(fasterPlans), ...risksText(fasterPlans)] : []),
  ].join('\n')
}

export function sensitivityText(rows: readonly Sensitivity[]): string {
  const change = (ratio: number | null) =>
    ratio === null ? '-' : `${ratio >= 1 ? '+' : ''}${(100 * (ratio - 1)).toFixed(1)} %`
  return textTable(
    ['change', 'step', 'memory', ''],
    rows.map((row) => [
      `${row.parameter} ${row.from} -> ${row.to}`,
      change(row.stepRatio),
      change(row.memoryRatio),
      row.reasons.join('; ').slice(0, 120),
    ]),
  )
}

export function memoryChangeText(change: MemoryChange): string {
  const line = (name: string, { now, changed }: MemoryChange['byStability'], speedup: number | null) =>
    [
      `${name}:`,
      planTable([...(now ? [now] : []), ...(changed ? [changed] : [])]),
      ...(speedup === null ? [now ? '' : 'no plan fits before'] : [`${speedup.toFixed(3)} times as fast`]),
    ].join('\n')
  return [
    `${change.factor} x memory: ${gigabytes(change.memoryBytes.now)} -> ${gigabytes(change.memoryBytes.changed)}; plans that fit: ${count(change.feasible.now)} -> ${count(change.feasible.changed)}`,
    line('most stable plan, before and after', change.byStability, change.speedup.byStability),
    line('fastest plan, before and after', change.byThroughput, change.speedup.byThroughput),
  ].join('\n\n')
}

export function minimumText({ fits, stable }: MinimumGpus, mostNodes: number): string {
  const line = (what: string, found: MinimumGpus['fits']) =>
    found
      ? `${what}: ${count(found.nodes)} nodes, ${count(found.gpus)} GPUs\n${planTable([found.best])}`
      : `${what}: none up to ${count(mostNodes)} nodes`
  return [line('fits', fits), line('uses less than 80 % of the memory', stable)].join('\n\n')
}
