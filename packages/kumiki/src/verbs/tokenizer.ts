/** `kumiki tokenizer encode|decode|train|inspect` */
import { once } from 'node:events'
import type { HuggingFaceTokenizer } from '@kumiki/tokenizer/huggingface'
import { type Command, Option } from 'commander'
import { readBytes, writeWhole } from '../files/files.ts'
import { byteSize, choice, collect, integer, real } from '../flags/flag-values.ts'
import { endWithReader } from '../output/closed-output.ts'
import { readLines, TextOutput } from '../output/line-streams.ts'
import { count, textFields, textTable } from '../output/text-table.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addCommand, addVerb, answer, log } from '../verb.ts'
import { trainStagesOnDisk, trainTokenizerOnDisk } from './tokenizer-on-disk.ts'
import { createTrainingProgress } from './tokenizer-progress.ts'
import { readTokenizerRecipe } from './tokenizer-recipe.ts'

const modelFlag = ['--model <file>', 'a SentencePiece model, a tokenizer.json or a tekken.json'] as const

export function addTokenizer(program: Command): void {
  const group = addCommand(program, 'tokenizer', 'Encode and decode text; train and inspect tokenizers.')
  addVerb(
    group,
    'encode',
    'Encode each line of stdin to a JSON array of ids on stdout, without BOS or EOS.',
    (c) =>
      c
        .requiredOption(...modelFlag)
        .option('--special-tokens', 'add BOS and EOS tokens')
        .option(
          '--details',
          'one JSON object per line: ids, pieces, offsets; with a tokenizer.json also type ids, word ids, masks and overflow',
        )
        .option('--pairs', 'each line has two texts separated by a tab (tokenizer.json)')
        .option('--as-file', 'truncate and pad as the tokenizer.json specifies')
        .option('--threads <n>', 'worker threads that encode; the output is the same', integer(1, 1024)),
    encode,
  )
  addVerb(
    group,
    'decode',
    'Decode each line of stdin, a JSON array of ids, to a line of text on stdout.',
    (c) => c.requiredOption(...modelFlag),
    decode,
  )
  addVerb(
    group,
    'train',
    "Train a model with LLM-jp's settings (byte fallback, split digits, whitespace pieces).",
    (c) =>
      c
        .requiredOption('--model <file>', 'output file')
        .option(
          '--vocab-size <n>',
          'vocabulary size, including control and byte pieces (not with --recipe)',
          integer(1, 2 ** 24),
        )
        .option('--data <path...>', 'texts: files or folders of .txt, .md, .jsonl (default: a small built-in corpus)')
        .addOption(choice('--type <type>', 'model type', ['unigram', 'bpe'], 'unigram'))
        .option(
          '--character-coverage <share>',
          'fraction of characters covered by the vocabulary',
          real({ above: 0, to: 1 }),
          0.9995,
        )
        .addOption(
          choice(
            '--normalization <name>',
            'SentencePiece normalization rules; they become part of the model',
            ['identity', 'nfkc', 'nmt_nfkc', 'nfkc_cf', 'nmt_nfkc_cf'],
            'identity',
          ),
        )
        .option('--fixed-pieces <file>', 'pieces that are always included, one per line, spaces as ▁ (unigram)')
        .addOption(
          new Option(
            '--recipe <file>',
            'train in stages, one language after another, and re-estimate all scores at the end, as for LLM-jp-3 (JSON; unigram)',
          ).conflicts(['data', 'vocabSize', 'fixedPieces', 'hardVocabLimit']),
        )
        .addOption(
          new Option(
            '--memory <size>',
            'memory limit (2GB, 512MiB): what does not fit goes to disk; the model is the same',
          ).argParser(byteSize),
        )
        .option(
          '--work-folder <folder>',
          'with --memory: folder for intermediate files, from which training resumes (default: next to the model)',
        )
        .option('--seed-size <n>', 'initial candidates (unigram; default 1,000,000)', integer(1, 2 ** 30))
        .option('--no-byte-fallback', 'unknown characters are <unk>, not bytes')
        .option('--no-split-digits', 'allow pieces with several digits')
        .option('--no-hard-vocab-limit', 'allow a smaller vocabulary if the text has too few pieces')
        .option('--user-symbol <text>', 'text that is always a single piece (repeatable)', collect)
        .option('--control-symbol <text>', 'a piece that no text matches (repeatable)', collect),
    train,
  )
  addVerb(
    group,
    'inspect',
    'Describe a tokenizer; with --text, tokenize a text.',
    (c) => c.requiredOption(...modelFlag).option('--text <text>', 'a text to tokenize'),
    inspect,
  )
}

