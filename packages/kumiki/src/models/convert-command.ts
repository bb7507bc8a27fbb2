/** `kumiki convert`: converts a model to another format, with its tokenizer and a model card. */
import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { countParameters, decoderModel, type ModelArchitecture, mergeAdapter } from '@kumiki/models'
import {
  type CardScore,
  copyLicenceFiles,
  copyTokenizerFiles,
  type GgufTokenizer,
  loadAdapter,
  loadGguf,
  loadModel,
  modelCard,
  saveGguf,
  saveModel,
} from '@kumiki/models/node'
import { type Device, init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import type { RunSummary } from '@kumiki/train/records'
import { exists, readBytes, readJson, writeWhole } from '../files/files.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { type KeptScore, readScores } from './checkpoint-scores.ts'
import { licenceOf, type ModelLicence } from './model-licence.ts'
import { baseModelOf } from './model-origin.ts'
import { type CheckpointFolders, checkpointFolders } from './open-checkpoint.ts'

export interface ConvertOptions {
  /** A run folder, a folder in Hugging Face's layout, an adapter, `hf:owner/name`, or a GGUF file. */
  readonly model: string
  readonly to: 'hf' | 'gguf' | 'kumiki'
  readonly out: string
  /** Storage format of the weights. Default: unchanged (hf), float32 (kumiki), f16 (gguf). */
  readonly type?: ConvertType
  /** The name on the model card. */
  readonly name?: string
  /** The licence on the model card. Default: that of the model's own card, or of the model it was tuned from. */
  readonly licence?: string
}

export const convertTypes = ['f32', 'f16', 'bf16', 'q8_0'] as const
export type ConvertType = (typeof convertTypes)[number]

const dtypes = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' } as const

export interface Converted {
  readonly out: string
  readonly to: ConvertOptions['to']
  readonly parameters: number
  readonly files: readonly string[]
}

/**
 * @throws Error naming a file that is missing, invalid or cannot be represented in that format; nothing is overwritten
 */
export async function runConvert(options: ConvertOptions): Promise<Converted> {
  const { to, out, type } = options
  if (type === 'q8_0' && to !== 'gguf')
    throw new UsageError(`--type q8_0 exists only in GGUF; with --to ${to} use f32, f16 or bf16`)
  const folders = options.model.endsWith('.gguf') ? undefined : await checkpointFolders(options.model)
  const there = await readdir(out).catch((error) => (error.code === 'ENOENT' ? [] : Promise.reject(error)))
  if (there.length > 0) throw new Error(`${out}: not empty (${there.slice(0, 3).join(', ')}); give a new folder`)
  // Before the weights are read, which may take minutes.
  const stated = to === 'hf' ? await statedLicence(options, folders?.folder) : undefined
  const device = await init({ backend: 'cpu', threads: 1 })
  try {
    const dtype = to === 'kumiki' ? 'float32' : 'stored'
    const { architecture, parameters, warnings, tokenIds, licence } = folders
      ? { ...(await loadFolders(device, folders, dtype)), licence: stated }
      : await loadFile(device, options.model, dtype, stated)
    for (const warning of warnings) log(warning)
    if (to === 'hf' && !licence)
      throw new UsageError(
        `${options.model}: it states no licence (general.license); give it, such as --licence apache-2.0`,
      )
    const name = options.name ?? basename(resolve(folders?.folder ?? options.model)).replace(/\.gguf$/, '')
    const { makeFolder } = await import('@kumiki/data/node')
    await makeFolder(out)
    if (to === 'gguf') {
      const tokenizer = folders ? await ggufTokenizer(folders.tokenizer, architecture) : undefined
      if (!tokenizer)
        log('no tokenizer.model: the GGUF file gets no vocabulary, so llama.cpp cannot tokenize text with it')
      const file = join(out, 'model.gguf')
      await saveGguf(file, architecture, parameters, { type: ggufTypes[type ?? 'f16'], name, tokenizer })
    } else {
      const dtype = type && dtypes[type as keyof typeof dtypes]
      await saveModel(out, architecture, parameters, {
        ...(dtype && { dtype }),
        ...(to === 'kumiki' && { maxShardBytes: Number.MAX_SAFE_INTEGER }),
        ...tokenIds,
      })
      if (!folders) log(`the tokenizer of a GGUF file is not converted: copy the model's tokenizer files into ${out}`)
      else {
        for (const from of new Set([folders.weights, folders.tokenizer])) await copyTokenizerFiles(from, out)
        for (const from of new Set([folders.weights, folders.folder])) await copyLicenceFiles(from, out)
      }
      if (to === 'hf') {
        if (options.licence === undefined)
          log(`the model card says ${[licence!.licence].flat().join(', ')}, from ${licence!.from}`)
        await writeWhole(join(out, 'README.md'), await cardOf(options, name, architecture, folders?.folder, licence!))
      }
    }
    decoderModel(architecture).dispose()
    return { out, to, parameters: countParameters(architecture).total, files: (await readdir(out)).sort() }
  } finally {
    device.dispose()
  }
}

/** The licence that is known before the weights are read; undefined for a GGUF file, whose metadata may state one. */
function statedLicence({ model, licence }: ConvertOptions, folder: string | undefined) {
  return licence !== undefined ? { licence, from: '--licence' } : folder ? licenceOf(model, folder) : undefined
}

/** The weights of a folder, with an adapter merged into those of its base. */
async function loadFolders(device: Device, { folder, weights }: CheckpointFolders, dtype: 'float32' | 'stored') {
  const loaded = await loadModel(device, weights, { dtype })
  if (weights === folder) return loaded
  const model = decoderModel(loaded.architecture)
  return { ...loaded, parameters: mergeAdapter(model, loaded.parameters, await loadAdapter(device, folder, model)) }
}

async function loadFile(device: Device, file: string, dtype: 'float32' | 'stored', given: ModelLicence | undefined) {
  const { architecture, parameters, metadata } = await loadGguf(device, file, { dtype })
  const own = metadata.get('general.license')
  const licence = given ?? (typeof own === 'string' && own !== '' ? { licence: own, from: file } : undefined)
  return { architecture, parameters, licence, warnings: [], tokenIds: {} }
}

const ggufTypes = { f32: 'F32', f16: 'F16', bf16: 'BF16', q8_0: 'Q8_0' } as const

const pieceTypes: Readonly<Record<string, number>> = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
}

