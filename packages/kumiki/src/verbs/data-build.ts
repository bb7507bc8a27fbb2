/** `kumiki data build|merge`: tokenizes texts of any size into token files. */

import { basename } from 'node:path'
import type { ReleaseLevel } from '@kumiki/data'
import type { BuildPlan, BuildResult, BuildSettings } from '@kumiki/data/node'
import { type Command, InvalidArgumentError } from 'commander'
import { exists } from '../files/files.ts'
import { type FilterFlags, filterNames, filtersOf } from '../flags/build-filters.ts'
import { choice, collect, integer, names } from '../flags/flag-values.ts'
import { openTextTokenizer } from '../models/text-tokenizer.ts'
import { count, textTable } from '../output/text-table.ts'
import { workProgress } from '../output/work-progress.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer, log } from '../verb.ts'

interface BuildFlags extends FilterFlags {
  data: string[]
  tokenizer: string
  out: string
  eos: boolean
  field: string
  encoding: string
  duplicates: 'keep' | 'exact' | 'near'
  workers: number
  releaseLevel?: ReleaseLevel
  subset?: string
  origin?: string
  licence?: string
  shard?: { index: number; of: number }
  json?: boolean
}

export function addBuild(group: Command): void {
  addVerb(
    group,
    'build',
    'Tokenize texts into Megatron-LM token files: PREFIX.bin and PREFIX.idx.',
    (c) =>
      c
        .requiredOption('--data <path...>', 'files or folders of .txt, .md, .jsonl (also .gz, .zst) and .parquet')
        .requiredOption('--tokenizer <file>', 'SentencePiece model or tokenizer.json')
        .requiredOption('--out <prefix>', 'output prefix, without .bin or .idx')
        .option('--no-eos', 'do not append the EOS token to documents')
        .option('--field <name>', 'JSON lines field or parquet column with the text', 'text')
        .option('--encoding <name>', 'encoding of text files and JSON lines', 'utf-8')
        .option('--min-length <n>', 'drop documents of fewer characters', integer(1))
        .option('--max-length <n>', 'drop documents of more characters', integer(1))
        .option('--language <codes>', 'keep only documents in these languages, e.g. ja,en', names)
        .option('--filter <name>', `${filterNames.join(', ')} (repeatable)`, collect)
        .option('--filters-module <file>', 'ES module that exports custom filters: [{ name, apply }]; they run last')
        .addOption(
          choice(
            '--duplicates <what>',
            'deduplication: exact, or also near duplicates (MinHash)',
            ['keep', 'exact', 'near'],
            'keep',
          ),
        )
        .addOption(
          choice(
            '--release-level <level>',
            'release level of the texts, recorded with the files; LX and LZ are refused',
            ['L1', 'L2', 'L3', 'LX', 'LZ'],
          ),
        )
        .option('--subset <name>', 'name of the texts in records and model cards; default: the name of PREFIX')
        .option('--origin <text>', 'origin of the texts, recorded with the files')
        .option('--licence <text>', 'licence of the texts, recorded with the files')
        .option('--workers <n>', 'worker processes; the output is the same', integer(1, 1024), 1)
        .option('--shard <i/n>', 'build only shard I of N (from 0 to N - 1); data merge joins them', shardOf),
    build,
  )
  addVerb(
    group,
    'merge',
    'Merge the output of data build --shard once all shards are complete.',
    (c) =>
      c.requiredOption('--out <prefix>', 'as given to data build').option('--keep-parts', 'do not delete the parts'),
    merge,
  )
}

function shardOf(text: string): { index: number; of: number } {
  const [, index, of] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? []
  if (of === undefined || Number(index) >= Number(of))
    throw new InvalidArgumentError('It must be I/N with I from 0 to N - 1, such as 0/4.')
  return { index: Number(index), of: Number(of) }
}

const partsOf = (prefix: string) => `${prefix}.parts`

