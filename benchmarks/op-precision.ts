/**
 * Errors of ops on each backend: the largest error in units in the last place (ULP) of float32 over ranges of
 * arguments, and whether subnormal numbers are flushed to 0. With --write, replaces the tables of
 * docs/precision-of-ops.md.
 *
 *     node scripts/with-swiftshader.mjs node --conditions=source --import tsx benchmarks/op-precision.ts --write
 */
import { readFileSync, writeFileSync } from 'node:fs'
import * as k from '@kumiki/tensor'
import { type Device, init, type Tensor } from '@kumiki/tensor'
import { backendsOf, parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'

const { values } = parseArgs({
  options: {
    backends: { type: 'string', default: 'cpu,webgpu' },
    /** Number of arguments drawn from each range. */
    samples: { type: 'string', default: '40000' },
    write: { type: 'boolean', default: false },
  },
})
const samples = Number(values.samples)
const page = new URL('../docs/precision-of-ops.md', import.meta.url)

/** The unit in the last place (ULP) of float32 at x: 2^-149 for subnormal x, 2^104 where x exceeds the range. */
function unit(x: number): number {
  const size = Math.abs(Math.fround(x))
  if (size < 2 ** -126) return 2 ** -149
  if (!Number.isFinite(size)) return 2 ** 104
  return 2 ** (Math.floor(Math.log2(size)) - 23)
}

/** Uniform numbers from 0 to 1 by a seeded generator: every run measures the same arguments. */
function random(seed: number): () => number {
  let a = seed
  return () => {
    a = (Math.imul(a, 1664525) + 1013904223) >>> 0
    return a / 2 ** 32
  }
}

type Range = readonly [label: string, draw: (next: () => number) => number]
const between = (low: number, high: number): Range => [`${low} to ${high}`, (next) => low + next() * (high - low)]
/** Magnitudes from 10^low to 10^high, uniform in their logarithm; `sign` -1 draws either sign. */
const decades = (low: number, high: number, sign = 1): Range => [
  `${sign < 0 ? '±' : ''}1e${low} to 1e${high}`,
  (next) => (sign < 0 && next() < 0.5 ? -1 : 1) * 10 ** (low + next() * (high - low)),
]

const unary: Record<string, readonly [exact: (x: number) => number, ranges: readonly Range[]]> = {
  exp: [Math.exp, [between(-1, 1), between(-87, 88)]],
  log: [Math.log, [between(0.5, 2), decades(-37, 38)]],
  sqrt: [Math.sqrt, [decades(-37, 38)]],
  rsqrt: [(x) => 1 / Math.sqrt(x), [decades(-37, 38)]],
  square: [(x) => x * x, [decades(-18, 19, -1)]],
  sin: [Math.sin, [between(-4, 4), between(-4096, 4096), decades(4, 38, -1)]],
  cos: [Math.cos, [between(-4, 4), between(-4096, 4096), decades(4, 38, -1)]],
  tanh: [Math.tanh, [decades(-8, 0, -1), between(-20, 20)]],
  sigmoid: [(x) => 1 / (1 + Math.exp(-x)), [between(-8, 8), between(-80, 80)]],
  silu: [(x) => x / (1 + Math.exp(-x)), [between(-8, 8), between(-80, 80)]],
}
const binary: Record<string, readonly [exact: (a: number, b: number) => number, ranges: readonly Range[]]> = {
  add: [(a, b) => a + b, [decades(-30, 30, -1)]],
  mul: [(a, b) => a * b, [decades(-18, 18, -1)]],
  div: [(a, b) => a / b, [decades(-18, 18, -1)]],
}

interface Row {
  readonly op: string
  readonly range: string
  /**
   * Largest error on each device, in ULP of the exact result. Of sin and cos in units of 2^-24, whatever the result:
   * near their zeros an error relative to the result would say nothing.
   */
  readonly errors: number[]
}

async function elementwise(devices: readonly Device[]): Promise<Row[]> {
  const rows: Row[] = []
  const measure = async (op: string, range: Range, arity: 1 | 2, exact: (...x: number[]) => number) => {
    const next = random(7)
    const xs = Array.from({ length: arity }, () => Float32Array.from({ length: samples }, () => range[1](next)))
    const absolute = op === 'sin' || op === 'cos'
    const errors: number[] = []
    for (const device of devices) {
      const [first, ...others] = xs.map((x) => device.tensor(x))
      const got = await first[op as 'add'](...(others as [Tensor])).data()
      let worst = 0
      for (let i = 0; i < samples; i++) {
        const want = exact(...xs.map((x) => x[i]))
        if (Math.abs(want) < 2 ** -126) continue
        worst = Math.max(worst, Math.abs(got[i] - want) / (absolute ? 2 ** -24 : unit(want)))
      }
      errors.push(worst)
    }
    rows.push({ op, range: range[0], errors })
  }
  for (const [op, [exact, ranges]] of Object.entries(unary)) for (const r of ranges) await measure(op, r, 1, exact)
  for (const [op, [exact, ranges]] of Object.entries(binary)) for (const r of ranges) await measure(op, r, 2, exact)
  return rows
}

/**
 * Ops over rows of n elements: the largest error relative to the row's scale (its largest result unless the case has
 * another).
 */
async function overRows(devices: readonly Device[]): Promise<Row[]> {
  const next = random(11)
  const [rows, n] = [64, 1024]
  const x = Float32Array.from({ length: rows * n }, () => next() * 8 - 4)
  const w = Float32Array.from({ length: n }, () => next() + 0.5)
  const row = (i: number) => [...x.subarray(i * n, (i + 1) * n)]
  const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0)
  const cases: Record<
    string,
    readonly [
      f: (x: Tensor, w: Tensor) => Tensor,
      exact: (row: number[]) => number[],
      scale?: (row: number[]) => number,
    ]
  > = {
    sum: [(t) => k.sum(t, 1), (r) => [total(r)], (r) => total(r.map(Math.abs))],
    softmax: [
      (t) => k.softmax(t),
      (r) => {
        const s = total(r.map(Math.exp))
        return r.map((v) => Math.exp(v) / s)
      },
    ],
    logSumExp: [(t) => k.logSumExp(t), (r) => [Math.log(total(r.map(Math.exp)))]],
    rmsNorm: [
      (t, v) => k.rmsNorm(t, v),
      (r) => {
        const s = 1 / Math.sqrt(total(r.map((v) => v * v)) / n + 1e-5)
        return r.map((v, i) => v * s * w[i])
      },
    ],
    'matmul, K = 1024': [
      (t, v) => k.matmul(t, k.reshape(v, [n, 1])),
      (r) => [total(r.map((v, i) => v * w[i]))],
      (r) => total(r.map((v, i) => Math.abs(v * w[i]))),
    ],
  }
  const out: Row[] = []
  for (const [op, [f, exact, scaleOf]] of Object.entries(cases)) {
    const errors: number[] = []
    for (const device of devices) {
      const got = await f(device.tensor(x, [rows, n]), device.tensor(w)).data()
      let worst = 0
      for (let i = 0; i < rows; i++) {
        const want = exact(row(i))
        const scale = scaleOf?.(row(i)) ?? Math.max(...want.map(Math.abs))
        want.forEach((v, j) => {
          worst = Math.max(worst, Math.abs(got[i * want.length + j] - v) / scale)
        })
      }
      errors.push(worst)
    }
    out.push({ op, range: `rows of ${n}`, errors })
  }
  return out
}

