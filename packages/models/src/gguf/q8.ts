/** Q8_0: blocks of a float16 scale and 32 signed bytes. @see ggml-quants.c `quantize_row_q8_0_ref` */
const block = 32
const blockBytes = 34

/** Quantizes to Q8_0. @param values their number must be a multiple of 32 */
export function encodeQ8(values: Float32Array): Uint8Array {
  const out = new Uint8Array((values.length / block) * blockBytes)
  const view = new DataView(out.buffer)
  for (let b = 0; b < values.length / block; b++) {
    let largest = 0
    for (let i = 0; i < block; i++) largest = Math.max(largest, Math.abs(values[b * block + i]))
    // Both in float32, as in ggml, so that the bytes are identical.
    const scale = Math.fround(largest / 127)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    view.setUint16(b * blockBytes, toFloat16(scale), true)
    for (let i = 0; i < block; i++) {
      const x = Math.fround(values[b * block + i] * inverse)
      view.setInt8(b * blockBytes + 2 + i, Math.sign(x) * Math.floor(Math.abs(x) + 0.5))
    }
  }
  return out
}

export function decodeQ8(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocks = bytes.length / blockBytes
  const values = new Float32Array(blocks * block)
  for (let b = 0; b < blocks; b++) {
    const scale = fromFloat16(view.getUint16(b * blockBytes, true))
    for (let i = 0; i < block; i++) values[b * block + i] = view.getInt8(b * blockBytes + 2 + i) * scale
  }
  return values
}

/** The nearest float16, ties to even. @param x 0 or more */
function toFloat16(x: number): number {
  if (Number.isNaN(x)) return 0x7e00
  if (x >= 65520) return 0x7c00
  if (x < 2 ** -14) return nearestEven(x / 2 ** -24)
  const exponent = Math.floor(Math.log2(x))
  // The logarithm may round up to the next power of two.
  const e = x < 2 ** exponent ? exponent - 1 : exponent
  return nearestEven((x / 2 ** e - 1) * 1024) + ((e + 15) << 10)
}

function nearestEven(x: number): number {
  const low = Math.floor(x)
  return x - low > 0.5 || (x - low === 0.5 && low % 2 === 1) ? low + 1 : low
}

function fromFloat16(code: number): number {
  const exponent = (code >> 10) & 31
  const sign = code & 0x8000 ? -1 : 1
  const fraction = code & 1023
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
