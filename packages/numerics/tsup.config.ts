import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/wgsl.ts', 'src/float16-array.ts'],
  format: 'esm',
  dts: true,
  clean: true,
  sourcemap: true,
  target: 'es2022',
})