/** Whether a device keeps subnormal arguments and results, or takes them as 0: one cell for each case. */
async function subnormals(device: Device): Promise<string[]> {
  const tiny = device.tensor([1e-40])
  const nonzero = async (t: Tensor) => ((await t.data())[0] === 0 ? '0' : 'kept')
  return [
    await nonzero(k.mul(tiny, 2)),
    await nonzero(k.mul(device.tensor([1e-30]), 1e-10)),
    await nonzero(k.exp(device.tensor([-88]))),
    (await k.greater(tiny, 0).data())[0] === 1 ? 'yes' : 'no',
  ]
}

const table = (head: readonly string[], body: readonly (readonly string[])[]): string => {
  const widths = head.map((h, i) => Math.max(h.length, ...body.map((row) => row[i].length)))
  const line = (row: readonly string[]) => `| ${row.map((c, i) => c.padEnd(widths[i])).join(' | ')} |`
  return [line(head), `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`, ...body.map(line)].join('\n')
}

const devices: Device[] = []
for (const backend of backendsOf(values.backends)) devices.push(await init({ backend }))
const names = devices.map((d) => d.name.replace(/, \d+ threads?/, ''))
const units = (x: number) => (x < 100 ? x.toFixed(1) : x.toExponential(1))
const elements = table(
  ['op', 'arguments', ...names],
  (await elementwise(devices)).map((r) => [r.op, r.range, ...r.errors.map(units)]),
)
const rows = table(
  ['op', 'over', ...names],
  (await overRows(devices)).map((r) => [r.op, r.range, ...r.errors.map((e) => e.toExponential(1))]),
)
const tiny = await Promise.all(devices.map(subnormals))
const subnormal = table(
  ['subnormal numbers', ...names],
  ['as an argument of mul', 'as a result of mul', 'as a result of exp', '1e-40 > 0'].map((what, i) => [
    what,
    ...tiny.map((t) => t[i]),
  ]),
)
const made = `Measured on ${processorName()}, with ${samples.toLocaleString('en')} arguments per range.

${elements}

${rows}

${subnormal}
`
console.log(made)
if (values.write) {
  const text = readFileSync(page, 'utf8')
  const [before, after] = [text.indexOf('<!-- measured -->'), text.indexOf('<!-- end -->')]
  writeFileSync(page, `${text.slice(0, before)}<!-- measured -->\n\n${made}\n${text.slice(after)}`)
}
for (const d of devices) d.dispose()
process.exit(0)
