/** Adapters in PEFT's files: adapter_config.json and adapter_model.safetensors. Node only. */
import { join } from 'node:path'
import { cast, type Device } from '@kumiki/tensor'
import { replaceFile } from '../files/atomic-file.ts'
import { openFileRanges } from '../files/file-ranges.ts'
import { parseJson, readText } from '../files/read-text.ts'
import { Fields, isObject, show } from '../huggingface/fields.ts'
import { codesOf, dtypes, tensorOf } from '../huggingface/stored-tensor.ts'
import type { LanguageModel, Parameters } from '../language-model.ts'
import { openSafetensors, safetensorsChunks } from '../safetensors/safetensors.ts'
import { type Adapter, type LoraConfig, loraParameters } from './lora.ts'

/** PEFT's prefix of the base's module names. */
const prefix = 'base_model.model.'

/**
 * Fields that change what an adapter computes, with their supported values (null and missing fields are supported too).
 */
const fixed: readonly (readonly [field: string, allowed: readonly unknown[], why: string])[] = [
  ['peft_type', ['LORA'], 'LoRA is the only supported adapter'],
  ['bias', ['none'], 'biases are not trained'],
  ['use_dora', [false], 'DoRA is not supported'],
  ['use_qalora', [false], 'QALoRA is not supported'],
  ['lora_bias', [false], 'adapters have no bias'],
  ['fan_in_fan_out', [false], 'weights are [out, in]'],
]
const mustBeEmpty =
  'rank_pattern alpha_pattern exclude_modules modules_to_save layers_to_transform layers_pattern layer_replication target_parameters trainable_token_indices alora_invocation_tokens arrow_config corda_config eva_config kasa_config loftq_config lora_ga_config monteclora_config use_bdlora velora_config megatron_config auto_mapping runtime_config'.split(
    ' ',
  )
/** Fields that do not affect the output of a trained adapter. */
const ignored = new Set(
  'task_type base_model_name_or_path revision inference_mode init_lora_weights lora_dropout peft_version megatron_core qalora_group_size ensure_weight_tying'.split(
    ' ',
  ),
)

/**
 * Reads a parsed adapter_config.json. A field that would change what the adapter computes, but is not supported, is
 * rejected by name.
 * @param modules the layers that have an adapter, which are the targets if the file has a pattern (a string)
 * @throws TypeError or RangeError naming the field
 */
function fromPeftConfig(json: unknown, modules: readonly string[]): LoraConfig {
  const owner = 'adapter_config.json'
  if (!isObject(json)) throw new TypeError(`${owner}: must be a JSON object, got ${show(json)}`)
  const fields = new Fields(owner, json)
  if (!fields.has('peft_type')) throw new TypeError(`${owner}: peft_type is missing; it must be "LORA"`)
  for (const [key, allowed, why] of fixed) fields.only(key, allowed, why)
  for (const key of mustBeEmpty) {
    const value = fields.raw(key)
    if (typeof value === 'object' && (value === null || Object.keys(value).length === 0)) continue
    if (value !== undefined && value !== false)
      throw new RangeError(`${owner}: ${key} is not supported and must be empty, got ${show(value)}`)
  }
  const rankStabilized = fields.flag('use_rslora', false)
  const rank = fields.number('r', 8)
  const alpha = fields.number('lora_alpha', 8)
  const given = fields.raw('target_modules')
  // A pattern is a regular expression of Python; PEFT writes the matrices of the layers that it matched.
  const targets = typeof given === 'string' && given !== 'all-linear' ? modules : given
  if (targets !== 'all-linear' && !(Array.isArray(targets) && targets.every((x) => typeof x === 'string')))
    throw new TypeError(
      `${owner}: target_modules must be a list of names, a pattern or "all-linear", got ${show(targets)}`,
    )
  for (const key of fields.unread())
    if (!ignored.has(key))
      throw new RangeError(
        `${owner}: ${key} is set to ${show(fields.raw(key))}: an unknown field, which may change what the adapter computes`,
      )
  return { rank, alpha, targets: targets as LoraConfig['targets'], ...(rankStabilized && { rankStabilized }) }
}

/** The adapter_config.json of an adapter. @param baseModel the base model that PEFT loads: a folder, or `owner/name` */
export function toPeftConfig(config: LoraConfig, baseModel?: string): Record<string, unknown> {
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel ?? null,
    r: config.rank,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    target_modules: config.targets,
    use_rslora: config.rankStabilized ?? false,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
  }
}

