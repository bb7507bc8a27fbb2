/** `kumiki watch` */
import { basename } from 'node:path'
import type { PlanRequest } from '@kumiki/planner'
import type { LogSummary, LogVerdict, TrainingLog } from '@kumiki/planner/logs'
import type { Command } from 'commander'
import { type LoggedRunFlags, readLog, requestOfLog } from '../cluster/logged-run.ts'
import { writeWhole } from '../files/files.ts'
import { followFile } from '../files/follow-file.ts'
import { collect, integer } from '../flags/flag-values.ts'
import { gigabytes, textTable } from '../output/text-table.ts'
import { UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

interface WatchFlags extends LoggedRunFlags {
  once?: boolean
  out?: string
  json?: boolean
}

export function addWatch(program: Command): void {
  addVerb(
    program,
    'watch',
    'Follow a Megatron-LM or torchtitan training log: loss, throughput, spikes and time left, compared with the plan.',
    (c) =>
      c
        .argument('<file>', 'the log; rotation and partial lines are handled')
        .option('--once', 'read the current content, without following (implied by --json)')
        .option('--out <page.html>', 'also write an HTML report, updated as the log grows')
        .option('--gpu <name|file>', 'the GPU of the run: compares the log with its plan')
        .option('--megatron <file>', 'the launch script, if the log does not list its arguments (repeatable)', collect)
        .option('--nodes <n>', 'nodes, if neither the log nor the launch has them', integer(1, 1_000_000))
        .option('--gpus-per-node <n>', 'GPUs per node (default: 8)', integer(1, 1024))
        .option('--network <name|file>', 'infiniband (default), ethernet, pcie, or JSON')
        .option('--vocab <n>', 'vocabulary size, if neither the log nor the launch has it', integer(1, 1 << 25)),
    watch,
  )
}

async function watch(options: WatchFlags, path: string): Promise<void> {
  if (options.megatron && options.gpu === undefined) throw new UsageError('--megatron needs --gpu')
  if (options.once || options.json) {
    const log = await readLog(path)
    const data = await readingOf(path, log, options)
    if (options.out !== undefined) await writePage(options.out, path, log, data)
    return answer(options, data, () => textOf(data, options.out))
  }
  const { TrainingLog, summarizeLog } = await import('@kumiki/planner/logs')
  const { spikeDetector } = await import('@kumiki/optim')
  const log = new TrainingLog()
  const spikes = new SpikeCount(spikeDetector())
  const controller = new AbortController()
  const stop = () => controller.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  let shown = -1
  const page = options.out === undefined ? undefined : new GrowingPage(options.out, path, log, options)
  try {
    await followFile(path, {
      signal: controller.signal,
      onText: (text) => log.push(text),
      onRotation: () => log.rotated(),
      onLook() {
        const last = log.readings.at(-1)
        if (!last || last.step === shown) return false
        shown = last.step
        const summary = summarizeLog(log)!
        process.stdout.write(`${lineOf(summary, spikes.through(log))}\n`)
        page?.onGrowth()
        return last.steps !== undefined && last.step >= last.steps
      },
    })
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
  if (log.readings.length === 0) return
  const data = await readingOf(path, log, options)
  await page?.written()
  if (options.out !== undefined) await writePage(options.out, path, log, data)
  answer(options, data, () => `\n${textOf(data, options.out)}`)
}

/** Minimum milliseconds between two writes of the page. */
const pageInterval = 5000

/** Rewrites the page as the log grows, one write at a time and at a limited rate. */
class GrowingPage {
  private readonly out: string
  private readonly path: string
  private readonly log: TrainingLog
  private readonly options: WatchFlags
  private last = Number.NEGATIVE_INFINITY
  private writing: Promise<void> | undefined

  constructor(out: string, path: string, log: TrainingLog, options: WatchFlags) {
    this.out = out
    this.path = path
    this.log = log
    this.options = options
  }

  onGrowth(): void {
    if (this.writing || performance.now() - this.last < pageInterval) return
    this.writing = readingOf(this.path, this.log, this.options)
      .then((data) => writePage(this.out, this.path, this.log, data))
      // Keep following; the last write, at the end, throws its error.
      .catch((error: Error) => process.stderr.write(`${error.message}\n`))
      .then(() => {
        this.last = performance.now()
        this.writing = undefined
      })
  }

  /** Waits for the current write. */
  async written(): Promise<void> {
    await this.writing
  }
}

async function writePage(out: string, path: string, log: TrainingLog, data: Reading): Promise<void> {
  const { logReport } = await import('@kumiki/report')
  const { summary, spikes, validations, plan } = data
  await writeWhole(
    out,
    logReport({ title: basename(path), readings: log.readings, summary, spikes, validations, plan }),
  )
}

interface Reading {
  readonly summary: LogSummary
  readonly spikes: readonly number[]
  readonly validations: TrainingLog['validations']
  readonly plan?: {
    readonly comparisons: LogVerdict['comparisons']
    readonly verdict: readonly string[]
  }
}

async function readingOf(path: string, log: TrainingLog, options: WatchFlags): Promise<Reading> {
  const { compareLog, summarizeLog } = await import('@kumiki/planner/logs')
  const { spikeDetector } = await import('@kumiki/optim')
  const detector = spikeDetector()
  const spikes = log.readings.flatMap(({ step, loss }) =>
    loss !== undefined && detector.push(loss).spike ? [step] : [],
  )
  const summary = summarizeLog(log)!
  const base = { summary, spikes, validations: log.validations }
  if (options.gpu === undefined) return base
  const request: PlanRequest = await requestOfLog(path, log, options)
  const { comparisons, verdict } = compareLog(log, request)
  return { ...base, plan: { comparisons, verdict } }
}

/** Counts the spikes of a growing log, processing each reading once. */
class SpikeCount {
  private readonly detector: { push(loss: number): { readonly spike: boolean } }
  private last = 0
  private found = 0

  constructor(detector: { push(loss: number): { readonly spike: boolean } }) {
    this.detector = detector
  }

  through({ readings }: TrainingLog): number {
    let from = readings.length
    while (from > 0 && readings[from - 1].step > this.last) from--
    for (const { step, loss } of readings.slice(from)) {
      if (loss !== undefined && this.detector.push(loss).spike) this.found++
      this.last = step
    }
    return this.found
  }
}

/** The state of a run as one line. */
function lineOf(summary: LogSummary, spikes: number): string {
  const { step, steps, loss, secondsPerStep, teraflopsPerGpu, tokensPerSecondPerGpu, secondsLeft, skipped } = summary
  return [
    `step ${step}${steps === undefined ? '' : `/${steps}`}`,
    loss !== undefined && `loss ${loss.toFixed(4)}`,
    secondsPerStep !== undefined && `${secondsPerStep.toPrecision(4)} s/step`,
    teraflopsPerGpu !== undefined && `${teraflopsPerGpu.toFixed(1)} TFLOP/s/GPU`,
    tokensPerSecondPerGpu !== undefined && `${Math.round(tokensPerSecondPerGpu)} tokens/s/GPU`,
    `${spikes} spike${spikes === 1 ? '' : 's'}`,
    skipped > 0 && `${skipped} skipped`,
    secondsLeft !== undefined && `${timeLeft(secondsLeft)} left`,
  ]
    .filter(Boolean)
    .join(', ')
}

function timeLeft(seconds: number): string {
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  if (seconds < 2 * 86_400) return `${(seconds / 3600).toFixed(1)} h`
  return `${(seconds / 86_400).toFixed(1)} days`
}

function textOf({ summary, spikes, validations, plan }: Reading, page?: string): string {
  const validation = validations.at(-1)
  const lines = [lineOf(summary, spikes.length)]
  if (spikes.length > 0) lines.push(`spikes at step ${spikes.slice(-10).join(', ')}`)
  if (validation) lines.push(`validation loss ${validation.loss.toFixed(4)} at step ${validation.step}`)
  if (plan) {
    const value = (unit: string, x: number) =>
      unit === 'bytes' ? gigabytes(x) : unit === 's' ? `${x.toPrecision(4)} s` : String(x)
    const rows = plan.comparisons.map(({ what, unit, predicted, measured }) => [
      what,
      value(unit, predicted),
      value(unit, measured),
      `${measured >= predicted ? '+' : '−'}${Math.abs(100 * (measured / predicted - 1)).toFixed(1)} %`,
    ])
    lines.push('', textTable(['', 'plan', 'log', 'difference'], rows), '', ...plan.verdict)
  }
  if (page !== undefined) lines.push(page)
  return lines.join('\n')
}
