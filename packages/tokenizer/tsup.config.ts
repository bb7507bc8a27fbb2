/** Entry points of the package's build. */
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    train: 'src/train.ts',
    huggingface: 'src/huggingface.ts',
    'tokenizer-json': 'src/tokenizer-json.ts',
    node: 'src/node.ts',
    chat: 'src/chat.ts',
    'encode-worker': 'src/load/encode-worker.ts',
  },
  format: 'esm',
  clean: true,
  sourcemap: true,
  removeNodeProtocol: false,
  target: 'es2022',
})
