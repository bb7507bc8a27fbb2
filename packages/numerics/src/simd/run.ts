// Runs the kernels over pieces of an array that fit in the CPU's L2 cache, in one memory of 128 KiB, allocated on first
// use.
//
// WebAssembly may be missing, without SIMD, or forbidden (a page's Content-Security-Policy): then every function here
// returns false from then on, and the caller falls back to its JavaScript loop, which gives the same bits.
// Formats whose negative zero is NaN have no kernels: they are used too little to be worth one.

import type { CodeArray, Format } from '../format.ts'
import { decodeKernel, encodeKernel, roundKernel } from './kernels.ts'

/** With fewer values, calling a kernel costs more than it saves. */
const worthwhile = 128
/** Values in a piece: 64 KiB of float32. */
const piece = 16_384
const codesAt = 4 * piece

type Kernel = (from: number, to: number, end: number) => void

interface Host {
  memory: WebAssembly.Memory
  values: Float32Array
  codes8: Uint8Array
  codes16: Uint16Array
}

let host: Host | false | undefined
const kernels = new WeakMap<Format, Map<string, Kernel>>()

function hostOf(): Host | false {
  if (host !== undefined) return host
  host = false
  if (typeof WebAssembly !== 'object') return host
  try {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 })
    const { buffer } = memory
    const values = new Float32Array(buffer, 0, piece)
    host = {
      memory,
      values,
      codes8: new Uint8Array(buffer, codesAt, piece),
      codes16: new Uint16Array(buffer, codesAt, piece),
    }
  } catch {
    host = false
  }
  return host
}

function kernelOf(f: Format, key: string, make: () => Uint8Array<ArrayBuffer>): Kernel | undefined {
  const here = hostOf()
  if (here === false) return undefined
  let ofFormat = kernels.get(f)
  if (ofFormat === undefined) kernels.set(f, (ofFormat = new Map()))
  let kernel = ofFormat.get(key)
  if (kernel === undefined) {
    const bytes = make()
    try {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host: { memory: here.memory } })
      kernel = instance.exports.run as Kernel
      ofFormat.set(key, kernel)
    } catch {
      host = false
      return undefined
    }
  }
  return kernel
}

/**
 * Encodes by nearest even; false where that is not possible or not worthwhile. `codes` is at least as long as `source`.
 */
export function encodeWithSimd(f: Format, source: Float32Array, codes: CodeArray, saturate: boolean): boolean {
  const n = source.length
  if (n < worthwhile || f.negativeZeroIsNaN) return false
  const kernel = kernelOf(f, saturate ? 'saturate' : 'overflow', () => encodeKernel(f, saturate))
  if (kernel === undefined || !host) return false
  const staged = f.bits <= 8 ? host.codes8 : host.codes16
  for (let start = 0; start < n; start += piece) {
    const count = Math.min(piece, n - start)
    host.values.set(count === n ? source : source.subarray(start, start + count))
    kernel(0, codesAt, 4 * count)
    codes.set(count === piece ? staged : staged.subarray(0, count), start)
  }
  return true
}

/** Decodes; false where that is not possible or not worthwhile. `values` is at least as long as `codes`. */
export function decodeWithSimd(f: Format, codes: CodeArray, values: Float32Array): boolean {
  const n = codes.length
  if (n < worthwhile || f.negativeZeroIsNaN) return false
  const kernel = kernelOf(f, 'decode', () => decodeKernel(f))
  if (kernel === undefined || !host) return false
  const staged = f.bits <= 8 ? host.codes8 : host.codes16
  const bytes = f.bits <= 8 ? 1 : 2
  for (let start = 0; start < n; start += piece) {
    const count = Math.min(piece, n - start)
    staged.set(count === n ? codes : codes.subarray(start, start + count))
    kernel(codesAt, 0, codesAt + bytes * count)
    values.set(count === piece ? host.values : host.values.subarray(0, count), start)
  }
  return true
}

/**
 * Encodes by nearest even and decodes again; false where that is not possible or not worthwhile. `out` is at least as
 * long as `source`.
 */
export function roundWithSimd(f: Format, source: Float32Array, out: Float32Array, saturate: boolean): boolean {
  const n = source.length
  if (n < worthwhile || f.negativeZeroIsNaN) return false
  const kernel = kernelOf(f, saturate ? 'round, saturate' : 'round, overflow', () => roundKernel(f, saturate))
  if (kernel === undefined || !host) return false
  for (let start = 0; start < n; start += piece) {
    const count = Math.min(piece, n - start)
    host.values.set(count === n ? source : source.subarray(start, start + count))
    kernel(0, 0, 4 * count)
    out.set(count === piece ? host.values : host.values.subarray(0, count), start)
  }
  return true
}
