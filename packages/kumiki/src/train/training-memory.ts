/** Checks that training fits the available memory, before anything is allocated. */
import { totalmem } from 'node:os'
import { countParameters, listModels, type ModelArchitecture } from '@kumiki/models/configs'
import { estimateLocalMemory, fromArchitecture } from '@kumiki/planner'
import { cpuAddressableBytes } from '@kumiki/tensor'
import { findPrecision, type PrecisionPolicy, type RunConfiguration } from '@kumiki/train'
import type { RunDefinition } from '@kumiki/train/node'

export interface MemoryRun {
  readonly architecture: ModelArchitecture
  readonly precision: PrecisionPolicy
  readonly batchSize: number
  readonly accumulation: number
  readonly sequenceLength: number
}

/** What every cpu device can address, and most GPUs have. */
const fourGibibytes = 2 ** 32

/** Bytes this process may use: the machine's memory, or its container's limit. */
function availableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/**
 * @param device `cpu` is limited to what its WebAssembly memory addresses. On a GPU, whose memory WebGPU does not
 * report, and with `auto`, only the host's memory is checked: float32 copies of weights and moments, for initial values
 * and checkpoints
 * @param available available bytes; default: what this process may use
 * @param addressable bytes that a cpu device addresses
 * @throws RangeError with the needed and available memory, and what would fit
 */
export function checkTrainingMemory(
  name: string,
  run: MemoryRun,
  device: 'auto' | 'cpu' | 'webgpu',
  available: number = availableMemory(),
  addressable: number = cpuAddressableBytes(),
): void {
  const onCpu = (other: MemoryRun) => memoryOf(other, 'cpu').total <= Math.min(available, addressable)
  const onHost = (other: MemoryRun) => 12 * memoryOf(other, 'webgpu').parameters <= available
  if (device === 'cpu' ? onCpu(run) : onHost(run)) return
  const { parameters, total } = memoryOf(run, device === 'cpu' ? 'cpu' : 'webgpu')
  const there =
    device !== 'cpu'
      ? `the host needs ${gigabytes(12 * parameters)} for float32 copies but has ${gigabytes(available)}`
      : available < addressable
        ? `this machine has ${gigabytes(available)}`
        : `the cpu device is limited to ${gigabytes(addressable)} ${inAnotherRuntime(total, addressable)}(this machine has ${gigabytes(available)})`
  throw new RangeError(
    `${name}: training ${parameters.toLocaleString('en')} parameters in ${run.precision.name} takes about ${gigabytes(total)}; ${there}. ${whatFits(run, device === 'webgpu' ? onHost : onCpu)}`,
  )
}

function inAnotherRuntime(total: number, addressable: number): string {
  const most = cpuAddressableBytes(true)
  return addressable < most && total <= most ? `in this runtime, to ${gigabytes(most)} in Node 24 and newer ` : ''
}

/**
 * The planner's formulas are for dense Llama decoders. Other parameters of an architecture are added to the weights;
 * for a mixture of experts, activations are those of the active experts as one wide MLP. Activations of head norms,
 * biases and the like are negligible.
 */
function memoryOf(
  { architecture, precision, ...run }: MemoryRun,
  device: 'cpu' | 'webgpu',
): { parameters: number; total: number } {
  const { parameters, master, activations, gradients = 'float32', moments = 'float32' } = precision
  const formats = { parameters, master, activations, gradients: precision.gradients, moments: precision.moments }
  const dense = asDense(architecture)
  const estimate = estimateLocalMemory(fromArchitecture(dense), {
    batch: run.batchSize,
    sequence: run.sequenceLength,
    positions: Math.max(architecture.maxPositionEmbeddings, run.sequenceLength),
    accumulation: run.accumulation,
    device,
    // float16 is as large as bfloat16. The 8-bit copies of fp8 policies are not counted here.
    precision: Object.fromEntries(
      Object.entries(formats).map(([field, format]) => [field, format === 'float16' ? 'bfloat16' : format]),
    ) as never,
  })
  const others = countParameters(architecture).total - countParameters(dense).total
  const width = (format: string) => (format === 'float32' ? 4 : 2)
  const each = width(parameters) + (master ? 4 : 0) + width(gradients) + 2 * width(moments)
  return { parameters: estimate.parameters + others, total: estimate.total + others * each }
}

function asDense(architecture: ModelArchitecture): ModelArchitecture {
  const { hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, headDim } = architecture
  const { vocabSize, paddedVocabSize, maxPositionEmbeddings, ropeTheta, rmsNormEps, initializerRange } = architecture
  const { experts, tieWordEmbeddings } = architecture
  return {
    ...{ hiddenSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, headDim, tieWordEmbeddings },
    ...{ vocabSize, paddedVocabSize, maxPositionEmbeddings, ropeTheta, rmsNormEps, initializerRange },
    intermediateSize: experts ? experts.numExpertsPerToken * experts.intermediateSize : intermediateSize,
  }
}

/** Advice for a run that does not fit: a smaller micro-batch, else a smaller model. */
function whatFits(run: MemoryRun, fits: (run: MemoryRun) => boolean): string {
  const parts = divisors(run.batchSize).find(
    (accumulation) => accumulation > run.accumulation && fits({ ...run, accumulation }),
  )
  if (parts !== undefined) return `The batch fits with gradient accumulation: --accumulation ${parts}`
  const one = { ...run, batchSize: 1, accumulation: 1 }
  if (fits(one)) return 'A batch of one sequence fits: --batch-size 1'
  const { vocabSize } = run.architecture
  const known = listModels()
    .map((model) => ({ ...model, architecture: { ...model.architecture, vocabSize, paddedVocabSize: vocabSize } }))
    .filter(({ architecture }) => fits({ ...one, architecture }))
    .map(({ name, architecture }) => ({ name, parameters: memoryOf({ ...one, architecture }, 'cpu').parameters }))
    .sort((a, b) => b.parameters - a.parameters)
  const largest = known.length > 0 ? `--preset ${known[0].name} is the largest known model that would fit; l` : 'L'
  return `${largest}arger ones train on many GPUs: see kumiki plan`
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0)
}

function gigabytes(bytes: number): string {
  const value = bytes / 2 ** 30
  return `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(2)} GiB`
}

/** @throws RangeError if a run does not fit the available memory */
export function checkRunMemory(
  { name, architecture, configuration }: RunDefinition,
  device: 'auto' | 'cpu' | 'webgpu',
): void {
  checkTrainingMemory(name, memoryRun(architecture, configuration), device)
}

/** Whether a run fits 4 GiB, which every cpu device and most GPUs have. */
export function fitsAnyDevice(
  architecture: ModelArchitecture,
  configuration: RunConfiguration,
  available: number = availableMemory(),
): boolean {
  return memoryOf(memoryRun(architecture, configuration), 'webgpu').total <= Math.min(available, fourGibibytes)
}

function memoryRun(architecture: ModelArchitecture, configuration: RunConfiguration): MemoryRun {
  const { batchSize, accumulation, sequenceLength, vocabSize, precision } = configuration
  // The embedding will have as many rows as the tokenizer has pieces.
  const rows = { vocabSize, paddedVocabSize: vocabSize }
  const sizes = { batchSize, accumulation, sequenceLength }
  return { architecture: { ...architecture, ...rows }, precision: findPrecision(precision), ...sizes }
}
