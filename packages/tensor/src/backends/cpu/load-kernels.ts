// The built kernels for this runtime: for plain, shared or 64-bit memory, with relaxed SIMD or without.

import type { MemoryKind } from './wasm-memory.ts'

/** A module with one relaxed instruction, i32x4.relaxed_trunc_f32x4_s: valid where the runtime has relaxed SIMD. */
export const relaxedProbe = Uint8Array.from([
  ...[0, 97, 115, 109, 1, 0, 0, 0], // header
  ...[1, 5, 1, 96, 0, 1, 123], // one type: () -> v128
  ...[3, 2, 1, 0], // one function of it
  ...[10, 25, 1, 23, 0], // its body of 23 bytes, no locals
  ...[253, 12, ...new Array<number>(16).fill(0)], // v128.const 0
  ...[253, 129, 2], // i32x4.relaxed_trunc_f32x4_s
  11, // end
])

/** The built kernels in base64: only the module that this runtime and these threads need is loaded. */
export async function loadKernels({ shared, address }: MemoryKind, relaxed: boolean): Promise<string> {
  if (address === 'i64')
    return relaxed
      ? (await import('./kernels/shared64-relaxed.generated.ts')).kernels
      : (await import('./kernels/shared64.generated.ts')).kernels
  if (shared)
    return relaxed
      ? (await import('./kernels/shared-relaxed.generated.ts')).kernels
      : (await import('./kernels/shared.generated.ts')).kernels
  return relaxed
    ? (await import('./kernels/plain-relaxed.generated.ts')).kernels
    : (await import('./kernels/plain.generated.ts')).kernels
}
