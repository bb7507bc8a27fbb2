/**
 * A Megatron-LM run whose batches are replayed, given by its launch, by flags, or by a launch with flags that override
 * it.
 */
import type { BatchRampup, Replay, ReplayDataset } from '@kumiki/data'
import type { Command } from 'commander'
import { readBytes } from '../files/files.ts'
import { choice, collect, integer } from '../flags/flag-values.ts'
import { checkedUse, UsageError } from '../usage-error.ts'

/** Flags of `data replay` and `data find` that define the run. */
export interface RunFlags {
  launch?: string[]
  set?: string[]
  dataPath?: string[]
  seed?: number
  globalBatch?: number
  seq?: number
  trainIters?: number
  split?: string
  megatronCore: string
  move?: string[]
  trainSamples?: number
  rampupBatchSize?: string[]
  dataloaderType?: 'single' | 'cyclic'
  microBatch?: number
  dataParallel?: number
  dataSharding?: boolean
}

/** Size limit of launch scripts. */
const maxLaunchBytes = 2 ** 20

export function declareRun(command: Command): Command {
  return command
    .option('--launch <file...>', 'Megatron-LM launch: its command or scripts, in the order in which they are sourced')
    .option('--set <name=value>', 'a variable that the launch expects to be set (repeatable)', collect)
    .option('--data-path <words...>', 'prefixes of token files, or alternating weights and prefixes')
    .option('--seed <n>', "Megatron-LM's --seed (default 1234)", integer(0, 2 ** 32 - 1))
    .option('--global-batch <n>', 'sequences per step', integer(1, 2 ** 31 - 1))
    .option('--seq <n>', 'tokens per sequence', integer(2, 2 ** 28))
    .option('--train-iters <n>', 'steps of the whole run', integer(1, 2 ** 40))
    .option('--train-samples <n>', 'samples of the whole run, instead of --train-iters', integer(1, 2 ** 48))
    .option('--rampup-batch-size <numbers...>', "Megatron-LM's: START INCREMENT SAMPLES")
    .addOption(
      choice('--dataloader-type <kind>', "Megatron-LM's dataloader type; cyclic needs the next two flags", [
        'single',
        'cyclic',
      ]),
    )
    .option('--micro-batch <n>', 'micro-batch size per rank', integer(1, 2 ** 20))
    .option('--data-parallel <n>', 'data-parallel size', integer(1, 2 ** 20))
    .option('--no-data-sharding', 'with cyclic: every rank draws from all samples')
    .option('--split <a,b,c>', "Megatron-LM's --split (default 969,30,1)")
    .option('--move <from=to>', 'local location of prefixes that begin with FROM (repeatable)', collect)
    .addOption(
      choice(
        '--megatron-core <version>',
        'blend padding of megatron-core: up to 0.10, or from 0.11',
        ['0.10', '0.11'],
        '0.11',
      ),
    )
}

/** Flags that change the sample order in ways that are not supported. */
const unsupported: Readonly<Record<string, string>> = {
  '--step-batch-size-schedule': 'steps of varying batch size are not supported',
  '--data-args-path': 'give the contents of that file with --data-path',
  '--per-split-data-args-path': 'give the train part of that file with --data-path and --split 1,0,0',
  '--mock-data': 'the data is generated',
}

/**
 * Opens the run. Only .idx files are read.
 * @throws UsageError for missing or unsupported settings
 */
