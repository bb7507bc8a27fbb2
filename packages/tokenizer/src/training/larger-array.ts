/** Typed arrays that grow. */

/** A zero-padded copy of `length` elements. @param length default: twice the current length */
export function larger<T extends Float64Array | Int32Array | Uint16Array>(from: T, length = from.length * 2): T {
  const to = new (from.constructor as new (length: number) => T)(length)
  to.set(from as never)
  return to
}
