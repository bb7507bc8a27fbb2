/**
 * Resolves and validates the definition of a `kumiki train` run from a preset, a configuration file and flags.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { architectureFields, type ModelArchitecture, validateArchitecture } from '@kumiki/models/configs'
import {
  changeRunConfiguration,
  checkRunConfiguration,
  type RunConfiguration,
  type RunConfigurationChanges,
  type RunKinds,
  runConfigurationFields,
} from '@kumiki/train'
import type { RecipeDifference, RunDefinition } from '@kumiki/train/node'
import { upgradeConfiguration } from '@kumiki/train/records'
import { meantOrKnown } from '../flags/nearest.ts'
import { tokenizerPath } from '../models/text-tokenizer.ts'
import { UsageError } from '../usage-error.ts'
import { findPreset, fitPreset, type Preset } from './presets.ts'
import { textsOf } from './run-texts.ts'
import { readTokenizer } from './run-tokenizer.ts'
import { tokenFilesOf, writtenTokenFiles } from './token-files.ts'
import { fitsAnyDevice } from './training-memory.ts'

export interface RunSources {
  readonly preset?: string
  /**
   * A JSON file: { name?, preset?, architecture?: {...}, run?: {...}, data?: [...], tokenFiles?: {...}, tokenizer?,
   *   heldOut?: {...} }, applied over the preset.
   */
  readonly config?: string
  /** The content of `config`, if that file is not written yet. */
  readonly content?: unknown
  readonly overrides: RunConfigurationChanges
  /** The module with the user's own schedules and optimizers, and its exports. */
  readonly plugin?: string
  readonly ownKinds?: RunKinds
  /** Token files, their order and split, and a tokenizer; they override those of the file. */
  readonly dataPath?: readonly string[]
  readonly order?: 'megatron' | 'packed'
  readonly split?: string
  readonly tokenizer?: string
  /** Bytes of memory that a preset is scaled to. Default: what this process may use. */
  readonly available?: number
}

/**
 * Applies the preset, then the configuration file, then the flags. The architecture's vocabulary size is set later,
 * from the tokenizer.
 */
