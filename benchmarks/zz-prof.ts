import { init } from '@kumiki/tensor'
import { decoderModel, Generator, nano } from '@kumiki/models'
const device = await init({ backend: 'cpu', threads: Number(process.argv[3] ?? 1) })
const arch = { ...nano, hiddenSize: 512, intermediateSize: 1408, numHiddenLayers: 6, numAttentionHeads: 8, numKeyValueHeads: 4, headDim: 64, vocabSize: 8192, paddedVocabSize: 8192, maxPositionEmbeddings: 2048, initializerRange: 0.05 }
const model = decoderModel(arch)
const p = model.initialize(device, { seed: 1 })
const g = new Generator(device, model, p)
const n = Number(process.argv[2] ?? 1024)
const prompt = Array.from({ length: n }, (_, i) => (i * 7919) % 8192)
let t = performance.now(); let k = 0
const times: number[] = []
const sums = new Map<string, number[]>()
const rec: any[] = []
for await (const id of g.generate(prompt, 24, { temperature: 0 })) {
  times.push(performance.now() - t)
  if (k++ === 3) (device as any).backend.record(rec)
  t = performance.now()
}
;(device as any).backend.record(undefined)
const per = times.slice(5).sort((a, b) => a - b)
console.log('prefill ms', times[0], 'decode ms min', per[0], 'median', per[per.length >> 1])
// min per action position
const steps = 21
const perStep = rec.length / steps
const byName = new Map<string, { ms: number; n: number }>()
const L = Math.floor(perStep)
for (let i = 0; i < L; i++) {
  let best = Infinity
  for (let s = 0; s * L + i < rec.length; s++) best = Math.min(best, rec[s * L + i].duration)
  const e = byName.get(rec[i].name) ?? { ms: 0, n: 0 }
  e.ms += best / 1000; e.n++
  byName.set(rec[i].name, e)
}
console.log('records', rec.length, perStep)
for (const [name, { ms, n }] of [...byName].sort((a, b) => b[1].ms - a[1].ms).slice(0, 12)) console.log(ms.toFixed(3), n, name)
console.log('total', [...byName.values()].reduce((a, b) => a + b.ms, 0).toFixed(2))
device.dispose()
