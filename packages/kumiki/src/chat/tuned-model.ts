/** The model of a fine-tuning run, with all weights trained or an adapter on a frozen base; loading and saving. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  adapterOf,
  blockScaledModel,
  type DecoderModel,
  decoderModel,
  initializeAdapter,
  type LanguageModel,
  type LoraModel,
  loraModel,
  loraTrainable,
  type ModelArchitecture,
  mergeAdapter,
  type Parameters,
} from '@kumiki/models'
import { copyTokenizerFiles, loadModel, saveAdapter, saveModel } from '@kumiki/models/node'
import type { Device } from '@kumiki/tensor'
import type { Trainer } from '@kumiki/train'
import { type RunTuning, writeFileAtomically } from '@kumiki/train/node'

export interface TunedModel {
  readonly architecture: ModelArchitecture
  readonly model: LanguageModel
  readonly parameters: Parameters
  /** Name patterns of trained parameters; undefined: all. */
  readonly trainable: readonly string[] | undefined
  readonly lora: LoraModel | undefined
  readonly warnings: readonly string[]
}

/**
 * Loads a model for tuning.
 * @param folder the base model
 * @throws RangeError for a target that is not a layer of the model
 */
export async function openTunedModel(
  device: Device,
  folder: string,
  { adapter, basePrecision = 'f32' }: RunTuning,
  seed: number,
): Promise<TunedModel> {
  const narrow = adapter && basePrecision === 'bf16'
  const loaded = await loadModel(device, folder, { dtype: narrow ? 'bfloat16' : 'float32' })
  const { architecture, warnings } = loaded
  const base: DecoderModel = decoderModel(architecture)
  if (!adapter)
    return { architecture, warnings, model: base, parameters: loaded.parameters, trainable: undefined, lora: undefined }
  const lora = loraModel(base, adapter)
  const wide = { ...loaded.parameters, ...initializeAdapter(device, lora, { seed }).parameters }
  if (basePrecision !== 'fp8')
    return { architecture, warnings, model: lora, parameters: wide, trainable: loraTrainable, lora }
  const model = blockScaledModel(lora)
  const parameters = await model.narrow(wide)
  for (const [name, t] of Object.entries(wide)) if (parameters[name] !== t) t.dispose()
  return { architecture, warnings, model, parameters, trainable: loraTrainable, lora }
}

/**
 * Saves the result for Transformers or PEFT: the complete model, or the adapter with the name of its base.
 * @param from folder of the base model
 * @param template Jinja source for chat_template.jinja
 */
export async function saveTunedModel(
  device: Device,
  path: string,
  from: string,
  { architecture, lora }: TunedModel,
  trainer: Trainer,
  { tuning, template }: { readonly tuning: RunTuning; readonly template?: string },
): Promise<void> {
  await copyTokenizerFiles(from, path)
  if (template !== undefined) await writeFileAtomically(join(path, 'chat_template.jinja'), template)
  const dtype = await storedDtype(from)
  if (!lora) {
    await saveModel(path, architecture, trainer.masterParameters(), { ...dtype, ...(await idsOf(from)) })
    return
  }
  const adapter = adapterOf(lora, trainer.masterParameters())
  if (!tuning.merge) {
    await saveAdapter(path, adapter, { baseModel: tuning.model.replace(/^hf:/, '') })
    return
  }
  // Merged into the original weights, because those of the run may have a narrower format.
  const { parameters } = await loadModel(device, from)
  const merged = mergeAdapter(lora.base, parameters, adapter)
  await saveModel(path, architecture, merged, { ...dtype, ...(await idsOf(from)) })
}

async function configOf(folder: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
}

/** The storage format of the base model, which is kept. */
async function storedDtype(folder: string): Promise<{ dtype?: 'float32' | 'bfloat16' | 'float16' }> {
  const config = await configOf(folder)
  const stored = config.dtype ?? config.torch_dtype
  return stored === 'bfloat16' || stored === 'float16' || stored === 'float32' ? { dtype: stored } : {}
}

async function idsOf(folder: string) {
  const config = await configOf(folder)
  const id = (value: unknown) => (typeof value === 'number' ? value : undefined)
  return {
    bosTokenId: id(config.bos_token_id),
    eosTokenId: id(Array.isArray(config.eos_token_id) ? config.eos_token_id[0] : config.eos_token_id),
    padTokenId: id(config.pad_token_id),
  }
}
