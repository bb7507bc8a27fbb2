/** 64-bit WebAssembly memory in tests, also on Node 20 and 22. */
import { setFlagsFromString } from 'node:v8'
import { hasMemory64 } from '../src/backends/cpu/addressing.ts'

/** Whether the runtime has it as it is, and so memory past 4 GiB and workers. */
export const nativeMemory64 = hasMemory64()

/**
 * Makes Node 20 and 22 pass for runtimes with 64-bit memory: their V8 has it behind a flag, up to 4 GiB, and takes
 * numbers and another name of the address type. Their workers do not take its BigInts, so devices need one thread.
 * @returns a function that undoes it
 */
export function emulateMemory64(): () => void {
  if (nativeMemory64) return () => {}
  setFlagsFromString('--experimental-wasm-memory64')
  const { Memory } = WebAssembly
  WebAssembly.Memory = new Proxy(Memory, {
    construct(made, [{ address, initial, maximum, shared }]) {
      if (address !== 'i64') return new made({ initial, maximum, shared })
      const pages = Math.min(Number(maximum), 65536)
      const memory = new made({ index: 'i64', initial: Number(initial), maximum: pages, shared } as never)
      const grow = memory.grow.bind(memory)
      return Object.assign(memory, { grow: (by: number) => BigInt(grow(Number(by))) })
    },
  })
  return () => {
    WebAssembly.Memory = Memory
    setFlagsFromString('--no-experimental-wasm-memory64')
  }
}
