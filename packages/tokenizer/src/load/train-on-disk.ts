/** Training on text larger than memory. Node only. */
import { renameSync, statSync, writeFileSync } from 'node:fs'
import { TokenizerError } from '../tokenizer-error.ts'
import type { TrainOptions } from '../training/options.ts'
import { trainSpilled } from '../training/train-spilled.ts'
import { filesOf, newState, type TrainingState, type Workspace } from '../training/workspace.ts'
import { SpillFolder } from './spill-folder.ts'

export type TrainOnDiskOptions = Omit<TrainOptions, 'inputSentenceSize' | 'shuffleInputSentence'> & {
  type: 'unigram' | 'bpe'
  /** Limit of the memory of the whole process, in bytes. */
  memory: number
  /**
   * Working folder for data that does not fit, two to six times the text. Created, and removed when training is done.
   */
  folder: string
  /** Files that the lines come from. Resuming after one of them has changed is an error. */
  files?: readonly string[]
  /** Path to write the model to. */
  output?: string
}

const LEAST_BUDGET = 48 * 2 ** 20
/** Memory reserved for everything but arrays, on top of the current usage: lines, buffers, the heap (bytes). */
const APART = 112 * 2 ** 20
/** Version of the saved state; increases when older states cannot be resumed. */
const FORMAT = 1

/** Options that do not affect how text is read and counted: when they change, the counts stay valid. */
const OF_LATER_PHASES = new Set(
  (
    'vocabSize byteFallback controlSymbols maxPieceLength seedSize shrinkFactor subIterations unkId bosId eosId padId unkPiece bosPiece ' +
    'eosPiece padPiece hardVocabLimit'
  ).split(' '),
)

export type Settings = Record<string, unknown>
type Saved = { format: number; settings: Settings; inputs: InputFile[]; state: TrainingState }
type InputFile = { path: string; bytes: number; modified: number }

/**
 * Trains a model under a memory limit: counts of fragments are spilled to disk and merged, the suffix array is built in
 * blocks, and every pass reads from disk. The model is the same as that of `trainUnigram` or `trainBpe`, byte for byte.
 * Progress is saved in the folder: after an interruption or a full disk, the same call with the same lines resumes.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, memory is too small, the disk is full, another process uses the
 *   folder, or an input file or an option has changed since training started
 * @example
 * const options = { vocabSize: 300, byteFallback: true, hardVocabLimit: false }
 * const trained = await trainOnDisk(lines, { ...options, type: 'unigram', memory: 2 ** 32, folder: 'training' })
 * loadTokenizer(trained).encode('木').length > 0 // true
 */
export async function trainOnDisk(
  lines: Iterable<string> | AsyncIterable<string>,
  options: TrainOnDiskOptions,
): Promise<Uint8Array> {
  const { type, memory, folder, files = [], output, ...rest } = options
  if (type !== 'unigram' && type !== 'bpe') {
    throw new TokenizerError(`trainOnDisk: type is ${JSON.stringify(type)}; unigram or bpe is needed`, {
      option: 'type',
    })
  }
  if (typeof folder !== 'string' || folder === '') {
    throw new TokenizerError(
      'trainOnDisk: folder is missing; give a working folder for data that does not fit in memory',
      { option: 'folder' },
    )
  }
  for (const name of ['inputSentenceSize', 'shuffleInputSentence']) {
    if (name in rest)
      throw new TokenizerError(`trainOnDisk: ${name} is not supported; training uses all lines`, { option: name })
  }
  const budget = budgetOf(memory)
  return trainInFolder({ folder, settings: settingsOf(type, rest), files, budget, output }, (workspace, beforeUse) =>
    trainSpilled(lines, type, rest, workspace, beforeUse),
  )
}

/** Training that resumes from a folder. */
export type FolderOptions = {
  folder: string
  settings: Settings
  files: readonly string[]
  budget: number
  output?: string
}

