/**
 * Writes the vectors' adapters by this package, for PEFT to read: node write-adapters.ts FOLDER NAME... (see
 * make_peft.py).
 */
import { join } from 'node:path'
import { init } from '@kumiki/tensor'
import { decoderModel } from '../src/index.ts'
import { loadAdapter, loadModel, saveAdapter } from '../src/node.ts'
import { readPeftVector, writeAdapterFolder } from '../test/peft-vectors.ts'
import { readVector, writeVectorFolder } from '../test/transformers-vectors.ts'

const [folder, ...names] = process.argv.slice(2)
const device = await init({ backend: 'cpu' })
for (const name of names) {
  const base = await loadModel(device, await writeVectorFolder(readVector(name), 'single', join(folder, name, 'base')))
  const source = await writeAdapterFolder(readPeftVector(name), join(folder, name, 'source'))
  await saveAdapter(join(folder, name), await loadAdapter(device, source, decoderModel(base.architecture)))
}
device.dispose()