/**
 * Writes an adapter as PEFT reads it.
 * @param options.baseModel the base model that PEFT loads: a folder, or
 * `owner/name`
 * @example
 * const lora = loraModel(decoderModel(architecture), { rank: 2, alpha: 4, targets: ['q_proj'] })
 * await saveAdapter('out/adapter', adapterOf(lora, initializeAdapter(device, lora).parameters))
 */
export async function saveAdapter(
  folder: string,
  { config, parameters }: Adapter,
  options: { readonly baseModel?: string } = {},
): Promise<void> {
  const tensors = Object.entries(parameters).map(([name, t]) => ({
    ...codesOf('saveAdapter', name, t),
    name: prefix + name,
  }))
  // PEFT's "all-linear" includes the experts of a mixture, which have no adapters here.
  const targets = config.targets === 'all-linear' ? modulesOf(parameters) : config.targets
  const json = toPeftConfig({ ...config, targets }, options.baseModel)
  await replaceFile(join(folder, 'adapter_model.safetensors'), safetensorsChunks(tensors, { format: 'pt' }))
  await replaceFile(join(folder, 'adapter_config.json'), `${JSON.stringify(json, null, 2)}\n`)
}

const loraSuffix = /\.lora_[AB]\.weight$/

/** The last part of the names of the layers with an adapter, such as `q_proj`. */
const modulesOf = (parameters: Parameters): string[] => [
  ...new Set(Object.keys(parameters).map((name) => name.replace(loraSuffix, '').split('.').at(-1)!)),
]

/**
 * Reads an adapter in PEFT's files, as float32 matrices.
 * @param model the base model
 * @throws Error naming the file and field or matrix, for missing or malformed files, and for an adapter of another
 * model
 * @example
 * const base = decoderModel(architecture)
 * const lora = loraModel(base, { rank: 2, alpha: 4, targets: ['q_proj'] })
 * await saveAdapter('adapter', adapterOf(lora, initializeAdapter(device, lora).parameters))
 * const { config } = await loadAdapter(device, 'adapter', base)
 * config.rank // 2
 */
export async function loadAdapter(device: Device, folder: string, model: LanguageModel): Promise<Adapter> {
  const configFile = join(folder, 'adapter_config.json')
  const weightsFile = join(folder, 'adapter_model.safetensors')
  const text = await readText(configFile, 10_000_000).catch((error) => {
    throw new Error(
      `${configFile}: cannot be read (${error.code ?? error.message}); give the folder of an adapter as PEFT writes it`,
    )
  })
  const within = async <T>(file: string, read: () => T | Promise<T>): Promise<T> => {
    try {
      return await read()
    } catch (error) {
      const message = (error as Error).message.replace(/^(adapter_config\.json|loraModel): /, '')
      throw new Error(`${file}: ${message}`, { cause: error })
    }
  }
  const ranges = await openFileRanges(weightsFile)
  try {
    const file = await within(weightsFile, () => openSafetensors(ranges))
    const { config, matrices } = await within(configFile, () => {
      const adapted = [...file.tensors.keys()].filter((name) => name.startsWith(prefix) && loraSuffix.test(name))
      const modules = [...new Set(adapted.map((name) => name.slice(prefix.length).replace(loraSuffix, '')))]
      const config = fromPeftConfig(parseJson(text), modules)
      return { config, matrices: loraParameters(model, config) }
    })
    const parameters: Parameters = {}
    await within(weightsFile, async () => {
      const wanted = new Set(matrices.map(({ name }) => prefix + name))
      const other = [...file.tensors.keys()].find((name) => !wanted.has(name))
      if (other !== undefined)
        throw new RangeError(
          `${other} is not a parameter of the model ${model.name}: the adapter belongs to another model, or to other targets`,
        )
      for (const { name, shape } of matrices) {
        const info = file.tensors.get(prefix + name)
        if (!info) throw new RangeError(`has no ${prefix}${name}, which the targets of adapter_config.json require`)
        if (info.shape.length !== 2 || info.shape.some((d, i) => d !== shape[i]))
          throw new RangeError(
            `${prefix}${name} is [${info.shape.join(', ')}], the model ${model.name} with rank ${config.rank} needs [${shape.join(', ')}]: the adapter belongs to another model`,
          )
        if (!dtypes[info.dtype])
          throw new RangeError(
            `${prefix}${name} is stored as ${info.dtype}; ${Object.keys(dtypes).join(', ')} can be read`,
          )
        const t = cast(tensorOf(device, info, await file.read(info.name)), 'float32')
        await device.evaluate(t)
        parameters[name] = t
      }
    })
    return { config, parameters }
  } finally {
    await ranges.close()
  }
}
