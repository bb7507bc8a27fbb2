import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/node.ts'],
  format: 'esm',
  // For `[Symbol.dispose]`, whatever `lib` a project has.
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  clean: true,
  sourcemap: true,
  removeNodeProtocol: false,
  target: 'es2022',
})