async function build(options: BuildFlags): Promise<void> {
  const began = performance.now()
  const { buildShard, bytesOfPart, saveBuildPlan, makeFolder, missingParts, planBuild, loadBuildPlan } = await import(
    '@kumiki/data/node'
  )
  const { assertUse, checkEncoding } = await import('@kumiki/data')
  checkedUse(() => checkEncoding(options.encoding))
  const { releaseLevel } = options
  if (releaseLevel !== undefined) checkedUse(() => assertUse(options.data.join(' '), releaseLevel, 'train'))
  const { createHash } = await import('node:crypto')
  const { rm } = await import('node:fs/promises')
  const { dirname } = await import('node:path')
  const { filters, identity } = await filtersOf(options)
  const { tokenizer, bytes } = await openTextTokenizer(options.tokenizer)
  const { vocabSize } = tokenizer
  const eosId = endId(tokenizer, options)
  const hash = createHash('sha256').update(bytes).digest('hex')
  const { field, encoding, duplicates } = options
  const settings = {
    ...{ vocabSize, eosId: eosId ?? null, field, encoding, duplicates, identity: `${hash} ${identity}` },
    ...subsetOf(options),
  }
  const folder = partsOf(options.out)
  const worker = workerChannel()
  // The parent process of a worker has written the plan.
  const plan = worker ? loadBuildPlan(folder) : await planBuild(options.data, settings)
  const shard = options.shard ?? { index: 0, of: 1 }
  const own = plan.parts.filter((_, number) => number % shard.of === shard.index)
  const total = own.reduce((sum, part) => sum + bytesOfPart(part), 0)
  const progress = worker ?? shownProgress(total, own.length)
  const isNew = !worker && !(await exists(folder))
  try {
    if (!worker) {
      await makeFolder(dirname(options.out))
      await saveBuildPlan(folder, plan)
      await logCompletedParts(plan, folder, shard, own.length)
    }
    if (options.workers > 1) await runWorkers(options, shard, progress.onBytes)
    else
      await buildShard(folder, plan, shard, {
        encode: (text) => tokenizer.encode(text),
        filters,
        onBytes: progress.onBytes,
      })
  } catch (error) {
    // A plan of which nothing is done only stands in the way of other settings; other shards may be at work on theirs.
    if (isNew && !options.shard && missingParts(folder, plan).length === plan.parts.length)
      await rm(folder, { recursive: true, force: true })
    throw roomNeeded(error)
  } finally {
    progress.stop()
  }
  if (options.shard) {
    answer(
      options,
      { shard, parts: own.length, of: plan.parts.length },
      () => `${own.length} of ${plan.parts.length} parts are complete in ${folder}; merge them with kumiki data merge`,
    )
    return
  }
  const result = await join(options.out, false)
  const seconds = (performance.now() - began) / 1000
  tell(options, { ...result, ...(releaseLevel && { releaseLevel }), vocabSize, eosId: eosId ?? null, seconds }, eosId)
}

/**
 * The metadata recorded beside the token files, if any flag gives some. With a filter for a single language, that is
 * the subset's language.
 */
function subsetOf({ out, subset, origin, licence, language, releaseLevel }: BuildFlags): Pick<BuildSettings, 'subset'> {
  if ([subset, origin, licence, releaseLevel].every((given) => given === undefined)) return {}
  return {
    subset: {
      subset: subset ?? basename(out),
      language: language?.length === 1 ? language[0] : null,
      source: origin ?? null,
      licence: licence ?? null,
      releaseLevel: releaseLevel ?? 'L3',
    },
  }
}

/** Adds the remedy to the error of a full disk: completed parts are kept. */
function roomNeeded(error: unknown): unknown {
  const { message, cause } = error as Error
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new Error(`${message}; completed parts are kept: free some space and run the same command again`, {
        cause: error,
      })
    : error
}

async function merge(options: { out: string; keepParts?: boolean; json?: boolean }): Promise<void> {
  const result = await join(options.out, options.keepParts === true)
  tell(options, result, undefined)
}

async function join(prefix: string, keep: boolean): Promise<BuildResult> {
  const { mergeParts } = await import('@kumiki/data/node')
  const { rm } = await import('node:fs/promises')
  const progress = workProgress(1, 'tokens')
  let result: BuildResult
  try {
    result = mergeParts(partsOf(prefix), prefix, { onProgress: (share) => progress.update(share, 'merging') })
  } catch (error) {
    throw roomNeeded(error)
  } finally {
    progress.stop()
  }
  if (result.documents === 0)
    log(
      result.counts.documents === 0
        ? 'the files contain no documents'
        : `all documents were dropped: ${Object.entries(droppedOf(result))
            .map(([reason, n]) => `${reason} (${count(n)})`)
            .join(', ')}`,
    )
  if (!keep) await rm(partsOf(prefix), { recursive: true })
  return result
}

const droppedOf = ({ counts }: BuildResult) =>
  Object.fromEntries(Object.entries(counts.dropped).map(([reason, { count: n }]) => [reason, n]))

function tell(
  options: { json?: boolean },
  result: BuildResult & { releaseLevel?: ReleaseLevel; vocabSize?: number; eosId?: number | null; seconds?: number },
  eosId: number | undefined,
): void {
  const { prefix, documents, empty, tokens, counts } = result
  answer(options, result, () => {
    const rows = [
      ...Object.entries(counts.dropped).map(([reason, entry]) => [
        reason,
        count(entry.count),
        JSON.stringify((entry.samples[0] ?? '').slice(0, 40)).slice(1, -1),
      ]),
      ...Object.entries(counts.changed).map(([name, n]) => [`${name}: changed`, count(n), '']),
    ]
    return [
      `${prefix}.bin and .idx: ${count(documents)} documents, ${count(tokens)} tokens${eosId === undefined ? '' : ` (each ends with ${eosId})`}`,
      ...(empty > 0
        ? [`${count(empty)} of them have no tokens; they are kept, as in Megatron-LM; --min-length 1 drops empty texts`]
        : []),
      ...(rows.length > 0 ? ['', textTable(['dropped', 'documents', 'example'], rows)] : []),
    ].join('\n')
  })
}

