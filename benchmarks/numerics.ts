/**
 * Conversions between number formats on 2^22 values: time relative to copying the float32 array, and relative to
 * @petamoriken/float16. Results are checked first; then each round times every row. See packages/numerics/README.md.
 *
 *     node --conditions=source --import tsx benchmarks/numerics.ts --rounds 9 --json
 */
import { decode, decodeArray, encodeArray, encodeWords, type FormatName, roundArray } from '@kumiki/numerics'
import { Float16Array, f16round, getFloat16, setFloat16 } from '@petamoriken/float16'
import { countOf, parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    /** JSON lines on stdout; the table goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const rounds = countOf('rounds', options.rounds)

const n = 2 ** 22
const source = gaussian(n)
const values = new Float32Array(n)
const codes8 = new Uint8Array(n)
const codes16 = new Uint16Array(n)
const words = new Uint32Array(n / 4)
const view = new DataView(new ArrayBuffer(2 * n))
const library = new Float16Array(n)
const stored = {
  bfloat16: encodeArray('bfloat16', source),
  float16: encodeArray('float16', source),
  float8_e4m3fn: encodeArray('float8_e4m3fn', source),
  float8_e5m2: encodeArray('float8_e5m2', source),
}

interface Row {
  readonly name: string
  readonly run: () => void
  /** The row that this one is compared with, besides the copy. */
  readonly against?: string
}

const copy = 'copy 2^22 float32'
const rows: Row[] = [
  { name: copy, run: () => values.set(source) },
  { name: 'bfloat16 encode', run: () => encodeArray('bfloat16', source, codes16) },
  { name: 'bfloat16 decode', run: () => decodeArray('bfloat16', stored.bfloat16, values) },
  { name: 'bfloat16 round trip', run: () => roundArray('bfloat16', source, values) },
  { name: 'float8_e4m3fn encode', run: () => encodeArray('float8_e4m3fn', source, codes8) },
  { name: 'float8_e4m3fn decode', run: () => decodeArray('float8_e4m3fn', stored.float8_e4m3fn, values) },
  { name: 'float8_e4m3fn into words', run: () => encodeWords('float8_e4m3fn', source, words) },
  { name: 'float8_e5m2 encode', run: () => encodeArray('float8_e5m2', source, codes8) },
  { name: 'float8_e5m2 decode', run: () => decodeArray('float8_e5m2', stored.float8_e5m2, values) },
  { name: 'float16 encode', run: () => encodeArray('float16', source, codes16) },
  { name: 'float16 decode', run: () => decodeArray('float16', stored.float16, values) },
  { name: 'float16 round trip', run: () => roundArray('float16', source, values) },
  {
    name: '@petamoriken/float16 setFloat16',
    against: 'float16 encode',
    run() {
      for (let i = 0; i < n; i++) setFloat16(view, 2 * i, source[i], true)
    },
  },
  {
    name: '@petamoriken/float16 getFloat16',
    against: 'float16 decode',
    run() {
      for (let i = 0; i < n; i++) values[i] = getFloat16(view, 2 * i, true)
    },
  },
  {
    name: '@petamoriken/float16 f16round',
    against: 'float16 round trip',
    run() {
      for (let i = 0; i < n; i++) values[i] = f16round(source[i])
    },
  },
  { name: '@petamoriken/float16 Float16Array.set', against: 'float16 encode', run: () => library.set(source) },
  {
    name: '@petamoriken/float16 from Float16Array',
    against: 'float16 decode',
    run: () => values.set(library),
  },
]

check()
const times = new Map(rows.map((row) => [row.name, [] as number[]]))
for (let round = -2; round < rounds; round++)
  for (const { name, run } of rows) {
    // Two warm-up rounds; the library's rows run long enough without them.
    if (round < 0 && name.startsWith('@')) continue
    const start = performance.now()
    run()
    const elapsed = performance.now() - start
    if (round >= 0) times.get(name)!.push(elapsed)
  }

const common = { benchmark: 'numerics', ...provenance(['numerics']), adapter: processorName(), values: n }
const table = [['', 'median ms', 'best ms', 'times the copy', 'best', 'against it, ours is faster by']]
for (const { name, against } of rows) {
  const own = times.get(name)!
  const copies = medianOf(own) / medianOf(times.get(copy)!)
  const copiesBest = Math.min(...own) / Math.min(...times.get(copy)!)
  const faster = against === undefined ? undefined : medianOf(own) / medianOf(times.get(against)!)
  table.push([
    name,
    medianOf(own).toFixed(2),
    Math.min(...own).toFixed(2),
    copies.toFixed(2),
    copiesBest.toFixed(2),
    faster === undefined ? '' : `${faster.toFixed(1)}x (${against})`,
  ])
  if (options.json)
    console.log(
      JSON.stringify({
        ...common,
        row: name,
        milliseconds: { median: digits(medianOf(own)), best: digits(Math.min(...own)), rounds: own.map(digits) },
        timesTheCopy: { ofMedians: digits(copies), ofBest: digits(copiesBest) },
        ...(faster === undefined ? {} : { fasterThanThis: { row: against, ofMedians: digits(faster) } }),
      }),
    )
}
const widths = table[0].map((_, c) => Math.max(...table.map((row) => row[c].length)))
const print = options.json ? console.error : console.log
print(`${common.adapter}, load ${common.loadAverage}, Node ${common.node}, commit ${common.commit.slice(0, 12)}`)
for (const row of table) print(row.map((s, c) => (c === 0 ? s.padEnd(widths[c]) : s.padStart(widths[c]))).join('  '))

/** Checks the results of all rows; ends the process if one is wrong. */
function check(): void {
  for (const name of ['bfloat16', 'float8_e4m3fn', 'float8_e5m2', 'float16'] as const) {
    const back = decodeArray(name, stored[name])
    const rounded = roundArray(name, source)
    for (let i = 0; i < n; i++) if (!Object.is(back[i], rounded[i])) fail(name, i, back[i], rounded[i])
    for (let i = 0; i < n; i += 1009)
      if (!isNearest(name, stored[name][i], source[i])) fail(name, i, back[i], source[i])
  }
  const packed = new Uint8Array(encodeWords('float8_e4m3fn', source).buffer)
  for (let i = 0; i < n; i++) if (packed[i] !== stored.float8_e4m3fn[i]) fail('words', i, packed[i], source[i])
  library.set(source)
  for (let i = 0; i < n; i++) {
    setFloat16(view, 2 * i, source[i], true)
    const theirs = f16round(source[i])
    if (view.getUint16(2 * i, true) !== stored.float16[i]) fail('float16', i, stored.float16[i], theirs)
  }
  if (new Uint16Array(library.buffer).some((code, i) => code !== stored.float16[i])) fail('Float16Array', -1, 0, 0)
}

/** Whether neither adjacent code has a value nearer to x than the code's own. */
function isNearest(format: FormatName, code: number, x: number): boolean {
  const error = Math.abs(decode(format, code) - x)
  return [code - 1, code + 1].every((c) => c < 0 || !(Math.abs(decode(format, c) - x) < error))
}

function fail(what: string, index: number, got: number, wanted: number): never {
  console.error(`${what}: value ${index} is ${got}, expected ${wanted}`)
  process.exit(1)
}

/** Standard normal numbers: the Box-Muller transform of a linear congruential generator. */
function gaussian(count: number): Float32Array {
  let state = 7
  const uniform = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) + 0.5) / 2 ** 32
  return new Float32Array(count).map(() => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()))
}

function digits(x: number): number {
  return Number(x.toPrecision(4))
}
