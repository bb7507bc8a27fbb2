/**
 * What llama.cpp writes greedily with the files that are written here: npm install node-llama-cpp@3.22.1 in a folder
 * PEERS, then `node --conditions=source --import tsx packages/models/vectors/gguf-llama-cpp.ts PEERS`. Writes
 * gguf-llama-cpp.json.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { init } from '@kumiki/tensor'
import { ggufModels, ggufPrompt, writeGgufModel } from '../test/gguf-models.ts'

const home = resolve(process.argv[2], 'node_modules/node-llama-cpp')
const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
const { getLlama } = await import(pathToFileURL(join(home, 'dist/index.js')).href)
const folder = mkdtempSync(join(tmpdir(), 'kumiki-gguf-'))
const device = await init({ backend: 'cpu', threads: 1 })
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: 'error' })
const models: Record<string, { sha256: string; ids: number[] }> = {}
for (const name of Object.keys(ggufModels)) {
  const file = join(folder, `${name}.gguf`)
  const sha256 = await writeGgufModel(device, name, file)
  const model = await llama.loadModel({ modelPath: file })
  const context = await model.createContext({ contextSize: 64, threads: 1 })
  const ids: number[] = []
  for await (const id of context.getSequence().evaluate([...ggufPrompt], { temperature: 0, yieldEogToken: true })) {
    ids.push(id)
    if (ids.length === 24) break
  }
  await context.dispose()
  await model.dispose()
  models[name] = { sha256, ids }
  console.log(name, ids.join(' '))
}
const json = { 'node-llama-cpp': version, prompt: ggufPrompt, models }
writeFileSync(new URL('gguf-llama-cpp.json', import.meta.url), `${JSON.stringify(json)}\n`)
rmSync(folder, { recursive: true })
device.dispose()
await llama.dispose()
