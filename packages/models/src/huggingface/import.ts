/** Loads a model in Hugging Face's layout: config.json, model.safetensors. Node only. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cast, type Device, stack, type Tensor } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import { type ParameterFormat, parameterFormat, requireAddressable } from '../files/parameter-format.ts'
import { parseJson, readText } from '../files/read-text.ts'
import type { Parameters } from '../language-model.ts'
import { nameOfExpert, type ParameterShape, parameterShapes } from '../parameters.ts'
import { fromHuggingFaceConfig, type TokenIds } from './config.ts'
import { fromHuggingFaceGenerationConfig, type GenerationConfig } from './generation-config.ts'
import { fetchFromHub, type HubOptions } from './hub.ts'
import { dtypes, tensorOf } from './stored-tensor.ts'
import { openWeights, type WeightFiles } from './weight-files.ts'

export interface LoadedModel {
  readonly architecture: ModelArchitecture
  readonly parameters: Parameters
  /** Generation defaults of generation_config.json, or else of config.json. */
  readonly generation: GenerationConfig
  /** Special ids of config.json, to save them again. */
  readonly tokenIds: TokenIds
  /** Messages for the user: tensors that were not read, embeddings that are not tied. */
  readonly warnings: readonly string[]
}

export interface LoadOptions {
  /** Format of the parameters; default float32. */
  readonly dtype?: ParameterFormat
  /** Download and cache options for models of the Hub. */
  readonly hub?: HubOptions
}

/**
 * Reads config.json and the weights (one file or shards). Tensors are read one at a time, so files may be of any size.
 * If the configuration ties the embeddings but the files have two different tables, they are not tied, as in
 * Transformers 5.
 * @param from a folder as the Hugging Face Hub has it, or `hf:owner/name` for one on the Hub
 * @throws Error naming file and field, for files that are missing, malformed, or inconsistent
 * @example
 * await saveModel('saved', architecture, parameters, { dtype: 'bfloat16', eosTokenId: 2 })
 * const loaded = await loadModel(device, 'saved')
 * loaded.architecture.hiddenSize // 16
 */
export async function loadModel(device: Device, from: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const { dtype: wanted = 'float32', hub } = options
  const folder = await modelFolder(from, hub)
  const json = await readConfig(folder)
  const configured = named(join(folder, 'config.json'), () => fromHuggingFaceConfig(json))
  const generation = await readGeneration(folder, json)
  const tokenIds = named(join(folder, 'config.json'), () => tokenIdsOf(json))
  const weights = await openWeights(folder)
  try {
    const warnings: string[] = []
    const inFile = namesInFile(weights)
    const architecture = await untieWhereTheyDiffer(configured, weights, warnings, inFile)
    const parameters: Parameters = {}
    const used = new Set<string>()
    const readOne = async ({ name, shape }: ParameterShape): Promise<Tensor> => {
      // A tied table may be stored under either name.
      const tied = name === embedding && !weights.has(inFile(embedding)) && architecture.tieWordEmbeddings
      const stored = inFile(tied ? head : name)
      used.add(stored)
      const { file, dtype: storedDtype, shape: found } = weights.info(stored)
      const dtype = dtypes[storedDtype]
      if (!dtype)
        throw new Error(`${file}: ${stored} is stored as ${storedDtype}; ${Object.keys(dtypes).join(', ')} can be read`)
      if (found.length !== shape.length || found.some((d, i) => d !== shape[i])) {
        throw new Error(`${file}: ${stored} is [${found.join(', ')}], but config.json requires [${shape.join(', ')}]`)
      }
      const read = tensorOf(device, weights.info(stored), await weights.read(stored))
      return cast(read, parameterFormat(wanted, dtype, shape))
    }
    requireAddressable(device, folder, architecture, wanted, 1)
    for (const { name, shape } of parameterShapes(architecture, { experts: 'stacked' })) {
      const [experts, ...ofOne] = shape
      const parts: Tensor[] = []
      if (shape.length === 3)
        for (let e = 0; e < experts; e++) parts.push(await readOne({ name: nameOfExpert(name, e), shape: ofOne }))
      const tensor = shape.length === 3 ? stack(parts) : await readOne({ name, shape })
      await device.evaluate(tensor)
      parameters[name] = tensor
    }
    const unread = weights
      .names()
      .filter((name) => !used.has(name) && name !== inFile(head) && !/rotary_emb\.inv_freq$/.test(name))
    // A stored bias or norm that is not computed would change the model.
    const layers = inFile('model.layers.')
    const left = unread.find(
      (name) =>
        name.startsWith(layers) && Number.parseInt(name.slice(layers.length), 10) < architecture.numHiddenLayers,
    )
    if (left)
      throw new Error(
        `${weights.info(left).file}: has ${left}, which an architecture of this config.json does not have; the model would compute something else`,
      )
    if (unread.length > 0)
      warnings.push(
        `${folder}: ${unread.length} tensor${unread.length === 1 ? '' : 's'} of the weights ${unread.length === 1 ? 'is' : 'are'} not part of the architecture and ${unread.length === 1 ? 'was' : 'were'} not read: ${unread.slice(0, 3).join(', ')}${unread.length > 3 ? ', ...' : ''}`,
      )
    return { architecture, parameters, generation, tokenIds, warnings }
  } finally {
    await weights.close()
  }
}