/** The progress of a build. */
interface BuildProgress {
  readonly onBytes: (bytes: number) => void
  readonly stop: () => void
}

function shownProgress(total: number, parts: number): BuildProgress {
  const progress = workProgress(total, 'bytes')
  const mb = (bytes: number) => count(Math.round(bytes / 1e6))
  let done = 0
  return {
    onBytes(bytes) {
      done += bytes
      progress.update(done, `${mb(done)} of ${mb(total)} MB in ${count(parts)} ${parts === 1 ? 'part' : 'parts'}`)
    },
    stop: () => progress.stop(),
  }
}

/** Environment variable with the process id that a worker reports its progress to; set only by `runWorkers`. */
const workerMark = 'KUMIKI_BUILD_WORKER'

/** In a worker process, sends the progress to its parent. */
function workerChannel(): BuildProgress | undefined {
  const { env, ppid } = process
  if (!process.send || env[workerMark] !== String(ppid)) return undefined
  let unsent = 0
  let sentAt = 0
  const send = () => {
    if (unsent > 0 && process.connected) process.send?.({ bytes: unsent })
    unsent = 0
    sentAt = performance.now()
  }
  return {
    onBytes(bytes) {
      unsent += bytes
      if (performance.now() - sentAt > 200) send()
    },
    stop() {
      send()
      if (process.connected) process.disconnect()
    },
  }
}

/** Logs how many parts an earlier, interrupted build has completed. */
async function logCompletedParts(
  plan: BuildPlan,
  folder: string,
  shard: { index: number; of: number },
  own: number,
): Promise<void> {
  const { missingParts } = await import('@kumiki/data/node')
  const left = missingParts(folder, plan).filter((number) => number % shard.of === shard.index).length
  if (left < own) log(`${own - left} of ${own} parts are already complete; building the rest`)
}

/** Splits a shard among processes, each with its own shard: parts I, I + N, ... for shard I of N. */
async function runWorkers(
  options: BuildFlags,
  shard: { index: number; of: number },
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { spawn } = await import('node:child_process')
  const {
    workers,
    data,
    tokenizer,
    out,
    eos,
    field,
    encoding,
    duplicates,
    minLength,
    maxLength,
    language,
    filter,
    filtersModule,
  } = options
  const flags = [
    ...['--data', ...data, '--tokenizer', tokenizer, '--out', out, '--field', field, '--encoding', encoding],
    ...[
      '--duplicates',
      duplicates,
      ...(eos ? [] : ['--no-eos']),
      ...(filter ?? []).flatMap((name) => ['--filter', name]),
    ],
    ...(minLength === undefined ? [] : ['--min-length', String(minLength)]),
    ...(maxLength === undefined ? [] : ['--max-length', String(maxLength)]),
    ...(filtersModule === undefined ? [] : ['--filters-module', filtersModule]),
    ...(language === undefined ? [] : ['--language', language.join(',')]),
  ]
  const env = { ...process.env, [workerMark]: String(process.pid) }
  const children = Array.from({ length: workers }, (_, worker) => {
    const own = `${shard.index + shard.of * worker}/${shard.of * workers}`
    const line = [...process.execArgv, process.argv[1], 'data', 'build', ...flags, '--shard', own, '--json']
    return spawn(process.execPath, line, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  })
  try {
    const faults = await Promise.all(
      children.map(
        (child) =>
          new Promise<string | null>((resolve) => {
            let stderr = ''
            child.on('message', (message: { bytes?: unknown } | null) => {
              if (typeof message?.bytes === 'number') onBytes(message.bytes)
            })
            child.stderr?.on('data', (chunk) => {
              stderr = (stderr + chunk).slice(-4000)
            })
            child.on('error', (error) => resolve(error.message))
            child.on('close', (code) => {
              resolve(
                code === 0
                  ? null
                  : stderr.trim().replace(/^[\s\S]*kumiki data build: /, '') || `a worker exited with code ${code}`,
              )
            })
          }),
      ),
    )
    const fault = faults.find((one) => one !== null)
    if (fault) throw new Error(fault)
  } finally {
    for (const child of children) child.kill()
  }
}

export function endId(tokenizer: { eosId: number }, options: { eos: boolean; tokenizer?: string }): number | undefined {
  if (!options.eos) return undefined
  if (tokenizer.eosId < 0)
    throw new UsageError(
      `${options.tokenizer} has no end-of-text token that is named (a tokenizer.json has it in the tokenizer_config.json beside it); --no-eos writes documents without one`,
    )
  return tokenizer.eosId
}
