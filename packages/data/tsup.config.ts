/** Entry points of the package's build. */
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/node.ts'],
  format: 'esm',
  clean: true,
  sourcemap: true,
  removeNodeProtocol: false,
  target: 'es2022',
})