/** The local folder of a model: the given one, or its place in the cache (downloaded if needed). */
export async function modelFolder(from: string, hub?: HubOptions): Promise<string> {
  return from.startsWith('hf:') ? await fetchFromHub(from.slice(3), hub) : from
}

/** Maps parameter names to those in the file: in a multimodal model, the language model has a prefix. */
function namesInFile(weights: WeightFiles): (name: string) => string {
  if (weights.has(`language_model.${embedding}`)) return (name) => `language_model.${name}`
  if (weights.has('model.language_model.embed_tokens.weight'))
    return (name) => name.replace(/^model\./, 'model.language_model.')
  return (name) => name
}

const embedding = 'model.embed_tokens.weight'
const head = 'lm_head.weight'

async function readConfig(folder: string): Promise<unknown> {
  const file = join(folder, 'config.json')
  const text = await readText(file, 10_000_000).catch(async (error) => {
    if (error.code === 'ENOENT' && (await exists(join(folder, 'run.json'))))
      throw new Error(
        `${folder}: the run has no model yet, since its training has not finished; resume it with: kumiki train --resume ${folder}`,
      )
    throw new Error(
      `${file}: cannot be read (${error.code ?? error.message}); give the folder of a run or of a model as the Hugging Face Hub has it`,
    )
  })
  return named(file, () => parseJson(text))
}

async function readGeneration(folder: string, config: unknown): Promise<GenerationConfig> {
  const file = join(folder, 'generation_config.json')
  const text = await readText(file, 10_000_000).catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw new Error(`${file}: cannot be read (${error.code ?? error.message})`)
  })
  if (text === undefined)
    return named(join(folder, 'config.json'), () => fromHuggingFaceGenerationConfig(config, 'config.json'))
  return named(file, () => fromHuggingFaceGenerationConfig(parseJson(text)))
}

function tokenIdsOf(config: unknown): TokenIds {
  const { bosTokenId, eosTokenIds, padTokenId } = fromHuggingFaceGenerationConfig(config, 'config.json')
  return {
    ...(bosTokenId !== undefined && { bosTokenId }),
    ...(eosTokenIds && { eosTokenId: eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds }),
    ...(padTokenId !== undefined && { padTokenId }),
  }
}

/** Errors name the file by its path. */
function named<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message.replace(/^(generation_)?config\.json: /, '')}`, {
      cause: error,
    })
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

async function untieWhereTheyDiffer(
  architecture: ModelArchitecture,
  weights: WeightFiles,
  warnings: string[],
  inFile: (name: string) => string,
): Promise<ModelArchitecture> {
  const [input, output] = [inFile(embedding), inFile(head)]
  if (!architecture.tieWordEmbeddings || !weights.has(output) || !weights.has(input)) return architecture
  const [a, b] = [await weights.read(input), await weights.read(output)]
  const same = weights.info(input).dtype === weights.info(output).dtype && Buffer.compare(a, b) === 0
  if (same) return architecture
  warnings.push(
    `${weights.info(output).file}: config.json ties the two tables, but ${output} differs from ${input}: they are not tied; set tie_word_embeddings to false`,
  )
  return { ...architecture, tieWordEmbeddings: false }
}
