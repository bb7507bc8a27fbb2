// How much memory the CPU backend can address in this runtime.

import { requireBoolean } from '../../arguments.ts'

export const isNode = typeof process === 'object' && process?.versions?.node !== undefined

/** Addresses of WebAssembly memory: of 32 bits, or of 64 (memory64). */
export type AddressType = 'i32' | 'i64'

export const page = 65536
/** How many pages a memory can have: all that 32 bits address, and with 64 bits what engines allow. */
export const maximumPages = { i32: 65536, i64: 262144 } as const
/** Bytes at the start, one page, that are reserved for the kernels' own constants, and so that no pointer is 0. */
export const heapStart = 65536

/** A module of one empty memory with 64-bit addresses: valid where the runtime has such. */
const memory64Probe = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 4, 0)

/** Whether this runtime has memories with 64-bit addresses: Node 24, Deno 2.2, Chrome 133, Firefox 134 and newer. */
export const hasMemory64 = (): boolean => WebAssembly.validate(memory64Probe)

/** The addresses that a device gets where `init` is not told. In a page 16 GiB of addresses may be too many. */
export const defaultAddress = (): AddressType => (isNode && hasMemory64() ? 'i64' : 'i32')

/**
 * The bytes that a device of the cpu backend can hold in this runtime, before one is made: 16 GiB less a page where it
 * has 64-bit WebAssembly memory (Node 24, Deno 2.2), otherwise 4.
 * @param memory64 as in `InitOptions`
 * @throws TypeError if it is no boolean
 * @example
 * cpuAddressableBytes(false) // 4294901760
 */
export function cpuAddressableBytes(memory64?: boolean): number {
  requireBoolean('cpuAddressableBytes', 'memory64', memory64)
  const address = memory64 === undefined ? defaultAddress() : memory64 ? 'i64' : 'i32'
  return maximumPages[address] * page - heapStart
}
