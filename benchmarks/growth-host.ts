/**
 * Processor time as a function of size for the work of the host: tokens, documents, parameters, GPUs of a plan, traced
 * layers, steps, points, runs. If the time of a curve grows faster than its work, the exit code is 1. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/growth-host.ts --json --svg growth-host.svg
 */
import { renameSync, writeFileSync } from 'node:fs'
import { type LineChart, lineCharts } from '@kumiki/report'
import { countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { dataCurves } from './growth/data-curves.ts'
import { type HostCurve, hostCurves } from './growth/host-curves.ts'
import { libraryCurves } from './growth/library-curves.ts'
import { type CurveVerdict, judge, slopeOf } from './growth/verdict.ts'
import { table } from './kernels/report.ts'

/**
 * Most that a unit of work may cost, relative to its cost at the best smaller size. Above 1 because larger data no
 * longer fits the caches.
 */
const allowed = 1.5

const { values } = parseArgs({
  options: {
    /** A regular expression for packages and names of curves. */
    curves: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    svg: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = countOf('rounds', values.rounds)
const wanted = new RegExp(values.curves)
const from = provenance([
  ...['tokenizer', 'data', 'numerics', 'optim', 'planner'],
  ...['tensor', 'models', 'train', 'report', 'ablation'],
])
const print = values.json ? console.error : console.log

const measured: { curve: HostCurve; verdict: CurveVerdict; slope: number }[] = []
for (const curve of [...hostCurves, ...dataCurves, ...libraryCurves]) {
  if (!wanted.test(`${curve.package}: ${curve.name}`)) continue
  const { name, axis, expected, bends } = curve
  const verdict = judge(await pointsOf(curve), bends?.allowed ?? allowed)
  const slope = rounded(slopeOf(verdict))!
  const points = verdict.points.map((p) => ({ ...p, exponent: rounded(p.exponent), bend: rounded(p.bend) }))
  if (values.json) {
    const line = { kind: 'growth-host', package: curve.package, curve: name, axis, expected, slope, rounds, points }
    const judged = { bends: verdict.bends, allowed: bends?.allowed ?? allowed, ...(bends && { why: bends.why }) }
    console.log(JSON.stringify({ ...line, ...judged, ...from }))
  }
  const rows = verdict.points.map((p) => [
    p.size.toLocaleString('en'),
    (p.cost * 1e3).toPrecision(4),
    p.exponent?.toFixed(2) ?? '',
    p.bend?.toFixed(2) ?? '',
  ])
  print(
    `\n${curve.package}: ${name} (expected: ${expected}; slope against that ${slope}${verdict.bends ? '; BENDS' : ''})\n\n${table([[axis, 'best ms', 'exponent', 'bend'], ...rows])}`,
  )
  measured.push({ curve, verdict, slope })
}
if (values.svg) {
  writeFileSync(`${values.svg}.part`, lineCharts(measured.map(chartOf), { columns: 4 }))
  renameSync(`${values.svg}.part`, values.svg)
}
if (measured.some(({ verdict }) => verdict.bends)) process.exitCode = 1

/**
 * Processor time of the fastest round for every size; each round runs all sizes. Other processes on the machine affect
 * elapsed time, and processor time hardly.
 */
async function pointsOf(curve: HostCurve) {
  const ready: { size: number; run: () => unknown; calls: number; best: number }[] = []
  for (const size of curve.sizes) {
    const run = await curve.prepare(size)
    // The first call compiles.
    await spent(run, 1)
    const calls = Math.max(1, Math.ceil(0.05 / Math.max(1e-6, await spent(run, 1))))
    ready.push({ size, run, calls, best: Number.POSITIVE_INFINITY })
  }
  for (let round = 0; round < rounds; round++) {
    for (const one of ready) one.best = Math.min(one.best, await spent(one.run, one.calls))
  }
  return ready.map(({ size, best }) => ({ size, work: curve.work(size), cost: best }))
}

async function spent(run: () => unknown, calls: number): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < calls; i++) await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6 / calls
}

function chartOf({ curve, verdict: { points }, slope }: (typeof measured)[number]): LineChart {
  const least = Math.min(...points.map(({ cost, work }) => cost / work))
  return {
    title: `${curve.package}: ${curve.name}`,
    xLabel: curve.axis,
    yLabel: 'processor seconds',
    xScale: 'log',
    yScale: 'log',
    lines: [
      { label: `slope ${slope}`, color: 0, dots: true, points: points.map(({ size, cost }) => [size, cost] as const) },
      {
        label: curve.expected,
        color: 0,
        dashed: true,
        points: points.map(({ size, work }) => [size, work * least] as const),
      },
    ],
  }
}

function rounded(x: number | undefined): number | undefined {
  return x === undefined ? undefined : Number(x.toPrecision(3))
}
