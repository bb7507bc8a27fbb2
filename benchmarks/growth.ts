/**
 * Time and peak memory as functions of size: sequence length, vocabulary, layers, context, parameters, experts. If time
 * grows faster than the FLOPs, or memory faster than the size, the exit code is 1. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/growth.ts --json --svg growth.svg
 */
import { renameSync, writeFileSync } from 'node:fs'
import { growthCharts } from '@kumiki/report'
import { backendsOf, countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'
import { curves } from './growth/curves.ts'
import { allowed, type Measured, measureCurve } from './growth/measure.ts'
import { slopeOf } from './growth/verdict.ts'
import { table } from './kernels/report.ts'

const { values } = parseArgs({
  options: {
    /** cpu, webgpu, or both. */
    backends: { type: 'string', default: 'cpu' },
    /** A regular expression for names of curves. */
    curves: { type: 'string', default: '' },
    /** Sizes instead of the curve's own, separated by commas. */
    sizes: { type: 'string' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    /** An SVG file for charts of the curves. */
    svg: { type: 'string' },
    /** JSON lines on stdout; everything else goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const rounds = countOf('rounds', values.rounds)
const threads = countOf('threads', values.threads)
const sizes = values.sizes?.split(',').map((text) => countOf('sizes', text))
const wanted = new RegExp(values.curves)
const chosen = curves.filter((curve) => wanted.test(curve.name))
if (chosen.length === 0)
  throw new RangeError(`--curves: ${values.curves} matches none of ${curves.map((c) => c.name).join('; ')}`)

const from = provenance(['tensor', 'models', 'optim', 'train'])
const print = values.json ? console.error : console.log
const measured: Measured[] = []
for (const backend of backendsOf(values.backends)) {
  for (const curve of chosen) {
    const m = await measureCurve(curve, backend, { rounds, threads, sizes })
    measured.push(m)
    if (values.json) console.log(JSON.stringify(lineOf(m)))
    print(`\n${readable(m)}`)
  }
}
if (values.svg) {
  // Renamed into place, so that a reader never sees an incomplete file.
  writeFileSync(`${values.svg}.part`, growthCharts(measured))
  renameSync(`${values.svg}.part`, values.svg)
}
if (measured.some((m) => m.time.bends || m.memory.bends)) process.exitCode = 1

function lineOf({ curve, backend, adapter, clock, seconds, time, memory }: Measured) {
  const points = time.points.map((p, i) => ({
    size: p.size,
    flops: p.work,
    seconds: { best: rounded(p.cost), median: rounded(medianOf(seconds[i])) },
    exponent: rounded(p.exponent),
    bend: rounded(p.bend),
    peakBytes: memory.points[i].cost,
    memoryExponent: rounded(memory.points[i].exponent),
  }))
  const verdict = { timeBends: time.bends, worstBend: rounded(time.worst.bend), memoryBends: memory.bends, allowed }
  return {
    kind: 'growth',
    ...{ curve: curve.name, axis: curve.axis, backend, adapter, clock, rounds },
    ...{ slope: rounded(slopeOf(time)), memorySlope: rounded(slopeOf(memory)), points, verdict },
    ...(backend === 'cpu' ? { threads } : {}),
    ...from,
  }
}

function readable({ curve, backend, adapter, seconds, time, memory }: Measured): string {
  const rows = time.points.map((p, i) => {
    const peak = memory.points[i]
    return [
      String(p.size),
      (p.cost * 1e3).toPrecision(4),
      (medianOf(seconds[i]) * 1e3).toPrecision(4),
      (p.work / p.cost / 1e9).toPrecision(3),
      p.exponent?.toFixed(2) ?? '',
      p.bend?.toFixed(2) ?? '',
      (peak.cost / 1e6).toFixed(2),
      peak.exponent?.toFixed(2) ?? '',
    ]
  })
  const head = [curve.axis, 'best ms', 'median ms', 'GFLOP/s', 'exponent', 'bend', 'peak MB', 'exponent']
  const verdict = time.bends
    ? `BENDS: a FLOP at ${time.worst.size} costs ${time.worst.bend!.toFixed(2)} times what it costs at a smaller size (allowed: ${allowed.time})`
    : `grows no worse than its FLOPs (a FLOP costs at most ${time.worst.bend!.toFixed(2)} times what it costs at a smaller size)`
  const held = memory.bends
    ? `BENDS: at ${memory.worst.size} ${memory.worst.bend!.toFixed(2)} times the bytes a unit of a smaller size`
    : 'grows no worse than the size'
  return `${curve.name} (${backend}: ${adapter})\n\n${table([head, ...rows])}\n\ntime ${verdict}\npeak memory ${held}`
}

function rounded(x: number | undefined): number | undefined {
  return x === undefined ? undefined : Number(x.toPrecision(4))
}
