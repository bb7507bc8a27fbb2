/** The committed WebAssembly kernels were built from the committed AssemblyScript, by their hashes. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hasMemory64 } from '../packages/tensor/src/backends/cpu/addressing.ts'
import { loadKernels, relaxedProbe } from '../packages/tensor/src/backends/cpu/load-kernels.ts'
import type { MemoryKind } from '../packages/tensor/src/backends/cpu/wasm-memory.ts'
// @ts-expect-error: a script without types
import { builtFrom, builtFromFile } from '../packages/tensor/wasm/build.mjs'

test('the committed WebAssembly was built from the AssemblyScript as it is', () => {
  // A build takes seconds: `wasm-fresh.deep.ts` makes one.
  expect(builtFrom(), 'run `npm run build:wasm` and commit the result').toEqual(
    JSON.parse(readFileSync(builtFromFile, 'utf8')),
  )
})

const kinds: readonly MemoryKind[] = [
  { shared: false, address: 'i32' },
  { shared: true, address: 'i32' },
  { shared: true, address: 'i64' },
]

test('the probes for relaxed SIMD and for 64-bit addresses say what the kernels say', async () => {
  for (const relaxed of [false, true])
    for (const kind of kinds) {
      const bytes = Uint8Array.from(atob(await loadKernels(kind, relaxed)), (c) => c.charCodeAt(0))
      const expected = (!relaxed || WebAssembly.validate(relaxedProbe)) && (kind.address === 'i32' || hasMemory64())
      expect(WebAssembly.validate(bytes), JSON.stringify({ ...kind, relaxed })).toBe(expected)
    }
})