/**
 * Runs training in a folder, which is removed when the model is written.
 * @throws TokenizerError as {@link trainOnDisk}
 */
export async function trainInFolder(
  { folder, settings, files, budget, output }: FolderOptions,
  train: (workspace: Workspace, beforeUse: () => void) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const inputs = files.map(inputOf)
  const spill = new SpillFolder(folder)
  try {
    const state = stateOf(spill.load() as Saved | undefined, settings, inputs, folder)
    spill.keepOnly(filesOf(state))
    const saved: Saved = { format: FORMAT, settings, inputs, state }
    const workspace = { budget, ceiling: budget, spill, state, save: () => spill.save(saved) }
    const model = await train(workspace, () => checkInputs(inputs, files.map(inputOf), folder))
    if (output !== undefined) writeModel(output, model)
    spill.clear()
    return model
  } catch (error) {
    spill.release()
    throw error
  }
}

/** The file is there whole, or not at all. */
export function writeModel(path: string, model: Uint8Array): void {
  const part = `${path}.${process.pid}.part`
  writeFileSync(part, model)
  renameSync(part, path)
}

/** Bytes available for arrays under a limit for the whole process. */
export function budgetOf(memory: number): number {
  const own = process.memoryUsage().rss + APART
  const least = Math.ceil((own + LEAST_BUDGET) / 2 ** 20)
  if (!(Number.isFinite(memory) && memory - own >= LEAST_BUDGET)) {
    throw new TokenizerError(
      `train: memory is ${memory} bytes; at least ${least * 2 ** 20} (${least} MiB) are needed: the process itself takes ${Math.ceil(own / 2 ** 20)} MiB`,
      { option: 'memory' },
    )
  }
  return Math.min(memory - own, 2 ** 33)
}

/** The options as parsed from their JSON, for comparison with saved ones. */
export function settingsOf(type: string, { onProgress: _, ...options }: TrainOptions): Settings {
  return JSON.parse(
    JSON.stringify({ type, ...options }, (_, value) => (value instanceof Map ? [...value] : value)),
  ) as Settings
}

export function inputOf(path: string): InputFile {
  try {
    const { size, mtimeMs } = statSync(path)
    return { path, bytes: size, modified: mtimeMs }
  } catch (error) {
    throw new TokenizerError(`train: ${path} cannot be read (${(error as Error).message})`)
  }
}

function stateOf(
  saved: Saved | undefined,
  settings: Settings,
  inputs: readonly InputFile[],
  folder: string,
): TrainingState {
  if (saved === undefined) return newState()
  if (saved.format !== FORMAT) {
    throw new TokenizerError(`train: ${folder} is from another version; remove it to start over`)
  }
  const names = new Set([...Object.keys(saved.settings), ...Object.keys(settings)])
  const text = (value: unknown) => (value === undefined ? 'not given' : JSON.stringify(value).slice(0, 100))
  let { state } = saved
  for (const name of names) {
    if (JSON.stringify(saved.settings[name]) === JSON.stringify(settings[name])) continue
    if (!OF_LATER_PHASES.has(name)) {
      throw new TokenizerError(
        `train: ${folder} was started with another ${name} (${text(saved.settings[name])}, now ${text(settings[name])}); use that, or remove it to start over`,
      )
    }
    // The counts stay valid, but pieces and merges learnt from them are discarded.
    state = { ...state, round: undefined, merges: undefined }
  }
  checkInputs(saved.inputs, inputs, folder)
  return state
}

/** @throws TokenizerError where a file has changed */
function checkInputs(then: readonly InputFile[], now: readonly InputFile[], folder: string): void {
  const changed = then.find((file, k) => JSON.stringify(file) !== JSON.stringify(now[k])) ?? now[then.length]
  if (changed) {
    throw new TokenizerError(
      `train: ${changed.path} has changed since training started; restore it, or remove ${folder} to start over`,
    )
  }
}
