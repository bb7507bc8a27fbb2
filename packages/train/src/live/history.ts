/** A run's metrics in bounded memory: buckets of steps, whose width doubles as the run grows. */

/** A part of the history as it is sent; missing values are null. */
export interface HistoryPart {
  /** Steps per bucket. */
  readonly stride: number
  /** Index of the first bucket sent. */
  readonly from: number
  /** The last step of each bucket. */
  readonly steps: readonly number[]
  /** By metric: mean, minimum and maximum of each bucket. */
  readonly series: Readonly<Record<string, readonly (readonly [number, number, number] | null)[]>>
}

interface Bucket {
  step: number
  count: number
  readonly figures: Map<string, Summary>
}

interface Summary {
  sum: number
  count: number
  low: number
  high: number
}

/** Limit of metrics by name; further ones are dropped. */
const maxSeries = 48

export class History {
  private readonly capacity: number
  private buckets: Bucket[] = []
  private readonly names = new Set<string>()
  /** Increases when buckets are merged or removed, which invalidates earlier indices. */
  version = 0
  stride = 1

  /** @param capacity maximum number of buckets, even; the default of 2,000 exceeds the columns of most screens */
  constructor(capacity = 2000) {
    if (!Number.isInteger(capacity) || capacity < 2 || capacity % 2 !== 0)
      throw new RangeError(`History: capacity must be an even integer of at least 2, got ${capacity}`)
    this.capacity = capacity
  }

  get length(): number {
    return this.buckets.length
  }

  push(step: number, figures: Readonly<Record<string, number | undefined>>): void {
    let bucket = this.buckets.at(-1)
    if (!bucket || bucket.count >= this.stride) {
      if (this.buckets.length >= this.capacity) this.halve()
      bucket = this.buckets.at(-1)
      if (!bucket || bucket.count >= this.stride) {
        bucket = { step, count: 0, figures: new Map() }
        this.buckets.push(bucket)
      }
    }
    bucket.step = step
    bucket.count++
    for (const [name, value] of Object.entries(figures)) {
      if (value === undefined || !Number.isFinite(value)) continue
      if (!this.names.has(name)) {
        if (this.names.size >= maxSeries) continue
        this.names.add(name)
      }
      add(bucket.figures, name, { sum: value, count: 1, low: value, high: value })
    }
  }

  /** Drops the steps after a step to which the run went back. */
  rewind(step: number): void {
    this.buckets = this.buckets.filter((bucket) => bucket.step <= step)
    this.version++
  }

  /** The buckets from an index on. The last one may be incomplete. */
  part(from = 0): HistoryPart {
    const buckets = this.buckets.slice(from)
    const series = Object.fromEntries(
      [...this.names].map((name) => [
        name,
        buckets.map(({ figures }) => {
          const found = figures.get(name)
          return found ? ([short(found.sum / found.count), short(found.low), short(found.high)] as const) : null
        }),
      ]),
    )
    return { stride: this.stride, from, steps: buckets.map(({ step }) => step), series }
  }

  private halve(): void {
    const merged: Bucket[] = []
    for (let i = 0; i < this.buckets.length; i += 2) {
      const [a, b] = [this.buckets[i], this.buckets[i + 1]]
      if (b) {
        a.step = b.step
        a.count += b.count
        for (const [name, summary] of b.figures) add(a.figures, name, summary)
      }
      merged.push(a)
    }
    this.buckets = merged
    this.stride *= 2
    this.version++
  }
}

function add(figures: Map<string, Summary>, name: string, more: Summary): void {
  const found = figures.get(name)
  if (!found) {
    figures.set(name, { ...more })
    return
  }
  found.sum += more.sum
  found.count += more.count
  found.low = Math.min(found.low, more.low)
  found.high = Math.max(found.high, more.high)
}

/** Seven digits are more than a chart shows; fewer bytes are sent. */
const short = (value: number) => Number(value.toPrecision(7))