export async function openRun(options: RunFlags): Promise<{ replay: Replay; notes: readonly string[] }> {
  const { Replay, readDataPath } = await import('@kumiki/data')
  const { readDatasetIndex } = await import('@kumiki/data/node')
  const { flags, notes } = options.launch
    ? await readLaunch(options.launch, options.set ?? [])
    : { flags: new Map(), notes: [] }
  for (const [flag, why] of Object.entries(unsupported))
    if (flags.has(flag)) throw new UsageError(`the launch has ${flag}, which cannot be replayed: ${why}`)
  const number = (own: number | undefined, flag: string, ask: string): number => {
    const text = flags.get(flag)?.[0]
    if (own !== undefined) return own
    if (text === undefined) throw new UsageError(`give ${ask}${options.launch ? ` (the launch has no ${flag})` : ''}`)
    if (!/^\d{1,15}$/.test(text))
      throw new UsageError(`${flag} of the launch must be an integer, got ${JSON.stringify(text)}`)
    return Number(text)
  }
  const globalBatchSize = number(options.globalBatch, '--global-batch-size', '--global-batch N')
  const sequenceLength = number(options.seq, '--seq-length', '--seq N')
  const seed = number(options.seed ?? (flags.has('--seed') ? undefined : 1234), '--seed', '--seed N')
  const rampup = rampupOf(options, flags)
  const loader = options.dataloaderType ?? flags.get('--dataloader-type')?.[0] ?? 'single'
  if (loader !== 'single' && loader !== 'cyclic')
    throw new UsageError(`the launch has --dataloader-type ${loader}; only single and cyclic can be replayed`)
  const decreases = flags.has('--decrease-batch-size-if-needed') && rampup !== undefined
  const ofRank =
    loader === 'cyclic' || decreases
      ? {
          microBatchSize: number(options.microBatch, '--micro-batch-size', '--micro-batch N'),
          dataParallel: number(
            options.dataParallel,
            '--data-parallel',
            '--data-parallel N, data-parallel size: GPUs / (TP x PP x CP)',
          ),
        }
      : undefined
  const cyclic =
    loader === 'cyclic' && ofRank
      ? { ...ofRank, dataSharding: !(options.dataSharding === false || flags.has('--no-data-sharding')) }
      : undefined
  if (rampup && !flags.has('--train-samples') && options.trainSamples === undefined)
    throw new UsageError('a run with --rampup-batch-size counts samples, not steps: give --train-samples N')
  const samples =
    options.trainSamples !== undefined
      ? options.trainSamples
      : options.trainIters === undefined && flags.has('--train-samples')
        ? number(undefined, '--train-samples', '')
        : number(options.trainIters, '--train-iters', '--train-iters N') * globalBatchSize
  const ofTrain = options.dataPath === undefined && flags.has('--train-data-path')
  const words = options.dataPath ?? flags.get('--train-data-path') ?? flags.get('--data-path')
  if (words === undefined) throw new UsageError(`give --data-path WEIGHT PREFIX ... or --launch FILE with one`)
  const split = options.split ?? (ofTrain ? null : (flags.get('--split')?.join(' ') ?? '969,30,1'))
  const moves = (options.move ?? []).map((move) => {
    const [, from, to] = /^([^=]+)=(.*)$/.exec(move) ?? []
    if (from === undefined) throw new UsageError(`--move ${move}: it must be FROM=TO`)
    return [from, to] as const
  })
  const path = checkedUse(() => readDataPath(words))
  const indexes = new Map<string, Awaited<ReturnType<typeof readDatasetIndex>>>()
  const datasets: ReplayDataset[] = []
  for (const { prefix: given, weight } of path) {
    const move = moves.find(([from]) => given.startsWith(from))
    const prefix = move ? move[1] + given.slice(move[0].length) : given
    const index =
      indexes.get(prefix) ??
      (await readDatasetIndex(prefix).catch((error: Error) => {
        throw (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' && !move
          ? new Error(`${error.message}; if the files have another location here, give --move FROM=TO`, {
              cause: error,
            })
          : error
      }))
    indexes.set(prefix, index)
    datasets.push({ prefix, index, ...(weight !== undefined && { weight }) })
  }
  const surplus = options.megatronCore === '0.10' ? 'until 0.10' : 'from 0.11'
  const replay = checkedUse(
    () =>
      new Replay({
        datasets,
        globalBatchSize,
        sequenceLength,
        samples,
        seed,
        split,
        surplus,
        ...(rampup && {
          rampup: { ...rampup, ...(decreases && ofRank && { multiple: ofRank.microBatchSize * ofRank.dataParallel }) },
        }),
        ...(cyclic && { cyclic }),
      }),
  )
  return { replay, notes }
}

/** `--rampup-batch-size START INCREMENT SAMPLES`, of the flags or the launch. */
function rampupOf(
  { rampupBatchSize: own }: RunFlags,
  flags: ReadonlyMap<string, readonly string[]>,
): BatchRampup | undefined {
  const words = own ?? flags.get('--rampup-batch-size')
  if (words === undefined) return undefined
  if (words.length !== 3 || !words.every((word) => /^\d{1,15}$/.test(word)))
    throw new UsageError(`--rampup-batch-size takes START INCREMENT SAMPLES, got ${words.join(' ')}`)
  const [start, increment, samples] = words.map(Number)
  return { start, increment, samples }
}

async function readLaunch(files: readonly string[], set: readonly string[]) {
  const { readMegatronFlags } = await import('@kumiki/planner/read')
  const texts: string[] = []
  for (const file of files) texts.push(new TextDecoder().decode(await readBytes(file, maxLaunchBytes)))
  const environment: Record<string, string> = {}
  for (const pair of set) {
    const [, name, value] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(pair) ?? []
    if (name === undefined) throw new UsageError(`--set ${pair}: it must be NAME=VALUE`)
    environment[name] = value
  }
  try {
    return readMegatronFlags(texts, environment)
  } catch (error) {
    throw new Error(`${files.join(', ')}: ${(error as Error).message}`, { cause: error })
  }
}
