/** Entry points of the package's build. */
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/design-only.ts'],
  format: 'esm',
  clean: true,
  sourcemap: true,
  target: 'es2022',
})
