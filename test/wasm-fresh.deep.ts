/** Rebuilds the WebAssembly kernels and compares them with the committed ones. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { build, folder } from '../packages/tensor/wasm/build.mjs'

test('the committed WebAssembly is what its AssemblyScript builds to', async () => {
  const fresh: Record<string, string> = await build()
  expect(Object.keys(fresh).sort()).toEqual(readdirSync(folder).sort())
  // Not toBe on the texts: a difference would print a hundred kilobytes of base64.
  for (const [name, text] of Object.entries(fresh))
    expect(
      text === readFileSync(join(folder, name), 'utf8'),
      `${name}: run \`npm run build:wasm\` and commit the result`,
    ).toBe(true)
})
