/**
 * Peak memory of a training step of LLM-jp-3 150M: all weights trained, and LoRA adapters on a frozen base in bfloat16
 * and in 8 bits. The step is compiled, which gives its memory, and not run.
 *
 *     node --conditions=source --import tsx benchmarks/adapters.ts --json
 */
import { blockScaledModel, decoderModel, findModel, type LanguageModel, loraModel } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, type DType, init, mapTensors, type Tensor } from '@kumiki/tensor'
import { applyMomentDtype, bf16, makeTrainStep } from '@kumiki/train'
import { parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'

const { values } = parseArgs({
  options: {
    rank: { type: 'string', default: '16' },
    batch: { type: 'string', default: '1' },
    sequence: { type: 'string', default: '512' },
    /** JSON lines on stdout; the table goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const [rank, batch, sequence] = [values.rank, values.batch, values.sequence].map(Number)
const base = decoderModel(findModel('llm-jp-3-150m').architecture)
const adapted = loraModel(base, { rank, alpha: 2 * rank, targets: 'all-linear' })
const linear = new Set(base.linearLayers.map(({ name }) => name))

function zeros(device: Device, shape: readonly number[], dtype: DType): Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  if (dtype === 'float32') return device.tensor(new Float32Array(count), shape)
  return device.tensorFromCodes(dtype === 'bfloat16' ? new Uint16Array(count) : new Uint8Array(count), shape, dtype)
}

/**
 * Bytes of the training step of a model of which the parameters that `trained` names are trained.
 * @param in8 whether the linear weights are in 8 bits
 */
async function measure(model: LanguageModel, trained: (name: string) => boolean, in8 = false) {
  const device = await init({ backend: 'cpu', threads: 1 })
  const optimizer = applyMomentDtype(bf16, chain(clipGlobalNorm(1), adamw()))
  const step = makeTrainStep({ model, optimizer, precision: bf16, zLoss: 0, accumulation: 1 })
  const params: Record<string, Tensor> = {}
  const master: Record<string, Tensor> = {}
  const frozen: Record<string, Tensor> = {}
  for (const { name, shape } of model.parameters) {
    const wide = shape.length < 2
    const stored = in8 && linear.has(name) ? 'float8_e4m3fn' : wide ? 'float32' : 'bfloat16'
    const into = trained(name) ? params : frozen
    into[name] = zeros(device, shape, stored)
    if (trained(name) && !wide) master[name] = zeros(device, shape, 'float32')
  }
  const moments = mapTensors(optimizer.init({ ...params, ...master }), (t) => zeros(device, t.shape, 'float32'))
  const tokens = () => device.tensor(new Int32Array(batch * sequence), [batch, sequence])
  await step.prepare(
    { params, master, optimizer: moments, scaling: {} },
    { inputs: tokens(), targets: tokens() },
    optimizer.scalars(1, 1e-4),
    frozen,
  )
  const { inputBytes, peakBytes, temporaryBytes } = step.memory()
  const bytes = Object.values(frozen).reduce(
    (sum, t) => sum + t.size * { float32: 4, bfloat16: 2, float8_e4m3fn: 1 }[t.dtype as 'float32'],
    0,
  )
  step.dispose()
  device.dispose()
  return { frozenBytes: bytes, inputBytes, temporaryBytes, peakBytes }
}

const from = provenance(['tensor', 'models', 'optim', 'train'])
const isAdapter = (name: string) => name.includes('.lora_')
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1).padStart(10)
console.error(
  `LLM-jp-3 150M, ${batch} x ${sequence}, bf16 policy, AdamW, adapters of rank ${rank} on every linear layer; MB`,
)
console.error('                            frozen      state  temporary       peak')
for (const [name, measured] of [
  ['all weights', await measure(base, () => true)],
  ['adapters, base bfloat16', await measure(adapted, isAdapter)],
  ['adapters, base 8 bits', await measure(blockScaledModel(adapted), isAdapter, true)],
] as const) {
  const { frozenBytes, inputBytes, temporaryBytes, peakBytes } = measured
  const columns = [frozenBytes, inputBytes - frozenBytes, temporaryBytes, peakBytes].map(megabytes)
  console.error(`${name.padEnd(24)}${columns.join(' ')}`)
  if (values.json) console.log(JSON.stringify({ kind: 'adapters', name, rank, batch, sequence, ...measured, ...from }))
}
