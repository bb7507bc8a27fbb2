/** Entry points of the package's build. */
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    node: 'src/node.ts',
    records: 'src/records/index.ts',
    'save-worker': 'src/checkpoints/save-worker.ts',
  },
  format: 'esm',
  clean: true,
  sourcemap: true,
  removeNodeProtocol: false,
  target: 'es2022',
})