/** @throws Error naming the file */
export async function openTokenizer(path: string) {
  const { loadTokenizer } = await import('@kumiki/tokenizer')
  const bytes = await readBytes(path)
  try {
    return loadTokenizer(bytes)
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}

/** Decodes ids of token files. @throws Error naming both files, if an id is not in the vocabulary */
export function decodeOf(tokenizer: { decode(ids: Int32Array): string }, path: string | undefined, prefix: string) {
  return (ids: Int32Array): string => {
    try {
      return tokenizer.decode(ids)
    } catch (error) {
      throw new Error(
        `${prefix}: not encoded with the tokenizer ${path} (${(error as Error).message.replace(/^decode: /, '')})`,
        { cause: error },
      )
    }
  }
}

interface EncodeFlags {
  model: string
  specialTokens?: boolean
  details?: boolean
  pairs?: boolean
  asFile?: boolean
  threads?: number
  json?: boolean
}

async function encode(options: EncodeFlags): Promise<void> {
  if (options.threads !== undefined) return encodeOnThreads(options, options.threads)
  const encodeLine = await lineEncoder(options)
  // Bytes, not a string: invalid UTF-8 is replaced byte by byte, as in SentencePiece.
  await translate(options.json === true, encodeLine, (text) => text)
}

/** Encodes stdin in worker threads, which return the ids as text for stdout. */
async function encodeOnThreads(options: EncodeFlags, threads: number): Promise<void> {
  const { details, pairs, asFile, specialTokens = false, json } = options
  if (details || pairs || asFile)
    throw new UsageError(
      `--threads cannot be combined with --${details ? 'details' : pairs ? 'pairs' : 'as-file'}; leave out one of the two`,
    )
  const tokenizer = await openAnyTokenizer(options.model)
  const { EncodePool } = await import('@kumiki/tokenizer/node')
  const pool = new EncodePool(await readBytes(options.model), { threads })
  endWithReader()
  const write = async (text: string) => {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain')
  }
  const decoder = new TextDecoder()
  try {
    const ends =
      'encodeFull' in tokenizer ? { addSpecialTokens: specialTokens } : { addBos: specialTokens, addEos: specialTokens }
    let some = false
    for await (const part of pool.encodeFileAsText(process.stdin, ends)) {
      const lines = decoder.decode(part)
      // All lines of a JSON array but the last end with a comma.
      await write(json ? `${some ? ',\n' : '[\n'}${lines.trimEnd().replaceAll('\n', ',\n')}` : lines)
      some = true
    }
    if (json) await write(some ? '\n]\n' : '[]\n')
  } finally {
    await pool.close()
  }
}

/** Encodes the bytes of a line to JSON: its ids, or with --details its pieces, offsets and masks. */
async function lineEncoder(options: EncodeFlags): Promise<(line: Uint8Array, number: number) => string> {
  const tokenizer = await openAnyTokenizer(options.model)
  const ids = (list: ArrayLike<number>) => `[${Array.from(list).join(', ')}]`
  const { specialTokens: addSpecialTokens = false, details = false, pairs = false, asFile = false } = options
  if (!('encodeFull' in tokenizer)) {
    for (const [flag, given] of [
      ['--pairs', pairs],
      ['--as-file', asFile],
    ] as const)
      if (given) throw new UsageError(`${flag} needs a tokenizer.json; ${options.model} is a SentencePiece model`)
    const ends = { addBos: addSpecialTokens, addEos: addSpecialTokens }
    if (!details) return (line) => ids(tokenizer.encode(line, ends))
    if (addSpecialTokens) throw new UsageError('--details with --special-tokens needs a tokenizer.json')
    return (line) => asJson(tokenizer.encodeWithOffsets(line))
  }
  if (!details && !pairs && !asFile) return (line) => ids(tokenizer.encode(line, { addSpecialTokens }))
  return (line, number) => {
    const tab = pairs ? line.indexOf(0x09) : line.length
    if (tab < 0) throw new Error(`line ${number} of stdin has no tab; --pairs needs two texts separated by a tab`)
    const pair = pairs ? line.subarray(tab + 1) : undefined
    const full = tokenizer.encodeFull(line.subarray(0, tab), { addSpecialTokens, asFile, ...(pair && { pair }) })
    return details ? asJson(full) : ids(full.ids)
  }
}

/** An encoding as JSON, with typed arrays as arrays. */
function asJson(encoding: object): string {
  return JSON.stringify(encoding, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value as never) : value))
}

