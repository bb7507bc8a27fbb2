/** Summarizes a training log, and compares it with the plan of its run. */
import { type Estimate, estimate, type PlanRequest } from '../estimate/estimate.ts'
import { shellQuote } from '../launch/shell-quote.ts'
import { calibrate } from './calibrate.ts'
import type { TrainingLog } from './training-log.ts'

export interface LogSummary {
  readonly step: number
  readonly steps?: number
  readonly loss?: number
  /** Median of the last lines, which shows the current speed. */
  readonly secondsPerStep?: number
  /** The 90th percentile of the step time. */
  readonly slowSecondsPerStep?: number
  readonly teraflopsPerGpu?: number
  readonly tokensPerSecondPerGpu?: number
  readonly secondsLeft?: number
  readonly skipped: number
}

/** Number of last lines that the statistics use. */
const recent = 500

/**
 * @returns a summary; undefined if the log has no step yet
 * @example
 * const log = new TrainingLog()
 * const fields = 'elapsed time per iteration (ms): 5000.0 | global batch size: 1024 | lm loss: 1.1E+01'
 * log.push(` iteration 2/ 100 | ${fields} |\n`)
 * summarizeLog(log).step // 2
 */
export function summarizeLog(log: TrainingLog): LogSummary | undefined {
  const last = log.readings.at(-1)
  if (!last) return undefined
  // The first steps are excluded: they compile, allocate and read files.
  const later = log.readings.length > 10 ? log.readings.slice(5) : log.readings.slice(1)
  const lines = (later.length > 0 ? later : log.readings).slice(-recent)
  const of = (pick: (reading: (typeof lines)[number]) => number | undefined) =>
    lines.map(pick).filter((value): value is number => value !== undefined && Number.isFinite(value))
  const seconds = of((r) => r.seconds)
  const secondsPerStep = quantile(seconds, 0.5)
  const steps = last.steps
  return {
    step: last.step,
    steps,
    loss: last.loss,
    secondsPerStep,
    slowSecondsPerStep: quantile(seconds, 0.9),
    teraflopsPerGpu: quantile(
      of((r) => r.teraflopsPerGpu),
      0.5,
    ),
    tokensPerSecondPerGpu: quantile(
      of((r) => r.tokensPerSecondPerGpu),
      0.5,
    ),
    secondsLeft: steps !== undefined && secondsPerStep !== undefined ? (steps - last.step) * secondsPerStep : undefined,
    skipped: log.readings.reduce((sum, { skipped = 0 }) => sum + skipped, 0),
  }
}

function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}

/** Arguments whose names differ from their flags, or whose flags are negated. */
const renamed: Readonly<Record<string, (value: string) => string[]>> = {
  fp8: (value) => ['--fp8-format', value],
  add_bias_linear: (value) => (value === 'False' ? ['--disable-bias-linear'] : []),
  attention_backend: (value) => ['--attention-backend', value.replace(/^AttnBackend\./, '')],
  padded_vocab_size: () => [],
  vocab_size: () => [],
  add_position_embedding: (value) => (value === 'False' ? ['--no-position-embedding'] : []),
}

/**
 * Reconstructs the command of a run from the argument list in its Megatron-LM log, including defaults, for
 * `readMegatron`.
 * @param options.gpusPerNode default: at most 8
 * @throws RangeError if the log has no argument list
 */
