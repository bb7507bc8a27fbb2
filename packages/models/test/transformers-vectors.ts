/**
 * The models of vectors/transformers: weights by the formula of make_transformers.py, files written by Transformers.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const folder = new URL('../vectors/transformers/', import.meta.url)

export interface WeightFile {
  readonly header: string
  readonly bytes: number
  readonly sha256: string
}

/** Norm, product with a formula's vector, first and last element. */
export type Projection = readonly number[]

export interface Vector {
  readonly name: string
  /** [2, 20, 40] */
  readonly logits: Float32Array
  readonly single: Readonly<Record<string, WeightFile | object>>
  readonly sharded: Readonly<Record<string, WeightFile | object>>
  readonly loss: number
  readonly gradients: Readonly<Record<string, Projection>>
  readonly losses: readonly number[]
  readonly trained: Readonly<Record<string, Projection>>
}

export const vectorNames = readdirSync(folder)
  .filter((file) => file.endsWith('.json') && file !== 'checked.json')
  .map((file) => file.slice(0, -5))

export function readVector(name: string): Vector {
  const json = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
  const logits = Uint8Array.from(Buffer.from(json.logits, 'base64'))
  return { ...json, name, logits: new Float32Array(logits.buffer) }
}

/** Integers from -128 to 127: FNV-1a of the name, then Murmur's finalizer of it and the position. */
export function bits(name: string, count: number, salt = 0): Int32Array {
  let seed = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193) >>> 0
  return Int32Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 0x9e3779b1) + seed + salt) >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0
    return ((x ^ (x >>> 16)) >>> 24) - 128
  })
}

/** @param unit norms multiply by 1 + weight */
export function formulaWeights(name: string, count: number, unit: boolean): Float32Array {
  const norm = name.endsWith('norm.weight')
  const scale = name.includes('embed_tokens') ? 0.5 : 0.25
  return Float32Array.from(bits(name, count), (k) => (norm ? (k >> 1) / 128 + (unit ? 0 : 1) : (k / 128) * scale))
}

export const vectorTokens = (): Int32Array => bits('tokens', 40).map((k) => ((k % 40) + 40) % 40)

export function projectionOf(name: string, values: ArrayLike<number>): Projection {
  const other = bits(name, values.length, 7)
  let square = 0
  let product = 0
  for (let i = 0; i < values.length; i++) {
    square += values[i] ** 2
    product += (values[i] * other[i]) / 128
  }
  return [Math.sqrt(square), product, values[0], values[values.length - 1]]
}

/** Little-endian codes of values that are exact in each of the formats. */
function encoded(values: Float32Array, dtype: string): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer)
  const words = new Uint32Array(values.buffer)
  const half = (x: number) =>
    x << 1 === 0 ? x >>> 16 : ((x >>> 16) & 0x8000) | ((((x >>> 23) & 255) - 112) << 10) | ((x >>> 13) & 1023)
  return new Uint8Array(Uint16Array.from(words, dtype === 'BF16' ? (x) => x >>> 16 : half).buffer)
}

/**
 * The bytes that were written in Python: the header, and weights by a formula of name and count.
 * @throws where they are not what was written
 */
export function rebuild(
  { header, bytes, sha256 }: WeightFile,
  weights: (name: string, count: number) => Float32Array,
): Uint8Array {
  const text = new TextEncoder().encode(header)
  const file = new Uint8Array(bytes)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  const { __metadata__: _, ...tensors } = JSON.parse(header)
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [at],
    },
  ] of Object.entries<any>(tensors)) {
    const count = shape.reduce((a: number, b: number) => a * b, 1)
    file.set(encoded(weights(name, count), dtype), 8 + text.length + at)
  }
  const hash = createHash('sha256').update(file).digest('hex')
  if (hash !== sha256) throw new Error(`rebuilt file has SHA-256 ${hash}, it should be ${sha256}`)
  return file
}

/** Writes one of the vector's folders, byte for byte as Transformers did (weights; the JSON files by their values). */
export async function writeVectorFolder(vector: Vector, kind: 'single' | 'sharded', path: string): Promise<string> {
  await mkdir(path, { recursive: true })
  for (const [file, content] of Object.entries(vector[kind]))
    await writeFile(
      join(path, file),
      'header' in content
        ? rebuild(content, (name, count) => formulaWeights(name, count, vector.name.startsWith('gemma')))
        : JSON.stringify(content),
    )
  return path
}