/** @throws Error naming the file */
async function openAnyTokenizer(path: string) {
  const { openTokenizer: open } = await import('@kumiki/tokenizer/node')
  const bytes = await readBytes(path)
  try {
    return await open(bytes)
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}

async function decode(options: { model: string; json?: boolean }): Promise<void> {
  const tokenizer = await openAnyTokenizer(options.model)
  const { TokenizerError } = await import('@kumiki/tokenizer')
  await translate(
    options.json === true,
    (line, number) => {
      const ids = parseIds(line, number)
      try {
        return tokenizer.decode(ids)
      } catch (error) {
        if (error instanceof TokenizerError) throw new Error(`line ${number}: ${error.message}`)
        throw error
      }
    },
    JSON.stringify,
  )
}

/** Processes stdin to stdout line by line, or to one JSON array. Results before an invalid line are still written. */
async function translate(
  json: boolean,
  line: (bytes: Uint8Array, number: number) => string,
  asJson: (text: string) => string,
): Promise<void> {
  endWithReader()
  const output = new TextOutput(process.stdout)
  let number = 0
  try {
    for await (const bytes of readLines(process.stdin)) {
      const text = line(bytes, ++number)
      await output.write(json ? `${number === 1 ? '[\n' : ',\n'}${asJson(text)}` : `${text}\n`)
    }
    if (json) await output.write(number === 0 ? '[]\n' : '\n]\n')
  } finally {
    await output.flush()
  }
}

function parseIds(line: Uint8Array, number: number): number[] {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(line))
  } catch {
    // Reported below.
  }
  if (Array.isArray(json) && json.every((id) => Number.isInteger(id) && id >= 0)) return json
  const start = new TextDecoder().decode(line.subarray(0, 60))
  throw new Error(`line ${number} of stdin must be a JSON array of ids such as [5, 17], got ${JSON.stringify(start)}`)
}

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

async function train(options: TrainFlags): Promise<void> {
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
    if (/options?\b|vocabSize is|is needed|fixedPieces/.test(error.message))
      throw new UsageError(message, { cause: error })
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

async function inspect(options: { model: string; text?: string; json?: boolean }): Promise<void> {
  const tokenizer = await openAnyTokenizer(options.model)
  if ('encodeFull' in tokenizer) return inspectJson(tokenizer, options)
  const { modelType, vocabSize, bosId, eosId, unkId, padId } = tokenizer
  const facts = { model: options.model, type: modelType, vocabSize, bosId, eosId, unkId, padId }
  const cut =
    options.text === undefined ? undefined : checkedUse(() => tokenizer.encodeWithOffsets(options.text as string))
  const pieces = cut && Array.from(cut.ids, (id, i) => ({ id, piece: cut.pieces[i], offset: cut.offsets[i] }))
  answer(options, pieces ? { ...facts, pieces } : facts, () => {
    const special = (id: number) => (id < 0 ? 'none' : `${id} ${tokenizer.idToPiece(id)}`)
    const fields = textFields([
      ['type', modelType],
      ['pieces', count(vocabSize)],
      ['BOS', special(bosId)],
      ['EOS', special(eosId)],
      ['unknown', special(unkId)],
      ['padding', special(padId)],
    ])
    if (!pieces) return fields
    return `${fields}\n\n${pieceTable(pieces)}`
  })
}

/** Describes a tokenizer.json. */
function inspectJson(tokenizer: HuggingFaceTokenizer, options: { model: string; text?: string; json?: boolean }): void {
  const { modelType, vocabSize, truncation, padding } = tokenizer
  const specialTokens = tokenizer.specialTokens()
  const facts = { model: options.model, type: modelType, vocabSize, specialTokens, truncation, padding }
  const cut =
    options.text === undefined ? undefined : checkedUse(() => tokenizer.encodeWithOffsets(options.text as string))
  const pieces = cut && Array.from(cut.ids, (id, i) => ({ id, piece: cut.pieces[i], offset: cut.offsets[i] }))
  answer(options, pieces ? { ...facts, pieces } : facts, () => {
    const fields = textFields([
      ['type', `${modelType} (tokenizer.json)`],
      ['tokens', count(vocabSize)],
      [
        'special tokens',
        specialTokens.length > 8
          ? `${specialTokens.slice(0, 8).join(' ')} and ${count(specialTokens.length - 8)} more`
          : specialTokens.join(' ') || 'none',
      ],
      ['truncation', truncation ? `to ${truncation.maxLength} tokens` : 'none'],
      [
        'padding',
        padding
          ? `with ${padding.token} (${padding.id}) to ${padding.length === 'longest' ? 'the longest' : padding.length}`
          : 'none',
      ],
    ])
    if (!pieces) return fields
    return `${fields}\n\n${pieceTable(pieces)}`
  })
}

function pieceTable(pieces: readonly { id: number; piece: string; offset: readonly number[] }[]): string {
  return textTable(
    ['piece', 'id', 'offset'],
    pieces.map(({ piece, id, offset }) => [piece, String(id), offset.join('-')]),
  )
}
