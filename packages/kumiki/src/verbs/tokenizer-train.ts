/** `kumiki tokenizer train`: in memory, on disk, or in stages by a recipe. */
import { readBytes, writeWhole } from '../files/files.ts'
import { count } from '../output/text-table.ts'
import { UsageError } from '../usage-error.ts'
import { answer, log } from '../verb.ts'
import { openTokenizer } from './tokenizer-files.ts'
import { trainStagesOnDisk, trainTokenizerOnDisk } from './tokenizer-on-disk.ts'
import { createTrainingProgress } from './tokenizer-progress.ts'
import { readTokenizerRecipe } from './tokenizer-recipe.ts'

interface TrainFlags {
  model: string
  vocabSize?: number
  data?: string[]
  type: 'unigram' | 'bpe'
  characterCoverage: number
  normalization: 'identity' | 'nfkc' | 'nmt_nfkc' | 'nfkc_cf' | 'nmt_nfkc_cf'
  fixedPieces?: string
  recipe?: string
  memory?: number
  workFolder?: string
  seedSize?: number
  byteFallback: boolean
  splitDigits: boolean
  hardVocabLimit: boolean
  userSymbol?: string[]
  controlSymbol?: string[]
  json?: boolean
}

export async function train(options: TrainFlags): Promise<void> {
  const began = performance.now()
  const { TokenizerError, trainBpe, trainStaged, trainUnigram } = await import('@kumiki/tokenizer/train')
  const { builtinCorpus, readCorpus } = await import('@kumiki/data/node')
  if (options.type === 'bpe' && (options.recipe !== undefined || options.fixedPieces !== undefined)) {
    throw new UsageError(`--${options.recipe === undefined ? 'fixed-pieces' : 'recipe'} needs --type unigram`)
  }
  const settings = {
    characterCoverage: options.characterCoverage,
    normalization: options.normalization,
    byteFallback: options.byteFallback,
    splitDigits: options.splitDigits,
    allowWhitespaceOnlyPieces: true,
    removeExtraWhitespaces: false,
    userDefinedSymbols: options.userSymbol,
    controlSymbols: options.controlSymbol,
    ...(options.seedSize !== undefined && { seedSize: options.seedSize }),
  }
  if (options.workFolder !== undefined && options.memory === undefined) {
    throw new UsageError('--work-folder needs --memory')
  }
  const linesOf = (documents: string[]) =>
    documents.flatMap((text) => text.split(/\r?\n/)).filter((line) => line !== '')
  const linesInMemory = async (data: string[]) => linesOf(await readCorpus(data))
  const progress = createTrainingProgress()
  const work = async (): Promise<{ bytes: Uint8Array; lines: number }> => {
    const folder = options.workFolder ?? `${options.model}.training`
    const onStage = ({ name, pieces }: { name: string; pieces: number }) =>
      progress.begin(`${name} (from ${count(pieces)} pieces)`)
    if (options.recipe !== undefined && options.memory !== undefined) {
      const { memory } = options
      log(`training a unigram model in stages within ${count(memory)} bytes of memory; ${folder} has what is done`)
      return trainStagesOnDisk({
        recipe: options.recipe,
        options: { ...settings, memory, folder, output: options.model },
        onStage,
        onProgress: progress.update,
      })
    }
    if (options.recipe !== undefined) {
      const recipe = await readTokenizerRecipe(options.recipe, linesInMemory)
      const texts = [...recipe.stages.map((stage) => stage.lines ?? []), recipe.estimateLines] as string[][]
      const lines = texts.reduce((sum, text) => sum + text.length, 0)
      log(`training a unigram model in ${recipe.stages.length} stages on ${count(lines)} lines`)
      return { lines, bytes: trainStaged({ ...settings, ...recipe, onStage, onProgress: progress.update }) }
    }
    const { vocabSize } = options
    if (vocabSize === undefined) throw new UsageError('give --vocab-size N or --recipe FILE')
    const reserved =
      3 + (options.byteFallback ? 256 : 0) + (options.userSymbol ?? []).length + (options.controlSymbol ?? []).length
    if (vocabSize <= reserved)
      throw new UsageError(
        `--vocab-size ${vocabSize}: ${reserved} pieces are reserved (${options.byteFallback ? '256 bytes, ' : ''}<unk>, <s>, </s>${options.userSymbol || options.controlSymbol ? ', symbols' : ''}); give a larger size${options.byteFallback ? ', or --no-byte-fallback' : ''}`,
      )
    const fixedPieces =
      options.fixedPieces === undefined
        ? undefined
        : new TextDecoder()
            .decode(await readBytes(options.fixedPieces))
            .split(/\r?\n/)
            .filter((line) => line !== '')
    if (options.memory !== undefined) {
      log(
        `training a ${options.type} model of ${count(vocabSize)} pieces within ${count(options.memory)} bytes of memory; intermediate files are in ${folder}`,
      )
      return trainTokenizerOnDisk({
        data: options.data ?? [],
        options: {
          ...settings,
          type: options.type,
          vocabSize,
          fixedPieces,
          hardVocabLimit: options.hardVocabLimit,
          memory: options.memory,
          folder,
          output: options.model,
        },
        onProgress: progress.update,
      })
    }
    const lines = options.data
      ? await linesInMemory(options.data)
      : linesOf((await builtinCorpus()).train.map(({ text }) => text))
    log(`training a ${options.type} model of ${count(vocabSize)} pieces on ${count(lines.length)} lines`)
    const bytes = (options.type === 'bpe' ? trainBpe : trainUnigram)(lines, {
      ...settings,
      vocabSize,
      fixedPieces,
      hardVocabLimit: options.hardVocabLimit,
      onProgress: progress.update,
    })
    return { lines: lines.length, bytes }
  }
  let bytes: Uint8Array
  let lines: number
  try {
    ;({ bytes, lines } = await work())
  } catch (error) {
    if (!(error instanceof TokenizerError)) throw error
    const message = inFlags(error.message)
    if (error.option !== undefined) throw new UsageError(message, { cause: error })
    throw new Error(message, { cause: error })
  } finally {
    progress.stop()
  }
  if (options.memory === undefined) await writeWhole(options.model, bytes)
  const result = {
    model: options.model,
    type: options.type,
    vocabSize: (await openTokenizer(options.model)).vocabSize,
    lines,
    bytes: bytes.length,
    seconds: (performance.now() - began) / 1000,
  }
  answer(
    options,
    result,
    () =>
      `${result.model}: ${count(result.vocabSize)} pieces, ${count(result.bytes)} bytes, ${result.seconds.toFixed(1)} s`,
  )
}

/** Replaces option names in a message of @kumiki/tokenizer by flags. */
function inFlags(message: string): string {
  const flags: Readonly<Record<string, string>> = {
    'hardVocabLimit: false': '--no-hard-vocab-limit',
    'byteFallback: false': '--no-byte-fallback',
    'splitDigits: false': '--no-split-digits',
    vocabSize: '--vocab-size',
    characterCoverage: '--character-coverage',
    fixedPieces: '--fixed-pieces',
    userDefinedSymbols: '--user-symbol',
    controlSymbols: '--control-symbol',
    hardVocabLimit: '--hard-vocab-limit',
    seedSize: '--seed-size',
    'memory is': '--memory is',
    normalization: '--normalization',
  }
  return Object.entries(flags).reduce(
    (text, [option, flag]) => text.replaceAll(option, flag),
    message.replace(/^train: /, '').replace(/\bvocabSize is /, '--vocab-size '),
  )
}
