/** A Megatron-LM run to ask for its batches: named by its launch, by flags, or by a launch with flags over it. */
import type { Replay, ReplayDataset } from '@kumiki/data'
import type { Command } from 'commander'
import { readBytes } from './files.ts'
import { choice, collect, integer } from './flag-values.ts'
import { checkedUse, UsageError } from './usage-error.ts'

/** Flags of `data replay` and `data find` that say which run is meant. */
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
}

/** Largest script that is read. */
const maxLaunchBytes = 2 ** 20

export function declareRun(command: Command): Command {
  return command
    .option('--launch <file...>', 'launch of Megatron-LM: its command or scripts, in the order they are sourced')
    .option('--set <name=value>', 'a variable that the launch expects to be set (repeatable)', collect)
    .option('--data-path <words...>', 'prefixes of token files, or weights and prefixes by turns')
    .option('--seed <n>', "Megatron-LM's --seed (default 1234)", integer(0, 2 ** 32 - 1))
    .option('--global-batch <n>', 'sequences in a step', integer(1, 2 ** 31 - 1))
    .option('--seq <n>', 'tokens in a sequence', integer(2, 2 ** 28))
    .option('--train-iters <n>', 'steps of the whole run', integer(1, 2 ** 40))
    .option('--split <a,b,c>', "Megatron-LM's --split (default 969,30,1)")
    .option('--move <from=to>', 'where prefixes that begin with FROM lie here (repeatable)', collect)
    .addOption(
      choice(
        '--megatron-core <version>',
        'how blends are padded: as up to 0.10, or from 0.11 on',
        ['0.10', '0.11'],
        '0.11',
      ),
    )
}

/** What makes an order of its own, which is not rebuilt here. */
const refused: Readonly<Record<string, string>> = {
  '--rampup-batch-size': 'its steps differ in size',
  '--data-args-path': 'give what that file holds by --data-path',
  '--per-split-data-args-path': 'give the train part of that file by --data-path with --split 1,0,0',
  '--mock-data': 'its data are made up',
}

/**
 * Opens the run: .idx files alone are read.
 * @throws UsageError for what is missing or is not rebuilt
 */
export async function openRun(options: RunFlags): Promise<{ replay: Replay; notes: readonly string[] }> {
  const { Replay, readDataPath } = await import('@kumiki/data')
  const { readDatasetIndex } = await import('@kumiki/data/node')
  const { flags, notes } = options.launch
    ? await readLaunch(options.launch, options.set ?? [])
    : { flags: new Map(), notes: [] }
  for (const [flag, why] of Object.entries(refused))
    if (flags.has(flag)) throw new UsageError(`the launch has ${flag}, which is not replayed: ${why}`)
  const loader = flags.get('--dataloader-type')?.[0] ?? 'single'
  if (loader !== 'single') throw new UsageError(`the launch has --dataloader-type ${loader}; only single is replayed`)
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
  const samples =
    options.trainIters === undefined && flags.has('--train-samples')
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
    const index = indexes.get(prefix) ?? (await readDatasetIndex(prefix))
    indexes.set(prefix, index)
    datasets.push({ prefix, index, ...(weight !== undefined && { weight }) })
  }
  const surplus = options.megatronCore === '0.10' ? 'until 0.10' : 'from 0.11'
  const replay = checkedUse(
    () => new Replay({ datasets, globalBatchSize, sequenceLength, samples, seed, split, surplus }),
  )
  return { replay, notes }
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
