import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { build, generated } from '../packages/tensor/wasm/build.mjs'

test('the committed WebAssembly is what its AssemblyScript builds to', async () => {
  const fresh: string = await build()
  // Not toBe on the texts: a difference would print a hundred kilobytes of base64.
  expect(fresh === readFileSync(generated, 'utf8'), 'run `npm run build:wasm` and commit the result').toBe(true)
})
