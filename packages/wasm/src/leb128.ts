// LEB128, the variable-length integers of the binary format (WebAssembly core specification 2.0, section 5.2.2).

/** An unsigned 32-bit integer. */
export function unsigned(n: number): number[] {
  const bytes: number[] = []
  do {
    const rest = n >>> 7
    bytes.push(rest > 0 ? (n & 127) | 128 : n & 127)
    n = rest
  } while (n > 0)
  return bytes
}

/** A signed 32-bit integer. */
export function signed(n: number): number[] {
  const bytes: number[] = []
  for (;;) {
    const low = n & 127
    n >>= 7
    // Done where the rest is what bit 6 of this byte, the sign, already says.
    const done = n === (low & 64 ? -1 : 0)
    bytes.push(done ? low : low | 128)
    if (done) return bytes
  }
}
