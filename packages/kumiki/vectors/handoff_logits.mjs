// Logits of a handoff's model by Kumiki, for check_handoff.py: node --conditions=source --import tsx
// vectors/handoff_logits.mjs FOLDER
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decoderModel } from '@kumiki/models'
import { loadModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'

const folder = process.argv[2]
const device = await init({ backend: 'cpu', threads: 1 })
const { architecture, parameters } = await loadModel(device, join(folder, 'model'))
const ids = Array.from({ length: 32 }, (_, i) => (i * 37 + 5) % architecture.vocabSize)
const pass = decoderModel(architecture).forward(parameters, device.tensor(Int32Array.from(ids), [1, 32]), {})
const logits = await pass.logits().data()
writeFileSync(join(folder, 'logits.json'), JSON.stringify({ ids, logits: [...logits] }))
device.dispose()
