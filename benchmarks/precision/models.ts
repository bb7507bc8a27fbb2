/** The model to train, by name or from a config.json, with the benchmark's vocabulary, and its training settings. */
import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import {
  countParameters,
  decoderModel,
  findModel,
  fromHuggingFaceConfig,
  listModels,
  type ModelArchitecture,
  nano,
  scheduleNumbers,
} from '@kumiki/models'
import { estimateLocalMemory, fromArchitecture } from '@kumiki/planner'
import { fp8RecipeOf, type PrecisionPolicy, type StoredFloat } from '@kumiki/train'
import { checkedUse, isFile, UsageError } from './usage.ts'

/** Training settings where the command line has none. */
interface Defaults {
  /** Sequences in a step. */
  readonly batch: number
  readonly steps: number
  /** Peak of the schedule. */
  readonly learningRate: number
}

export interface Subject extends Defaults {
  readonly name: string
  readonly architecture: ModelArchitecture
  /** Tokens in a sequence. */
  readonly sequence: number
}

interface Preset extends Defaults {
  readonly architecture: ModelArchitecture
}

/** The architecture of LLM-jp-3 in two sizes that a CPU trains in minutes. */
const presets: Readonly<Record<string, Preset>> = {
  /** 1.6 million parameters. */
  nano: { architecture: nano, batch: 4, steps: 400, learningRate: 3e-3 },
  /** 10.5 million parameters. */
  '10m': {
    architecture: {
      ...nano,
      hiddenSize: 256,
      intermediateSize: 1024,
      numHiddenLayers: 9,
      numAttentionHeads: 8,
      numKeyValueHeads: 8,
      headDim: 32,
    },
    batch: 2,
    steps: 150,
    learningRate: 3e-4,
  },
}

/** For models without a recipe: the learning rate of most LLM-jp-3 models. */
const others: Defaults = { batch: 2, steps: 100, learningRate: 3e-4 }

const defaultSequence = 128

/**
 * @param model `nano`, `10m`, a name that `findModel` knows, or the path of a Hugging Face config.json
 * @param vocabSize the tokenizer's, in place of the model's
 * @param given settings of the command line
 * @throws UsageError naming the model or file and a remedy
 */
export function subjectOf(
  model: string,
  vocabSize: number,
  given: Partial<Defaults> & { readonly sequence?: number },
): Subject {
  const { name, architecture, ...defaults } = Object.hasOwn(presets, model)
    ? { name: model, ...presets[model] }
    : isFile(model, /\.json$/)
      ? { ...fromFile(model), ...others }
      : known(model)
  if (architecture.experts)
    throw new UsageError(
      `--model ${model}: is a mixture of experts, which the Trainer does not train; name a dense model (${denseNames()})`,
    )
  const { maxPositionEmbeddings } = architecture
  return {
    name,
    architecture: { ...architecture, vocabSize, paddedVocabSize: vocabSize },
    batch: given.batch ?? defaults.batch,
    sequence: Math.min(given.sequence ?? defaultSequence, maxPositionEmbeddings),
    steps: given.steps ?? defaults.steps,
    learningRate: given.learningRate ?? defaults.learningRate,
  }
}

const denseNames = () =>
  [
    ...new Set([...Object.keys(presets), ...listModels().flatMap((m) => (m.architecture.experts ? [] : [m.name]))]),
  ].join(', ')

function known(model: string): { name: string } & Preset {
  try {
    const { name, architecture, recipe } = findModel(model)
    return {
      name,
      architecture,
      ...others,
      ...(recipe && { learningRate: scheduleNumbers(recipe.schedule).learningRate }),
    }
  } catch {
    throw new UsageError(
      `--model: no model is called ${model}; there are ${denseNames()}, and any config.json of a Llama model by its path`,
    )
  }
}

function fromFile(path: string): { name: string; architecture: ModelArchitecture } {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(
      `--model ${path}: ${code ? `cannot be read (${code})` : `is not JSON (${message})`}; give the path of the config.json of a Llama model`,
    )
  }
  const architecture = checkedUse(() => {
    try {
      return fromHuggingFaceConfig(json)
    } catch (error) {
      // The message begins with `config.json`, whatever the file is called.
      ;(error as Error).message =
        `${(error as Error).message.replace(/^config\.json: /, '')}; correct the file, or name another`
      throw error
    }
  }, `--model ${path}: `)
  return { name: nameOfFile(path), architecture }
}

