/**
 * Encodes all 2^32 float32 values and compares hashes of the codes with those that ml_dtypes gives (vectors/sweep.json,
 * made by vectors/sweep.py). From the root of the repository:
 *
 *     node --conditions=source --import tsx packages/numerics/test/sweep.ts
 *     node scripts/with-swiftshader.mjs \
 *       node --conditions=source --import tsx packages/numerics/test/sweep.ts --on webgpu --slices 3,4
 *
 * A slice is 2^28 ascending bit patterns; there are 16, 0 to 7 positive. --on cpu (default), cpu-scalar (without SIMD)
 * or webgpu; --formats names; --slices numbers.
 */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeNearest } from '../src/encode.ts'
import { codesPerWord, encodeArray, type FormatName, formatOf } from '../src/index.ts'
import { wgslEncode, wgslEncodeName, wgslEncodeWord } from '../src/wgsl.ts'
import sweep from '../vectors/sweep.json' with { type: 'json' }
import { type Adapter, openAdapter } from './adapter.ts'

export const sweptFormats = [
  'bfloat16',
  'float8_e4m3fn',
  'float8_e5m2',
  'float8_e4m3fnuz',
  'float8_e5m2fnuz',
  'float8_e3m4',
] as const
type Swept = (typeof sweptFormats)[number]

export const sweptModes = (format: Swept) => Object.keys(sweep.hashes[format]) as ('overflow' | 'saturate')[]

export function expectedHash(format: Swept, mode: string, slice: number): string {
  return (sweep.hashes[format] as Record<string, string[]>)[mode][slice]
}

export function expectedSamples(format: Swept, mode: string): string {
  return (sweep.samples[format] as Record<string, string>)[mode]
}

const sliceLength = 2 ** 28
const pieceLength = 2 ** 20
const [sampleCount, sampleStride] = [2 ** 25, 129]

/** SHA-256 of the codes of bit patterns `first + i * stride`, by encodeArray, or by its loop without SIMD. */
function hashOf(format: FormatName, saturate: boolean, first: number, count: number, stride: number, simd: boolean) {
  const bits = new Uint32Array(pieceLength)
  const floats = new Float32Array(bits.buffer)
  const codes = encodeArray(format, floats)
  const hash = createHash('sha256')
  for (let start = 0; start < count; start += pieceLength) {
    for (let i = 0; i < pieceLength; i++) bits[i] = first + (start + i) * stride
    if (simd) encodeArray(format, floats, codes, { saturate })
    else encodeNearest(formatOf(format), floats, codes, saturate)
    hash.update(codes)
  }
  return hash.digest('hex')
}

export function sliceOnCpu(format: FormatName, saturate: boolean, slice: number, simd = true): string {
  return hashOf(format, saturate, slice * sliceLength, sliceLength, 1, simd)
}

/** Of 2^25 bit patterns that pass through all exponents of both signs. */
export function samplesOnCpu(format: FormatName, saturate: boolean): string {
  return hashOf(format, saturate, 0, sampleCount, sampleStride, true)
}

/** Packed codes of `count` ascending bit patterns from `start`, by the shader. `count` is a multiple of 4. */
export function encodeOnAdapter(
  adapter: Adapter,
  format: FormatName,
  saturate: boolean,
  start: number,
  count: number,
): Promise<Uint32Array> {
  const n = codesPerWord(format)
  const values = Array.from({ length: n }, (_, k) => `bitcast<f32>(first + ${k}u)`).join(', ')
  const name = wgslEncodeName(format, { saturate }).replace('encode', 'encode_word')
  return adapter.run(
    wgslEncode(format, { saturate }) + wgslEncodeWord(format, { saturate }),
    `let first = source[0] + ${n}u * i;\nresult[i] = ${name}(array<f32, ${n}>(${values}));`,
    Uint32Array.of(start),
    count / n,
  )
}

/** SHA-256 of the codes of a slice, by the shader. */
export async function sliceOnAdapter(
  adapter: Adapter,
  format: FormatName,
  saturate: boolean,
  slice: number,
): Promise<string> {
  const hash = createHash('sha256')
  const length = 2 ** 24
  for (let start = slice * sliceLength; start < (slice + 1) * sliceLength; start += length)
    hash.update(await encodeOnAdapter(adapter, format, saturate, start, length))
  return hash.digest('hex')
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      on: { type: 'string', default: 'cpu' },
      formats: { type: 'string', default: sweptFormats.join() },
      slices: { type: 'string', default: Array.from({ length: 16 }, (_, i) => i).join() },
    },
  })
  if (!['cpu', 'cpu-scalar', 'webgpu'].includes(values.on))
    throw new RangeError(`--on: cpu, cpu-scalar or webgpu, got ${values.on}`)
  const formats = values.formats.split(',').map((name) => {
    const format = sweptFormats.find((f) => f === name)
    if (format === undefined) throw new RangeError(`--formats: some of ${sweptFormats.join()}, got ${name}`)
    return format
  })
  const slices = values.slices.split(',').map(Number)
  if (slices.some((s) => !Number.isInteger(s) || s < 0 || s > 15))
    throw new RangeError(`--slices: numbers from 0 to 15, got ${values.slices}`)
  const adapter = values.on === 'webgpu' ? await openAdapter() : undefined
  let failed = 0
  for (const format of formats)
    for (const mode of sweptModes(format)) {
      const from = performance.now()
      const wrong: number[] = []
      for (const slice of slices) {
        const saturate = mode === 'saturate'
        const hash = adapter
          ? await sliceOnAdapter(adapter, format, saturate, slice)
          : sliceOnCpu(format, saturate, slice, values.on === 'cpu')
        if (hash !== expectedHash(format, mode, slice)) wrong.push(slice)
      }
      failed += wrong.length
      const seconds = Number(((performance.now() - from) / 1000).toFixed(1))
      console.log(
        JSON.stringify({
          format,
          mode,
          on: adapter?.name ?? values.on,
          values: slices.length * sliceLength,
          seconds,
          agrees: wrong.length === 0,
          wrong,
        }),
      )
    }
  adapter?.close()
  process.exit(failed === 0 ? 0 : 1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
