/**
 * Writes the vectors' models by this package, for Transformers to read: node write-folders.ts FOLDER NAME... (see
 * make_transformers.py).
 */
import { join } from 'node:path'
import { init } from '@kumiki/tensor'
import { loadModel, saveGguf, saveModel } from '../src/node.ts'
import { readVector, writeVectorFolder } from '../test/transformers-vectors.ts'

const [folder, ...names] = process.argv.slice(2)
const device = await init({ backend: 'cpu' })
for (const name of names) {
  const source = await writeVectorFolder(readVector(name), 'single', join(folder, name, 'source'))
  const { architecture, parameters, generation } = await loadModel(device, source)
  await saveModel(join(folder, name, 'single'), architecture, parameters, { generation })
  await saveModel(join(folder, name, 'sharded'), architecture, parameters, { maxShardBytes: 20_000, dtype: 'bfloat16' })
  if (name !== 'llama-llama3') continue
  const plain = { ...architecture, ropeScaling: undefined, ropeTheta: 10_000 }
  await saveGguf(join(folder, name, 'model.gguf'), plain, parameters, { type: 'F32' })
}
device.dispose()
