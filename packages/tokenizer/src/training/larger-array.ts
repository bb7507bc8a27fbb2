/** Typed arrays that grow. */

/** A copy with room for `length` numbers, the rest zeros. @param length default: twice as many as now */
export function larger<T extends Float64Array | Int32Array | Uint16Array>(from: T, length = from.length * 2): T {
  const to = new (from.constructor as new (length: number) => T)(length)
  to.set(from as never)
  return to
}
