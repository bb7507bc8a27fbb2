// Optimizer state as JSON. For large states safetensors are better: leavesOf(state) names every array, mapTree puts
// them back.

import { leavesOf, mapTree } from '../arrays/tree.ts'
import { describeValue } from '../check.ts'

const dtypes = { float32: Float32Array, float64: Float64Array, bfloat16: Uint16Array } as const

/**
 * An array in JSON: the name of its format, and its bytes (little-endian) in base64, which keeps every bit, NaN and -0
 * included.
 */
export interface JsonArray {
  readonly dtype: keyof typeof dtypes
  readonly data: string
}

/**
 * A state, or any tree of typed arrays, as plain JSON by path: `{ 'expAvg.layers.0.w': { dtype, data }, ... }`.
 * @throws TypeError if a leaf is not a typed array (read array objects first, or save them as safetensors)
 * @example
 * ```ts
 * import { adamw, stateToJSON } from '@kumiki/optim'
 *
 * const json = stateToJSON(adamw().init({ w: Float32Array.of(1, 2) }))
 * console.log(json['expAvg.w']) // { dtype: 'float32', data: 'AAAAAAAAAAA=' }
 * ```
 */
export function stateToJSON(state: unknown): Record<string, JsonArray> {
  const json: Record<string, JsonArray> = {}
  for (const { path, leaf } of leavesOf(state)) {
    const dtype = (Object.keys(dtypes) as JsonArray['dtype'][]).find((name) => leaf instanceof dtypes[name])
    if (dtype === undefined)
      throw new TypeError(
        `stateToJSON: ${path} is ${describeValue(leaf)}; it must be a Float32Array, a Float64Array or bfloat16 codes. Read array objects first`,
      )
    Object.defineProperty(json, path, { value: { dtype, data: toBase64(leaf as Float32Array) }, enumerable: true })
  }
  return json
}

/**
 * The inverse of stateToJSON.
 * @param json from JSON.parse; it is validated before anything is decoded
 * @param like a state of the same structure, such as `optimizer.init(params)`; it is not changed
 * @throws TypeError or RangeError naming the array that is missing, of another format or of another length
 * @example
 * ```ts
 * import { adamw, stateFromJSON, stateToJSON } from '@kumiki/optim'
 *
 * const state = adamw().init({ w: Float32Array.of(1, 2) })
 * const again = stateFromJSON(JSON.parse(JSON.stringify(stateToJSON(state))), state)
 * console.log(again.expAvg.w) // Float32Array [0, 0]
 * ```
 */
export function stateFromJSON<S>(json: unknown, like: S): S {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new TypeError(`stateFromJSON: expected an object of arrays by path, got ${describeValue(json)}`)
  const known = new Set(leavesOf(like).map(({ path }) => path))
  for (const path of Object.keys(json))
    if (!known.has(path))
      throw new RangeError(
        `stateFromJSON: there is no ${path} in the optimizer's state; was it saved by another optimizer?`,
      )
  return mapTree(like, (leaf, path) => {
    const entry = Object.hasOwn(json, path) ? (json as Record<string, JsonArray>)[path] : undefined
    if (typeof entry !== 'object' || entry === null || typeof entry.data !== 'string')
      throw new TypeError(`stateFromJSON: ${path} must be { dtype, data }, got ${describeValue(entry)}`)
    const Type = Object.hasOwn(dtypes, entry.dtype) ? dtypes[entry.dtype] : undefined
    if (Type === undefined || !(leaf instanceof Type))
      throw new TypeError(
        `stateFromJSON: ${path} is ${describeValue(entry.dtype)} where the state has ${describeValue(leaf)}`,
      )
    const bytes = leaf.byteLength
    const wanted = Math.ceil(bytes / 3) * 4
    if (entry.data.length !== wanted)
      throw new RangeError(
        `stateFromJSON: ${path} has ${entry.data.length} characters where ${leaf.length} elements take ${wanted}`,
      )
    return new Type(fromBase64(entry.data, bytes, path))
  })
}

function toBase64(array: Float32Array | Float64Array | Uint16Array): string {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  let text = ''
  // Pieces of a multiple of 3 bytes, whose base64 has no padding.
  for (let at = 0; at < bytes.length; at += 24_576)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + 24_576)))
  return text
}

function fromBase64(text: string, length: number, path: string): ArrayBuffer {
  let decoded: string
  try {
    decoded = atob(text)
  } catch {
    throw new RangeError(`stateFromJSON: ${path} is not base64`)
  }
  if (decoded.length !== length)
    throw new RangeError(`stateFromJSON: ${path} holds ${decoded.length} bytes where the state has ${length}`)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = decoded.charCodeAt(i)
  return bytes.buffer
}
