/** Errors of estimates for published runs, weighted so that no source counts more than a quarter. */
import { type Efficiency, estimateRun, type RunEstimate } from '@kumiki/planner'

export interface Measured {
  readonly step_time_s: number | null
  readonly tflops_per_gpu: number | null
  readonly mfu: number | null
  readonly flop_convention: string | null
  readonly peak_mem_bytes?: number | null
}

export interface PublishedRow {
  readonly id: string
  readonly source: string
  readonly exclude_from_stats?: boolean
  readonly gpu: { readonly peak_bf16: number }
  readonly measured: Measured
}

/** One comparison. */
export interface Comparison {
  readonly id: string
  readonly source: string
  /** Estimated / measured - 1, of the time or the inverse of the throughput. */
  readonly error: number
}

/** The publication that a row is from: its tables, figures and releases count as one source. */
export function sourceOf({ source }: PublishedRow): string {
  return source
    .replace(/,? NeMo .*/, '')
    .replace(/ (Table|Fig\.|abstract).*/, '')
    .replace(/ (Dec|Jun) \d+$/, '')
}

/**
 * Relative error of the step time, or of 1 / (FLOP/s) by the row's own convention; null where neither was published.
 */
export function timeError(row: PublishedRow, estimated: RunEstimate): number | null {
  const { step_time_s: seconds, tflops_per_gpu: teraflops, mfu, flop_convention: convention } = row.measured
  if (seconds) return estimated.stepSeconds / seconds - 1
  const measured = teraflops ?? (mfu === null ? null : mfu * row.gpu.peak_bf16)
  if (!measured) return null
  const full = convention === null || !/halved/.test(convention) || /not halved/.test(convention)
  const peak = estimated.modelFlopsPerGpu / estimated.mfu
  const ours = full ? estimated.mfuFullAttention * peak : estimated.modelFlopsPerGpu
  return (measured * 1e12) / ours - 1
}

export interface Comparisons {
  readonly time: Comparison[]
  readonly memory: Comparison[]
}

/** Estimates every row. Rows marked `exclude_from_stats` are left out. */
export function compare(rows: readonly PublishedRow[], efficiency?: Partial<Efficiency>): Comparisons {
  const time: Comparison[] = []
  const memory: Comparison[] = []
  for (const row of rows) {
    if (row.exclude_from_stats) continue
    const estimated = estimateRun(row, efficiency)
    const seconds = timeError(row, estimated)
    const source = sourceOf(row)
    if (seconds !== null) time.push({ id: row.id, source, error: seconds })
    const { peak_mem_bytes: bytes } = row.measured
    if (bytes) memory.push({ id: row.id, source, error: estimated.memoryBytes / bytes - 1 })
  }
  return { time, memory }
}

/**
 * A weight for each comparison, with sum 1: equal weights, except that no source has more than `most` in total. What is
 * taken from a source is given to the others; with fewer than 1 / `most` sources, all sources have the same weight.
 */
export function weights(comparisons: readonly Comparison[], most = 0.25): number[] {
  const counts = new Map<string, number>()
  for (const { source } of comparisons) counts.set(source, (counts.get(source) ?? 0) + 1)
  const share = new Map<string, number>()
  const cap = Math.max(most, 1 / counts.size)
  const capped = new Set<string>()
  for (;;) {
    const free = [...counts].filter(([source]) => !capped.has(source))
    const left = 1 - cap * capped.size
    const total = free.reduce((sum, [, count]) => sum + count, 0)
    let changed = false
    for (const [source, count] of free) {
      share.set(source, (left * count) / total)
      if ((left * count) / total > cap + 1e-12) {
        capped.add(source)
        share.set(source, cap)
        changed = true
      }
    }
    if (!changed) break
  }
  return comparisons.map(({ source }) => (share.get(source) as number) / (counts.get(source) as number))
}

/** Weighted quantile `at` (0 to 1) of the absolute errors. */
export function quantile(comparisons: readonly Comparison[], at: number, given = weights(comparisons)): number {
  const order = comparisons.map(({ error }, i) => [Math.abs(error), given[i]] as const).sort((a, b) => a[0] - b[0])
  let sum = 0
  for (const [error, weight] of order) {
    sum += weight
    if (sum >= at - 1e-12) return error
  }
  return order.at(-1)?.[0] ?? Number.NaN
}

/** Splits rows into random halves. They depend on the seed and not on the order of the rows. */
export function halves<T extends { readonly id: string }>(rows: readonly T[], seed: number): [fitted: T[], held: T[]] {
  const random = mulberry32(seed)
  const order = [...rows].sort((a, b) => (a.id < b.id ? -1 : 1))
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  const half = Math.ceil(order.length / 2)
  return [order.slice(0, half), order.slice(half)]
}

/** Bryc's mulberry32: uniform numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
