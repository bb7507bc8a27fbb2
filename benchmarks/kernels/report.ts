/** Measurements as JSON lines and as tables. */
import type { Provenance } from '../common/provenance.ts'
import { medianOf } from '../common/statistics.ts'
import type { KernelCase } from './cases.ts'
import type { Measurement } from './measure.ts'

export interface Timing {
  readonly milliseconds: { readonly median: number; readonly best: number; readonly rounds: readonly number[] }
  readonly gflops?: { readonly median: number; readonly best: number }
}

export function timingOf(c: KernelCase, seconds: readonly number[]): Timing {
  const median = medianOf(seconds)
  const best = Math.min(...seconds)
  return {
    milliseconds: { median: milliseconds(median), best: milliseconds(best), rounds: seconds.map(milliseconds) },
    ...(c.flops ? { gflops: { median: rate(c.flops / median), best: rate(c.flops / best) } } : {}),
  }
}

interface Ratio {
  readonly ofMedians: number
  /** Smallest and largest within one round. */
  readonly ofRounds: readonly [number, number]
}

/** Speed of Kumiki relative to the peer: above 1 where Kumiki is faster. */
export function ratioOf({ kumiki, theirs }: Measurement): Ratio {
  const ratios = kumiki.map((ours, round) => theirs[round] / ours)
  return {
    ofMedians: rounded(medianOf(theirs) / medianOf(kumiki)),
    ofRounds: [rounded(Math.min(...ratios)), rounded(Math.max(...ratios))],
  }
}

export function jsonLine(m: Measurement, from: Provenance, version: string): string {
  return JSON.stringify({
    benchmark: 'kernels',
    ...from,
    loadAverageAfter: m.loadAverage,
    adapter: m.adapter,
    case: m.case.name,
    backend: m.backend,
    ...(m.threads ? { threads: m.threads } : {}),
    kumiki: timingOf(m.case, m.kumiki),
    [m.peer]: { version, ...timingOf(m.case, m.theirs) },
    ratio: ratioOf(m),
    largestDifference: m.largestDifference,
  })
}

export function readable(measurements: readonly Measurement[], from: Provenance): string {
  const rows = measurements.map((m) => {
    const ratio = ratioOf(m)
    return [
      m.case.name,
      m.threads ? String(m.threads) : '',
      ...cells(timingOf(m.case, m.kumiki)),
      ...cells(timingOf(m.case, m.theirs)),
      `${ratio.ofMedians.toFixed(2)} (${ratio.ofRounds.map((r) => r.toFixed(2)).join(' to ')})`,
    ]
  })
  const changed = from.modified.length ? `, files modified since: ${from.modified.length}` : ''
  const load = `load average ${from.loadAverage}`
  return [
    `${measurements[0].adapter}, Node ${from.node}, commit ${from.commit.slice(0, 12)}${changed}, ${load}`,
    table([
      [
        '',
        'threads',
        'Kumiki ms',
        'best',
        'GFLOP/s',
        `${measurements[0].peer} ms`,
        'best',
        'GFLOP/s',
        'times as fast (rounds)',
      ],
      ...rows,
    ]),
  ].join('\n')
}

export function cells({ milliseconds, gflops }: Timing): string[] {
  return [
    milliseconds.median.toFixed(2),
    milliseconds.best.toFixed(2),
    gflops ? gflops.median.toFixed(gflops.median < 100 ? 1 : 0) : '',
  ]
}

/** A table as text: the first column aligned to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) => row.map((cell, i) => (i ? cell.padStart(widths[i] + 2) : cell.padEnd(widths[i]))).join(''))
    .join('\n')
}

const milliseconds = (seconds: number) => Number((seconds * 1e3).toPrecision(4))
const rate = (flopsPerSecond: number) => Number((flopsPerSecond / 1e9).toPrecision(4))
const rounded = (x: number) => Number(x.toFixed(3))
