/** The model of a fine-tuning run, with all weights trained or an adapter on a frozen base; loading and saving. */
import { rm } from 'node:fs/promises'
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
import { copyTokenizerFiles, type LoadedModel, loadModel, saveAdapter, saveModel } from '@kumiki/models/node'
import type { Device } from '@kumiki/tensor'
import type { Trainer } from '@kumiki/train'
import { type RunTuning, writeFileAtomically } from '@kumiki/train/node'
import { readJson } from '../files/files.ts'

export interface TunedModel {
  readonly architecture: ModelArchitecture
  readonly model: LanguageModel
  readonly parameters: Parameters
  /** Name patterns of trained parameters; undefined: all. */
  readonly trainable: readonly string[] | undefined
  readonly lora: LoraModel | undefined
  /** Special ids of the base's config.json. */
  readonly tokenIds: LoadedModel['tokenIds']
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
  const { architecture, warnings, tokenIds } = loaded
  const about = { architecture, warnings, tokenIds }
  const base: DecoderModel = decoderModel(architecture)
  if (!adapter) return { ...about, model: base, parameters: loaded.parameters, trainable: undefined, lora: undefined }
  const lora = loraModel(base, adapter)
  const wide = { ...loaded.parameters, ...initializeAdapter(device, lora, { seed }).parameters }
  if (basePrecision !== 'fp8') return { ...about, model: lora, parameters: wide, trainable: loraTrainable, lora }
  const model = blockScaledModel(lora)
  const parameters = await model.narrow(wide)
  for (const [name, t] of Object.entries(wide)) if (parameters[name] !== t) t.dispose()
  return { ...about, model, parameters, trainable: loraTrainable, lora }
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
  { architecture, lora, tokenIds }: TunedModel,
  trainer: Trainer,
  { tuning, template }: { readonly tuning: RunTuning; readonly template?: string },
): Promise<void> {
  await copyTokenizerFiles(from, path)
  if (template !== undefined) {
    await writeFileAtomically(join(path, 'chat_template.jinja'), template)
    // Transformers' processors prefer it.
    await rm(join(path, 'chat_template.json'), { force: true })
  }
  const dtype = await storedDtype(from)
  if (!lora) {
    await saveModel(path, architecture, trainer.masterParameters(), { ...dtype, ...tokenIds })
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
  await saveModel(path, architecture, merged, { ...dtype, ...tokenIds })
}

/** The storage format of the base model, which is kept. */
async function storedDtype(folder: string): Promise<{ dtype?: 'float32' | 'bfloat16' | 'float16' }> {
  const config = (await readJson(join(folder, 'config.json'))) as Record<string, unknown>
  const stored = config.dtype ?? config.torch_dtype
  return stored === 'bfloat16' || stored === 'float16' || stored === 'float32' ? { dtype: stored } : {}
}