export async function resolveRun(sources: RunSources): Promise<RunDefinition & { readonly data?: readonly string[] }> {
  const { preset: named, config, content, overrides, available, plugin, ownKinds, dataPath, order, split } = sources
  const file = config ? parseConfig(content === undefined ? await readConfig(config) : content, config) : {}
  const preset = findPreset(named ?? (typeof file.preset === 'string' ? file.preset : 'nano'))
  const fromFile = (file.run ?? {}) as RunConfigurationChanges
  const flags = Object.fromEntries(Object.entries(overrides).filter(([, v]) => v !== undefined))
  const sizes = pick(file.architecture, architectureFields, `${config}: architecture`)
  const given = new Map<string, string>()
  for (const field of Object.keys(fromFile)) given.set(field, String(config))
  for (const field of Object.keys(flags)) given.set(field, flagOf(field))
  let configuration = changeRunConfiguration(changeRunConfiguration(preset.configuration, fromFile), flags)
  let architecture = { ...preset.architecture, ...sizes } as ModelArchitecture
  let differences: readonly RecipeDifference[] | undefined
  const tokenizerFile = await tokenizerOf(sources, file.tokenizer)
  if (tokenizerFile !== undefined) {
    const { vocabSize } = (await readTokenizer(tokenizerFile)).tokenizer
    if (given.has('vocabSize') && configuration.vocabSize !== vocabSize)
      throw new UsageError(
        `${given.get('vocabSize')}: vocabSize is ${configuration.vocabSize}, but the tokenizer ${tokenizerFile} has ${vocabSize} pieces; leave it out`,
      )
    configuration = { ...configuration, vocabSize }
    // Keeps `fitPreset` from reducing the vocabulary size.
    given.set('vocabSize', basename(tokenizerFile))
  }
  if (preset.model) {
    const fits = (candidate: RunConfiguration) => fitsAnyDevice(architecture, candidate, available)
    const fitted = fitPreset({ ...preset, model: preset.model }, configuration, given, fits)
    configuration = fitted.configuration
    differences = [...sizeDifferences(preset, sizes, String(config)), ...fitted.differences]
  } else if (!given.has('warmupSteps') && configuration.warmupSteps !== undefined) {
    // Shorten the warmup of a short run, so that the schedule keeps its shape.
    const warmupSteps = Math.min(configuration.warmupSteps, Math.floor(configuration.steps / 10))
    configuration = { ...configuration, warmupSteps }
  }
  const ofFlags = dataPath !== undefined && dataPath.length > 0
  const written = config === undefined ? undefined : writtenTokenFiles(file.tokenFiles, config)
  const tokens = (ofFlags || written) && {
    ...written,
    ...(ofFlags && { dataPath }),
    ...(order !== undefined && { order }),
    ...(split !== undefined && { split }),
  }
  if (!tokens && (order !== undefined || split !== undefined))
    throw new UsageError(`--${order === undefined ? 'split' : 'order'} needs --data-path (token files)`)
  if (tokens && tokenizerFile === undefined)
    throw new UsageError('token files need --tokenizer FILE, the tokenizer that encoded them')
  if (configuration.sequenceLength > architecture.maxPositionEmbeddings)
    architecture = { ...architecture, maxPositionEmbeddings: configuration.sequenceLength }
  try {
    validateArchitecture(architecture, config ?? preset.name)
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
  return {
    name: typeof file.name === 'string' ? file.name : preset.name,
    architecture,
    configuration: checkRunConfiguration(configuration, config ?? 'the run', ownKinds),
    ...(plugin !== undefined && { kinds: plugin }),
    ...(config !== undefined && textsOf(file, config)),
    ...(tokens && {
      tokenFiles: tokenFilesOf(tokens, config === undefined || ofFlags ? '.' : dirname(config), configuration),
    }),
    ...(tokenizerFile !== undefined && { tokenizer: tokenizerFile }),
    ...(differences && { recipe: { model: preset.name, differences } }),
  }
}

/** A path in a flag is relative to the current folder, one in a file to the file's folder. */
async function tokenizerOf({ tokenizer, config }: RunSources, ofFile: unknown): Promise<string | undefined> {
  if (tokenizer !== undefined) return tokenizerPath(tokenizer)
  if (ofFile === undefined) return undefined
  if (typeof ofFile !== 'string') throw new UsageError(`${config}: tokenizer must be a path, got ${typeof ofFile}`)
  return tokenizerPath(resolve(dirname(String(config)), ofFile))
}

function sizeDifferences({ architecture }: Preset, sizes: Record<string, unknown>, file: string): RecipeDifference[] {
  return Object.entries(sizes)
    .filter(([field, value]) => architecture[field as keyof ModelArchitecture] !== value)
    .map(([field, value]) => ({
      what: field,
      recipe: String(architecture[field as keyof ModelArchitecture]),
      run: String(value),
      why: `set by ${file}`,
    }))
}

/** The flag that sets a configuration field. */
const flagOf = (field: string) =>
  field === 'warmupSteps' ? '--warmup' : `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const known = ['name', 'preset', 'architecture', 'run', 'data', 'tokenFiles', 'tokenizer', 'heldOut']

async function readConfig(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new UsageError(`--config ${path}: cannot be read (${error.code ?? error.message})`)
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--config ${path}: is not JSON: ${(error as Error).message}`)
  }
}

function parseConfig(json: unknown, path: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new UsageError(
      `--config ${path}: must be an object { name?, preset?, architecture?, run?, data?, tokenFiles?, tokenizer?, heldOut? }`,
    )
  // Earlier versions wrote the run's configuration under `recipe`.
  const { recipe, ...rest } = json as Record<string, unknown>
  if (recipe !== undefined && 'run' in rest)
    throw new UsageError(`--config ${path}: has both run and recipe; keep only run`)
  const unknown = Object.keys(rest).filter((k) => !known.includes(k))
  if (unknown.length > 0)
    throw new UsageError(`--config ${path}: unknown field ${unknown[0]}; ${meantOrKnown(unknown[0], known)}`)
  const [field, value] = recipe === undefined ? ['run', rest.run] : ['recipe', recipe]
  const upgraded =
    typeof value === 'object' && value !== null ? upgradeConfiguration(value as Record<string, unknown>) : value
  return { ...rest, run: pick(upgraded, runConfigurationFields, `${path}: ${field}`) }
}

function pick(value: unknown, known: readonly string[], where: string): Record<string, unknown> {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${where}: must be an object`)
  const unknown = Object.keys(value).find((k) => !known.includes(k))
  if (unknown !== undefined) throw new UsageError(`${where}: unknown field ${unknown}; ${meantOrKnown(unknown, known)}`)
  return value as Record<string, unknown>
}