/** The name of a model in a file: of its folder for a config.json, otherwise of the file. */
function nameOfFile(path: string): string {
  const whole = resolve(path)
  const file = basename(whole, '.json')
  return file === 'config' ? basename(dirname(whole)) : file
}

/** The name under which runs of a model are recorded. @throws UsageError for an unknown name */
export function nameOf(model: string): string {
  if (Object.hasOwn(presets, model)) return model
  return isFile(model, /\.json$/) ? nameOfFile(model) : known(model).name
}

/** @throws UsageError where a policy cannot train a model in these batches */
export function checkPolicyFits(policy: PrecisionPolicy, { name, architecture, batch, sequence }: Subject): void {
  checkedUse(
    () => fp8RecipeOf(decoderModel(architecture), policy)?.check(batch * sequence),
    `--policy ${policy.name} on ${name}: `,
  )
}

/**
 * Bytes per parameter of float32 parameters, gradients and Adam's two moments: nearly every policy takes at least this.
 */
const stateBytes = 16
/**
 * Bytes on the host: per parameter for initial values on their way to the device, and for code, texts and tokenizer.
 */
const hostBytes = { parameter: 8, base: 0.5e9 }
/** Largest WebAssembly memory, in bytes. */
const cpuBackendBytes = 2 ** 32

/** Bytes at the peak of training. */
export interface MemoryNeed {
  /**
   * On the device: the training step, and where gradients are probed, both sets of gradients and the activations of a
   * float32 pass. The quantized copies for fp8 products are not included.
   */
  readonly device: number
  /** On the host, in addition. */
  readonly host: number
}

/** An estimate by the planner's formulas. */
export function memoryNeeded(subject: Subject, policy: PrecisionPolicy, probes: boolean): MemoryNeed {
  const { architecture, batch, sequence } = subject
  const model = fromArchitecture(architecture, subject.name)
  const run = { batch, sequence, positions: architecture.maxPositionEmbeddings }
  const { master, gradients, moments } = policy
  // The planner has formulas for bfloat16; float16 has the same size.
  const sized = (format: StoredFloat) => (format === 'float16' ? 'bfloat16' : format)
  const precision = {
    parameters: sized(policy.parameters),
    activations: sized(policy.activations),
    master,
    gradients,
    moments,
  }
  const step = estimateLocalMemory(model, { ...run, precision })
  const exact = estimateLocalMemory(model, { ...run, precision: 'f32' })
  const probe = 2 * 4 * step.parameters + exact.activations + exact.logits + exact.working
  return {
    device: Math.max(step.total, stateBytes * step.parameters) + (probes ? probe : 0),
    host: hostBytes.parameter * step.parameters + hostBytes.base,
  }
}

/**
 * Checks the needed memory before any is allocated. For webgpu only the host's part is checked.
 * @param free bytes of the machine's memory
 * @throws UsageError naming the sizes and a remedy
 */
export function checkMemory(
  subject: Subject,
  policies: readonly PrecisionPolicy[],
  { device, probes }: { readonly device: 'cpu' | 'webgpu'; readonly probes: boolean },
  free = freemem(),
): void {
  const excessOf = (tried: Subject, withProbes: boolean) => {
    const needs = policies.map((policy) => memoryNeeded(tried, policy, withProbes))
    const onDevice = Math.max(...needs.map((need) => need.device))
    const all = needs[0].host + (device === 'cpu' ? onDevice : 0)
    if (all > free) return { bytes: all, limit: `${gigabytes(free)} are free` }
    if (device === 'cpu' && onDevice > cpuBackendBytes)
      return { bytes: onDevice, limit: `the cpu backend can address ${gigabytes(cpuBackendBytes)}` }
    return undefined
  }
  const excess = excessOf(subject, probes)
  if (!excess) return
  const parameters = countParameters(subject.architecture).total.toLocaleString('en')
  const remedy = excessOf({ ...subject, batch: 1 }, false)
    ? `name a smaller model, or ${device === 'cpu' ? 'use --device webgpu with a GPU that has the memory' : 'use a machine with more memory'}`
    : 'use --batch 1, a shorter --sequence or --probe 0'
  const size = `${parameters} parameters in batches of ${subject.batch} x ${subject.sequence} tokens`
  throw new UsageError(
    `--model ${subject.name}: ${size} take about ${gigabytes(excess.bytes)}, and ${excess.limit}; ${remedy}`,
  )
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(3)} GB`