/** The vocabulary of a SentencePiece model, padded to the rows of the embedding. */
async function ggufTokenizer(folder: string, { vocabSize }: ModelArchitecture): Promise<GgufTokenizer | undefined> {
  const file = join(folder, 'tokenizer.model')
  if ((await exists(file)) !== true) return undefined
  const tokenizer = loadTokenizer(await readBytes(file))
  const ids = Array.from({ length: vocabSize }, (_, id) => id)
  const known = (id: number) => id < tokenizer.vocabSize
  return {
    model: tokenizer.modelType === 'bpe' ? 'llama' : 't5',
    tokens: ids.map((id) => (known(id) ? tokenizer.idToPiece(id) : `<unused${id}>`)),
    scores: ids.map((id) => (known(id) ? tokenizer.pieceScore(id) : -1e4)),
    types: ids.map((id) => (known(id) ? (pieceTypes[tokenizer.pieceType(id)] ?? 1) : 5)),
    ...(tokenizer.bosId >= 0 && { bosId: tokenizer.bosId }),
    ...(tokenizer.eosId >= 0 && { eosId: tokenizer.eosId }),
    unknownId: tokenizer.unkId,
  }
}

/** The model card: data, recipe and held-out results from a run's summary; for other models, only sizes. */
async function cardOf(
  { model }: ConvertOptions,
  name: string,
  architecture: ModelArchitecture,
  folder: string | undefined,
  { from: _, ...licence }: ModelLicence,
): Promise<string> {
  const file = folder && join(folder, 'summary.json')
  const summary = file && (await exists(file)) === true ? ((await readJson(file)) as Partial<RunSummary>) : {}
  const { corpus, heldOut, heldOutParts = {}, steps, tokens, precision, seed } = summary
  const { evaluation, checkpoints } = folder ? curveOf(await readScores(folder)) : { evaluation: [], checkpoints: [] }
  const base = model.startsWith('hf:') ? model : folder && (await baseModelOf(folder))
  const figures = { ...(heldOut && { 'held-out text': heldOut }), ...heldOutParts }
  return modelCard({
    name,
    ...licence,
    ...(base?.startsWith('hf:') && { baseModel: base.slice(3) }),
    parameters: countParameters(architecture).total,
    contextLength: architecture.maxPositionEmbeddings,
    ...(corpus && { data: corpus.map(({ subset, ...rest }) => ({ name: subset, ...rest })) }),
    recipe: Object.fromEntries(
      Object.entries({ steps, tokens, precision, seed }).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])),
    ),
    evaluation: [
      ...Object.entries(figures).flatMap(([task, { bitsPerByte }]) =>
        Number.isFinite(bitsPerByte) ? [{ task, metric: 'bits per byte', value: bitsPerByte }] : [],
      ),
      ...evaluation,
    ],
    ...(checkpoints.length > 1 && { checkpoints }),
  })
}

/**
 * The cached scores of `kumiki evaluate --runs`: of the last checkpoint, and of all. Scores of moving averages are left
 * out, since they are not those of the saved weights.
 */
function curveOf(kept: readonly KeptScore[]) {
  const byTokens = new Map<number, CardScore[]>()
  for (const { tokens, averaged, window, name, made } of kept) {
    if (averaged || window !== null) continue
    const scores = byTokens.get(tokens) ?? []
    byTokens.set(tokens, scores)
    if ('file' in made) scores.push({ task: basename(name), metric: 'bits per byte', value: made.bitsPerByte })
    else
      for (const [metric, { value, standardError }] of Object.entries(made.metrics))
        scores.push({ task: made.task, metric, value, ...(standardError !== undefined && { standardError }) })
  }
  const checkpoints = [...byTokens].map(([tokens, scores]) => ({ tokens, scores })).sort((a, b) => a.tokens - b.tokens)
  return { evaluation: checkpoints.at(-1)?.scores ?? [], checkpoints }
}
