/** Training on a text larger than memory. Node only. */
import { renameSync, statSync, writeFileSync } from 'node:fs'
import { TokenizerError } from '../tokenizer-error.ts'
import type { TrainOptions } from '../training/options.ts'
import { trainSpilled } from '../training/train-spilled.ts'
import { filesOf, newState, type TrainingState } from '../training/workspace.ts'
import { SpillFolder } from './spill-folder.ts'

export type TrainOnDiskOptions = Omit<TrainOptions, 'inputSentenceSize' | 'shuffleInputSentence'> & {
  type: 'unigram' | 'bpe'
  /** Bytes of memory that the process may take in all. */
  memory: number
  /** Where what does not fit goes: two to six times the text. It is made, and removed when the model is there. */
  folder: string
  /** Files that the lines come from: where one of them has changed, nothing goes on from before. */
  files?: readonly string[]
  /** Where the model is written. */
  output?: string
}

const LEAST_BUDGET = 48 * 2 ** 20
/** What the process takes besides arrays, and besides what it takes already: lines being read, buffers, the heap. */
const APART = 112 * 2 ** 20
/** Changes when files of before cannot be gone on from. */
const FORMAT = 1

/** Options that say nothing about how text is read and counted: with others, what has been counted is still right. */
const OF_LATER_PHASES = new Set(
  (
    'vocabSize byteFallback controlSymbols maxPieceLength seedSize shrinkFactor subIterations unkId bosId eosId padId unkPiece bosPiece ' +
    'eosPiece padPiece hardVocabLimit'
  ).split(' '),
)

type Settings = Record<string, unknown>
type Saved = { format: number; settings: Settings; inputs: InputFile[]; state: TrainingState }
type InputFile = { path: string; bytes: number; modified: number }

/**
 * Trains a model under a ceiling of memory: counts of fragments are spilled to disk and merged, the suffix array is made in
 * blocks, every pass reads from disk. The model is that of `trainUnigram` or `trainBpe`, byte for byte. What is done is kept in the
 * folder: when the process is ended, or the disk is full, the same call with the same lines goes on from there.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, memory is too little, the disk is full, another process works in the folder, or a file or an option
 *   is not what it was
 * @example
 * const trained = await trainOnDisk(lines, { type: 'unigram', vocabSize: 300, byteFallback: true, hardVocabLimit: false, memory: 2 ** 32, folder: 'training' })
 * loadTokenizer(trained).encode('木').length > 0 // true
 */
export async function trainOnDisk(
  lines: Iterable<string> | AsyncIterable<string>,
  options: TrainOnDiskOptions,
): Promise<Uint8Array> {
  const { type, memory, folder, files = [], output, ...rest } = options
  if (type !== 'unigram' && type !== 'bpe') {
    throw new TokenizerError(`trainOnDisk: type is ${JSON.stringify(type)}; unigram or bpe is needed`)
  }
  if (typeof folder !== 'string' || folder === '') {
    throw new TokenizerError('trainOnDisk: folder is missing; it says where what does not fit in memory goes')
  }
  for (const name of ['inputSentenceSize', 'shuffleInputSentence']) {
    if (name in rest) throw new TokenizerError(`trainOnDisk: there is no ${name}; all lines are trained on`)
  }
  const budget = budgetOf(memory)
  const inputs = files.map(inputOf)
  const spill = new SpillFolder(folder)
  try {
    const settings = settingsOf(type, rest)
    const state = stateOf(spill.load() as Saved | undefined, settings, inputs, folder)
    spill.keepOnly(filesOf(state))
    const saved: Saved = { format: FORMAT, settings, inputs, state }
    const workspace = { budget, ceiling: budget, spill, state, save: () => spill.save(saved) }
    const model = await trainSpilled(lines, type, rest, workspace, () =>
      checkInputs(inputs, files.map(inputOf), folder),
    )
    if (output !== undefined) {
      const part = `${output}.${process.pid}.part`
      writeFileSync(part, model)
      renameSync(part, output)
    }
    spill.clear()
    return model
  } catch (error) {
    spill.release()
    throw error
  }
}

/** Bytes for arrays under a ceiling for the whole process. */
function budgetOf(memory: number): number {
  const own = process.memoryUsage().rss + APART
  const least = Math.ceil((own + LEAST_BUDGET) / 2 ** 20)
  if (!(Number.isFinite(memory) && memory - own >= LEAST_BUDGET)) {
    throw new TokenizerError(
      `train: memory is ${memory} bytes; ${least * 2 ** 20} (${least} MiB) are the least: the process itself takes ${Math.ceil(own / 2 ** 20)} MiB`,
    )
  }
  return Math.min(memory - own, 2 ** 33)
}

/** The options as they are after a turn through JSON. */
function settingsOf(type: string, { onProgress: _, ...options }: TrainOptions): Settings {
  return JSON.parse(
    JSON.stringify({ type, ...options }, (_, value) => (value instanceof Map ? [...value] : value)),
  ) as Settings
}

function inputOf(path: string): InputFile {
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
    // The text is counted; what was learnt from it is learnt anew.
    state = { ...state, round: undefined, merges: undefined }
  }
  checkInputs(saved.inputs, inputs, folder)
  return state
}

/** @throws TokenizerError where files are not what they were */
function checkInputs(then: readonly InputFile[], now: readonly InputFile[], folder: string): void {
  const changed = then.find((file, k) => JSON.stringify(file) !== JSON.stringify(now[k])) ?? now[then.length]
  if (changed) {
    throw new TokenizerError(
      `train: ${changed.path} has changed since training started; restore it, or remove ${folder} to start over`,
    )
  }
}
