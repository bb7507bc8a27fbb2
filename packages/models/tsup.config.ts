/** Entry points of the package's build. */
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    configs: 'src/configs.ts',
    ngram: 'src/history/ngram.ts',
    node: 'src/node.ts',
    safetensors: 'src/safetensors/safetensors.ts',
  },
  format: 'esm',
  clean: true,
  sourcemap: true,
  removeNodeProtocol: false,
  target: 'es2022',
})
