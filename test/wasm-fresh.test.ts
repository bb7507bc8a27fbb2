/** The committed WebAssembly kernels were built from the committed AssemblyScript, by their hashes. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadKernels, relaxedProbe } from '../packages/tensor/src/backends/cpu/load-kernels.ts'
// @ts-expect-error: a script without types
import { builtFrom, builtFromFile } from '../packages/tensor/wasm/build.mjs'

test('the committed WebAssembly was built from the AssemblyScript as it is', () => {
  // A build takes seconds: `wasm-fresh.deep.ts` makes one.
  expect(builtFrom(), 'run `npm run build:wasm` and commit the result').toEqual(
    JSON.parse(readFileSync(builtFromFile, 'utf8')),
  )
})

test('the probe for relaxed SIMD says what the kernels say', async () => {
  for (const shared of [true, false]) {
    const bytes = Uint8Array.from(atob(await loadKernels(shared, true)), (c) => c.charCodeAt(0))
    expect(WebAssembly.validate(relaxedProbe)).toBe(WebAssembly.validate(bytes))
  }
})