export function commandOfLog(log: TrainingLog, options: { readonly gpusPerNode?: number } = {}): string {
  const given = log.arguments
  if (!given.has('num_layers') || !given.has('hidden_size'))
    throw new RangeError(
      'the log has no list of arguments, which Megatron-LM writes at the start; give the launch itself with --megatron FILE',
    )
  const world = Number(given.get('world_size') ?? '1')
  const perNode = options.gpusPerNode ?? Math.min(8, world)
  const words = [...given].flatMap(([name, value]) => {
    if (Object.hasOwn(renamed, name)) return value === 'None' ? [] : renamed[name](value)
    const flag = `--${name.replaceAll('_', '-')}`
    if (value === 'None' || value === 'False' || value === '') return []
    if (value === 'True') return [flag]
    const list = /^\[(.*)\]$/.exec(value)
    return list ? [flag, ...list[1].split(',').map((item) => item.trim().replace(/^['"]|['"]$/g, ''))] : [flag, value]
  })
  const launcher = ['torchrun', '--nnodes', String(Math.ceil(world / perNode)), '--nproc-per-node', String(perNode)]
  return [...launcher, 'pretrain_gpt.py', ...words].map(shellQuote).join(' ')
}

/** The vocabulary size in a log: the tokenizer's, or the padded one. */
export function vocabularyOfLog(log: TrainingLog): number | undefined {
  const value = Number(log.arguments.get('vocab_size') ?? log.arguments.get('padded_vocab_size'))
  return Number.isInteger(value) && value > 0 ? value : undefined
}

/** A predicted value and the measured one. */
export interface Comparison {
  readonly what: string
  readonly unit: 's' | 'bytes' | 'sequences'
  readonly predicted: number
  readonly measured: number
}

export interface LogVerdict {
  readonly estimate: Estimate
  readonly comparisons: readonly Comparison[]
  /** Sentences about assumptions that differ from the log, or about their agreement. */
  readonly verdict: readonly string[]
}

/** Accuracy of the estimates: smaller differences are not reported. */
const tolerance = 0.06

/**
 * Compares a log with the plan of its run.
 * @throws the errors of `estimate` for an invalid plan
 * @example
 * const log = new TrainingLog()
 * const fields = 'elapsed time per iteration (ms): 9000.0 | global batch size: 1024 | lm loss: 1.1E+01'
 * for (let i = 1; i < 5; i++) log.push(` iteration ${i}/ 100 | ${fields} |\n`)
 * compareLog(log, { model, cluster, plan: own }).comparisons[0].measured // 9
 */
export function compareLog(log: TrainingLog, request: PlanRequest): LogVerdict {
  const result = estimate(request)
  const summary = summarizeLog(log)
  const comparisons: Comparison[] = []
  const verdict: string[] = []
  const add = (what: string, unit: Comparison['unit'], predicted: number, measured: number | undefined) => {
    if (measured !== undefined && Number.isFinite(measured)) comparisons.push({ what, unit, predicted, measured })
    return measured !== undefined ? measured / predicted - 1 : 0
  }
  const { time } = result
  const batch = log.readings.at(-1)?.globalBatchSize
  if (batch !== undefined && batch !== result.plan.globalBatchSize) {
    add('sequences in a step', 'sequences', result.plan.globalBatchSize, batch)
    verdict.push(
      `a step has ${batch} sequences but the plan ${result.plan.globalBatchSize}, so times are not comparable`,
    )
  }
  const tokens = request.plan.globalBatchSize * request.plan.sequenceLength
  const seconds =
    summary?.secondsPerStep ??
    (summary?.tokensPerSecondPerGpu && tokens / summary.tokensPerSecondPerGpu / result.gpuCount)
  const off = add('step', 's', time.step, seconds)
  const passes = [
    'compute',
    'recompute',
    'waiting',
    'tensorParallel',
    'contextParallel',
    'expertParallel',
    'pipeline',
    'bubble',
  ] as const
  const parts: [what: string, predicted: number, timers: readonly string[]][] = [
    ['forward and backward passes', passes.reduce((sum, part) => sum + time[part], 0), ['forward-backward']],
    ['reduction of gradients', time.dataParallel, ['all-grads-sync', 'grads-reduce-scatter', 'grads-all-reduce']],
    ['optimizer', time.optimizer, ['optimizer']],
  ]
  const deviations: { what: string; seconds: number }[] = []
  for (const [what, predicted, timers] of parts) {
    const found = timers.map((name) => log.timers.get(name)).find((values) => values !== undefined && values.length > 0)
    const measured = found && quantile(found.slice(-recent), 0.5)! / 1000
    if (measured === undefined) continue
    add(what, 's', predicted, measured)
    deviations.push({ what, seconds: measured - predicted })
  }
  const memory = add('peak memory of a GPU', 'bytes', result.memoryBytes, log.memoryBytes)
  if (Math.abs(memory) > 0.1)
    verdict.push(
      `memory is ${by(memory)} than planned: ${memory > 0 ? 'the plan does not count some activations or buffers' : 'the plan is conservative'}`,
    )
  const slow = summary?.slowSecondsPerStep
  if (slow !== undefined && summary?.secondsPerStep !== undefined && slow > 1.2 * summary.secondsPerStep)
    verdict.push(
      `steps are uneven: one in ten takes ${(slow / summary.secondsPerStep).toFixed(2)} times the median; look for slow GPUs, checkpoints and the file system`,
    )
  if (seconds !== undefined && Math.abs(off) > tolerance) {
    const worst = deviations.sort((a, b) => Math.abs(b.seconds) - Math.abs(a.seconds))[0]
    const fitted = calibrate([{ request, seconds }])
    verdict.push(
      `a step takes ${by(off, 'longer', 'less')} than the estimate, which is for tuned runs (typical runs take ${percent(result.ordinary.slowdown - 1)} longer)`,
    )
    if (worst && Math.abs(worst.seconds) > 0.3 * Math.abs(seconds - time.step))
      verdict.push(
        `most of it: ${worst.what}, ${worst.seconds > 0 ? 'slower' : 'faster'} by ${Math.abs(worst.seconds).toFixed(2)} s`,
      )
    else
      verdict.push(
        `the estimate assumes matrix products at ${percent(fitted.before)} of the peak; ${percent(fitted.after)} would explain the log${fitted.reached ? '' : ' only in part'} (use it with kumiki plan --calibrate LOG)`,
      )
  }
  if (verdict.length === 0 && seconds !== undefined)
    verdict.push(`the step time is within ${percent(tolerance)} of the estimate`)
  return { estimate: result, comparisons, verdict }
}

const percent = (share: number) => `${Math.round(100 * share)} %`
const by = (share: number, more = 'more', less = 'less') => `${percent(Math.abs(share))} ${share > 0 ? more : less}`
