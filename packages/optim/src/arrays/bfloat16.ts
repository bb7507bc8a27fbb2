// bfloat16 codes in a Uint16Array: the upper halves of float32 bits.

const oneBits = /* @__PURE__ */ new Uint32Array(1)
const one = /* @__PURE__ */ floatsOf(oneBits)

function floatsOf({ buffer }: Uint32Array): Float32Array {
  return new Float32Array(buffer)
}

/**
 * The values of bfloat16 codes, exactly.
 * @param out at least as long as the codes
 */
export function decodeBfloat16(codes: Uint16Array, out: Float32Array | Float64Array): void {
  if (out instanceof Float32Array) {
    const bits = new Uint32Array(out.buffer, out.byteOffset, codes.length)
    for (let i = 0; i < codes.length; i++) bits[i] = codes[i] << 16
  } else
    for (let i = 0; i < codes.length; i++) {
      oneBits[0] = codes[i] << 16
      out[i] = one[0]
    }
}

/**
 * Rounds to bfloat16, to nearest, ties to even; a NaN stays a NaN.
 * @param values at least as long as the codes
 */
export function encodeBfloat16(values: Float32Array | Float64Array, codes: Uint16Array): void {
  if (values instanceof Float32Array) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, codes.length)
    for (let i = 0; i < codes.length; i++) codes[i] = roundBits(bits[i])
  } else
    for (let i = 0; i < codes.length; i++) {
      one[0] = values[i]
      codes[i] = roundBits(oneBits[0])
    }
}

function roundBits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}
