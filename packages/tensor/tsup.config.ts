/** Entry points of the package's build. */
import { defineConfig } from 'tsup'
// @ts-expect-error: a script without types
import { shipOps } from './ship-ops.mjs'

export default defineConfig({
  entry: ['src/index.ts'],
  format: 'esm',
  clean: true,
  sourcemap: true,
  removeNodeProtocol: false,
  target: 'es2022',
  esbuildPlugins: [shipOps],
})
