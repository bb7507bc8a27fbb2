/** metrics.jsonl: one JSON object per step. Node only. */
import { open, readFile } from 'node:fs/promises'
import { writeFileAtomically } from './atomic-file.ts'
import { diskError } from './disk-error.ts'
import type { StepMetrics } from './step-metrics.ts'

/** Appends steps to a file; a resumed run first drops the steps after its checkpoint. */
export class MetricsLog {
  /** Earlier steps that were kept, in order. */
  readonly kept: readonly Partial<StepMetrics>[]
  /** Ranges of missing steps, first to last. */
  readonly gaps: readonly (readonly [number, number])[]
  private readonly path: string
  private file: Awaited<ReturnType<typeof open>> | undefined
  /** Size of the file in bytes, whole lines only. */
  private bytes = 0

  private constructor(path: string, kept: readonly Partial<StepMetrics>[], through: number) {
    this.path = path
    this.kept = kept
    this.gaps = gapsOf(kept, through)
  }

  /**
   * Opens a run's log for appending.
   * @param keepThrough later steps are dropped from an existing file
   * @param
   * options.aside where to save the complete old file if steps are dropped
   */
  static async open(path: string, keepThrough = 0, options: { readonly aside?: string } = {}): Promise<MetricsLog> {
    const { text, steps } = await MetricsLog.read(path)
    const byStep = new Map<number, (typeof steps)[number]>()
    let dropped = 0
    for (const entry of steps) {
      const { step } = entry.metrics
      // A step that appears twice was repeated after a resume; the later entry is valid.
      if (step! <= keepThrough) byStep.set(step!, entry)
      else dropped++
    }
    const kept = [...byStep.values()].sort((a, b) => a.metrics.step! - b.metrics.step!)
    if (dropped > 0 && options.aside !== undefined) await writeFileAtomically(options.aside, text)
    await writeFileAtomically(path, kept.map(({ line }) => `${line}\n`).join(''))
    const log = new MetricsLog(
      path,
      kept.map(({ metrics }) => metrics),
      keepThrough,
    )
    log.file = await open(path, 'a')
    log.bytes = (await log.file.stat()).size
    return log
  }

  /** Reads a log without changing it. `seconds` is the maximum over all steps. */
  static async read(path: string): Promise<{
    readonly text: string
    readonly steps: readonly { readonly line: string; readonly metrics: Partial<StepMetrics> }[]
    readonly seconds: number
  }> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw new Error(`${path}: cannot be read (${error.code ?? error.message})`, { cause: error })
    })
    const steps = text.split('\n').flatMap((line) => {
      const metrics = parse(line)
      return metrics ? [{ line, metrics }] : []
    })
    const seconds = steps.reduce((most, { metrics }) => Math.max(most, metrics.seconds ?? 0), 0)
    return { text, steps, seconds }
  }

  async append(metrics: StepMetrics): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(metrics)}\n`)
    try {
      await this.file!.appendFile(line)
      this.bytes += line.length
    } catch (error) {
      // Removes a partly written line, which would corrupt the next one.
      await this.file!.truncate(this.bytes).catch(() => {})
      throw diskError(this.path, error, 'the last checkpoint is safe')
    }
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
  }
}

/** Undefined for a line that is incomplete because the run was killed, or not a step's object. */
function parse(line: string): Partial<StepMetrics> | undefined {
  try {
    const json = JSON.parse(line)
    return Number.isSafeInteger(json?.step) ? json : undefined
  } catch {
    return undefined
  }
}

function gapsOf(kept: readonly Partial<StepMetrics>[], through: number): [number, number][] {
  const gaps: [number, number][] = []
  let next = 1
  for (const { step } of [...kept, { step: through + 1 }]) {
    if (step! > next) gaps.push([next, step! - 1])
    next = step! + 1
  }
  return gaps
}
