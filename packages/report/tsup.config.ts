/** Entry points of the package's build. */
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    document: 'src/svg/document.ts',
    'document-node': 'src/svg/document-node.ts',
  },
  format: 'esm',
  clean: true,
  sourcemap: true,
  target: 'es2022',
  external: ['#document'],
})
