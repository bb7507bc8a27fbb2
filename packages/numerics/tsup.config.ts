/** Entry points of the package's build. */
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/value.ts', 'src/wgsl.ts', 'src/float16-array.ts'],
  format: 'esm',
  clean: true,
  sourcemap: true,
  target: 'es2022',
})
