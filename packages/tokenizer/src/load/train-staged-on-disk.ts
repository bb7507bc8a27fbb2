/** Staged training under a memory limit. Node only. */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TokenizerError } from '../tokenizer-error.ts'
import { type StagedModel, type StagedOptions, stagedModels } from '../training/staged.ts'
import { reestimateSpilled, trainSpilled } from '../training/train-spilled.ts'
import { makeFolder } from './make-folder.ts'
import { budgetOf, inputOf, type Settings, settingsOf, trainInFolder, writeModel } from './train-on-disk.ts'

type Lines = Iterable<string> | AsyncIterable<string>

export type StagedOnDiskOptions = StagedOptions<Lines> & {
  /** Memory limit of the whole process in bytes. */
  memory: number
  /** Working folder; each stage takes two to six times its text there. Created if missing, and removed when done. */
  folder: string
  /** Files that the lines come from: where one of them has changed, training does not resume. */
  files?: readonly string[]
  /** Where the model is written. */
  output?: string
}

/** Files of this folder: of each stage its working folder, its model, and what the model was made from. */
const OWN = /^stage-\d+(?:\.model|\.json)?$/

/**
 * Trains in stages as `trainStaged` does, under a memory limit as `trainOnDisk` does: the same model, byte for byte.
 * Finished stages are kept in the folder, so that the same call resumes after an interruption.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, memory is too small, the disk is full, or an input file or an option
 * has changed since a stage that is not finished was started
 * @example
 * const stages = [{ name: 'ja', lines: ['木と木を組む', '木を組む'], size: 12 }]
 * const where = { memory: 2 ** 32, folder: 'stages' }
 * const staged = await trainStagedOnDisk({ stages, estimateLines: lines, byteFallback: true, ...where })
 * loadTokenizer(staged).encode('木').length > 0 // true
 */
export async function trainStagedOnDisk(options: StagedOnDiskOptions): Promise<Uint8Array> {
  const { memory, folder, files = [], output, ...rest } = options
  if (typeof folder !== 'string' || folder === '') {
    throw new TokenizerError('trainStagedOnDisk: folder is missing; give a working folder for data that does not fit', {
      option: 'folder',
    })
  }
  const budget = budgetOf(memory)
  makeFolder(folder)
  const other = readdirSync(folder).find((name) => !OWN.test(name))
  if (other !== undefined) {
    throw new TokenizerError(`train: ${folder} has files that are not from training (${other}); give a new folder`)
  }
  const models = stagedModels<Lines>(rest)
  let number = 0
  const make = async (wanted: StagedModel<Lines>): Promise<Uint8Array> => {
    const own = join(folder, `stage-${number++}`)
    const settings = settingsOfStage(wanted)
    const made = JSON.stringify({ settings, inputs: files.map(inputOf) })
    const [model, record] = [`${own}.model`, `${own}.json`]
    if (existsSync(model) && existsSync(record) && readFileSync(record, 'utf8') === made) {
      return new Uint8Array(readFileSync(model))
    }
    rmSync(model, { force: true })
    writeFileSync(record, made)
    return trainInFolder({ folder: own, settings, files, budget, output: model }, (workspace, beforeUse) =>
      wanted.kind === 'stage'
        ? trainSpilled(wanted.lines, 'unigram', wanted.options, workspace, beforeUse)
        : reestimateSpilled(wanted.model, wanted.lines, wanted.options, workspace, beforeUse),
    )
  }
  let step = models.next()
  try {
    while (!step.done) {
      let model: Uint8Array
      try {
        model = await make(step.value)
      } catch (error) {
        step = models.throw(error)
        continue
      }
      step = models.next(model)
    }
  } catch (error) {
    if (isEmpty(folder)) rmSync(folder, { recursive: true })
    throw error
  }
  if (output !== undefined) writeModel(output, step.value)
  for (const name of readdirSync(folder)) if (OWN.test(name)) rmSync(join(folder, name), { recursive: true })
  rmdirSync(folder)
  return step.value
}

/** Whether nothing is there to resume from: no model, and no working folder. */
function isEmpty(folder: string): boolean {
  return readdirSync(folder).every((name) => name.endsWith('.json'))
}

function settingsOfStage(wanted: StagedModel<Lines>): Settings {
  if (wanted.kind === 'stage') return settingsOf('unigram', wanted.options)
  const { iterations, countVocabulary } = wanted.options
  // Fixed scores are put in at the end, when nothing is kept any more.
  return { iterations, countVocabulary, model: createHash('sha256').update(wanted.model).digest('hex') }
}
