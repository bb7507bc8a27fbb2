/** The flags `plan` and `estimate` share, and the model they name. */
import type { ModelArchitecture, TrainingRecipe } from '@kumiki/models/configs'
import type { PlannerModel } from '@kumiki/planner'
import type { Command } from 'commander'
import { exists, readJson } from './files.ts'
import { choice, integer } from './flag-values.ts'
import { checkedUse, UsageError } from './usage-error.ts'

export interface ClusterFlags {
  model: string
  gpu: string
  gpusPerNode: number
  nodes?: number
  globalBatch: number
  seq: number
  precision: 'bf16' | 'fp16' | 'fp8'
}

/** Declares them; with `required` false they may be left out (`estimate --run`). */
export function addClusterFlags(command: Command, required: boolean): Command {
  const option = (flags: string, description: string, parse?: (text: string) => number) => {
    const created = command.createOption(flags, description).makeOptionMandatory(required)
    command.addOption(parse ? created.argParser(parse) : created)
  }
  option(
    '--model <name|file>',
    'a known model, or JSON: a Hugging Face config.json or { layers, hidden, ffn, heads, kvHeads, headDim, vocab }',
  )
  option('--gpu <name>', 'such as H100, A100, H200, B200')
  option('--gpus-per-node <n>', 'GPUs of a node', integer(1, 1024))
  option('--nodes <n>', 'nodes', integer(1, 1_000_000))
  option('--global-batch <n>', 'sequences in one optimizer step', integer(1, 2 ** 30))
  option('--seq <n>', 'tokens in a sequence', integer(1, 2 ** 28))
  return command.addOption(choice('--precision <format>', 'of matrix products', ['bf16', 'fp16', 'fp8'], 'bf16'))
}

/** A model for the planner, with what is known of it besides. */
export interface NamedModel {
  readonly name: string
  readonly model: PlannerModel
  readonly architecture: ModelArchitecture | null
  readonly recipe: TrainingRecipe | null
}

/**
 * A model by name, or from a JSON file: Hugging Face's snake_case keys, `hiddenSize` ... in camelCase, or the planner's own sizes.
 * @throws UsageError for an unknown name; Error naming the file
 */
export async function findPlannerModel(nameOrFile: string): Promise<NamedModel> {
  const { fromArchitecture } = await import('@kumiki/planner')
  const { findModel, fromHuggingFaceConfig } = await import('@kumiki/models/configs')
  if (!(/[/\\]|\.json$/i.test(nameOrFile) || (await exists(nameOrFile)))) {
    const { name, architecture, recipe } = checkedUse(() => findModel(nameOrFile))
    return { name, architecture, recipe, model: fromArchitecture(architecture, name) }
  }
  const json = await readJson(nameOrFile)
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`${nameOrFile}: it must be a JSON object that describes a model`)
  const known = { name: nameOrFile, recipe: null }
  try {
    if ('hidden_size' in json) {
      const architecture = fromHuggingFaceConfig(json)
      return { ...known, architecture, model: fromArchitecture(architecture) }
    }
    if ('hiddenSize' in json) return { ...known, architecture: null, model: fromArchitecture(json as never) }
    const { name: _, ...sizes } = json as PlannerModel
    return { ...known, architecture: null, model: sizes }
  } catch (error) {
    throw new Error(`${nameOrFile}: ${(error as Error).message}`)
  }
}

/** @throws UsageError naming the flag that is needed */
export function needed<T>(flag: string, value: T | undefined): T {
  if (value === undefined) throw new UsageError(`required option '${flag}' not specified`)
  return value
}
