/** `kumiki data replay|find`: the documents that a Megatron-LM run read at each step. */
import type { ReleaseLevel } from '@kumiki/data'
import type { Command } from 'commander'
import { declareRun, openRun, type RunFlags } from '../cluster/replayed-run.ts'
import { integer } from '../flags/flag-values.ts'
import { openTextTokenizer } from '../models/text-tokenizer.ts'
import { count, textTable } from '../output/text-table.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer, log } from '../verb.ts'
import { decodeOf } from './tokenizer-files.ts'

export function addReplay(group: Command): void {
  addVerb(
    group,
    'replay',
    'List the documents of one step of a Megatron-LM run, in batch order.',
    (c) =>
      declareRun(c)
        .requiredOption('--step <n>', 'step, counted from 1 as in the log of the run', integer(1))
        .option('--tokenizer <file>', 'show the beginning of each text (reads the .bin files)')
        .option('--rows <n>', 'sequences to list; --json lists all', integer(1, 1_000_000), 32),
    replay,
  )
  addVerb(
    group,
    'find',
    'Find the steps at which a Megatron-LM run read a document.',
    (c) =>
      declareRun(c)
        .option('--document <prefix:number>', 'a document by its index in the token files')
        .option('--text <text>', 'documents that contain this text (needs --tokenizer; reads the .bin files)')
        .option('--tokenizer <file>', 'decodes the token files'),
    find,
  )
}

/** Characters of each text in the table. */
const beginning = 32

async function replay(
  options: RunFlags & { step: number; tokenizer?: string; rows: number; json?: boolean },
): Promise<void> {
  const tokenizer = options.tokenizer === undefined ? undefined : (await openTextTokenizer(options.tokenizer)).tokenizer
  const { replay, notes } = await openRun(options)
  for (const note of notes) log(note)
  const samples = checkedUse(() => replay.step(options.step))
  const { openIndexedDataset, readSubsets } = await import('@kumiki/data/node')
  const { strictestLevel } = await import('@kumiki/data')
  const levels = new Map<string, ReleaseLevel>()
  for (const { prefix } of samples) {
    if (levels.has(prefix)) continue
    const subsets = readSubsets(prefix)
    if (subsets) levels.set(prefix, strictestLevel(subsets.map(({ releaseLevel }) => releaseLevel)))
  }
  const opened = new Map<string, Awaited<ReturnType<typeof openIndexedDataset>>>()
  try {
    if (tokenizer)
      for (const { prefix } of samples) if (!opened.has(prefix)) opened.set(prefix, await openIndexedDataset(prefix))
    const rows = samples.map((sample) => ({
      ...sample,
      parts: sample.parts.map((part) => {
        const ids = opened.get(sample.prefix)?.document(part.document)
        return ids && tokenizer
          ? {
              ...part,
              text: decodeOf(
                tokenizer,
                options.tokenizer,
                sample.prefix,
              )(ids.subarray(part.offset, part.offset + part.tokens)),
            }
          : part
      }),
    }))
    const { order, steps } = replay
    answer(
      options,
      {
        ...{ step: options.step, steps, globalBatchSize: rows.length, sequenceLength: order.sequenceLength },
        ...(levels.size > 0 && { releaseLevels: Object.fromEntries(levels) }),
        samples: rows,
      },
      () => {
        const lines = rows
          .slice(0, options.rows)
          .flatMap(({ row, prefix, parts }) =>
            parts.map((part, i) => [
              i === 0 ? `${row} ${prefix}` : '',
              count(part.document),
              count(part.offset),
              count(part.tokens),
              ...(tokenizer ? [beginningOf((part as { text?: string }).text ?? '')] : []),
            ]),
          )
        const left = rows.length - options.rows
        return [
          `step ${count(options.step)} of ${count(steps)}: ${count(rows.length)} sequences of ${count(order.sequenceLength)} tokens`,
          textTable(['sequence', 'document', 'from token', 'tokens', ...(tokenizer ? ['text'] : [])], lines),
          ...(left > 0 ? [`and ${count(left)} more sequences (--rows ${rows.length} or --json shows them)`] : []),
          ...(levels.size > 0
            ? [`release levels: ${[...levels].map(([prefix, level]) => `${prefix} ${level}`).join(', ')}`]
            : []),
        ].join('\n')
      },
    )
  } finally {
    for (const dataset of opened.values()) dataset.close()
  }
}

const beginningOf = (text: string) =>
  JSON.stringify([...text.slice(0, 4 * beginning)].slice(0, beginning).join('')).slice(1, -1)

async function find(
  options: RunFlags & { document?: string; text?: string; tokenizer?: string; json?: boolean },
): Promise<void> {
  if ((options.document === undefined) === (options.text === undefined))
    throw new UsageError('give --document PREFIX:NUMBER or --text TEXT')
  const [, prefix, number] = /^([\s\S]+):(\d{1,15})$/.exec(options.document ?? '') ?? []
  if (options.document !== undefined && prefix === undefined)
    throw new UsageError(`--document ${options.document}: must be PREFIX:NUMBER`)
  if (options.text === '') throw new UsageError('--text is empty; give a text to search for')
  if (options.text !== undefined && options.tokenizer === undefined)
    throw new UsageError('--text needs --tokenizer FILE, the tokenizer of the token files')
  const tokenizer = options.tokenizer === undefined ? undefined : (await openTextTokenizer(options.tokenizer)).tokenizer
  const { replay, notes } = await openRun(options)
  for (const note of notes) log(note)
  const { datasets } = replay.order
  const wanted: { dataset: number; document: number }[] = []
  if (prefix !== undefined) {
    datasets.forEach(({ name }, dataset) => {
      if (name === prefix) wanted.push({ dataset, document: Number(number) })
    })
    if (wanted.length === 0)
      throw new UsageError(
        `--document: the run has no dataset ${prefix}; it has ${datasets
          .slice(0, 8)
          .map(({ name }) => name)
          .join(', ')}`,
      )
  } else {
    const { openIndexedDataset } = await import('@kumiki/data/node')
    for (const [dataset, { name }] of datasets.entries()) {
      using file = await openIndexedDataset(name)
      const decode = tokenizer && decodeOf(tokenizer, options.tokenizer, name)
      for (let document = 0; document < file.documentCount; document++)
        if (decode?.(file.document(document)).includes(options.text as string)) wanted.push({ dataset, document })
    }
  }
  const documents = wanted.map(({ dataset, document }) => ({
    prefix: datasets[dataset].name,
    document,
    seen: checkedUse(() => replay.find(dataset, document)),
  }))
  answer(options, { steps: replay.steps, documents }, () => {
    if (documents.length === 0) return 'no document of the token files contains the text'
    const read = documents.filter(({ seen }) => seen.length > 0)
    const unread = documents.filter(({ seen }) => seen.length === 0)
    const tables = read.map(({ prefix, document, seen }) =>
      textTable(
        [`${prefix}:${document}`, 'sequence', 'from token', 'tokens'],
        seen.map(({ step, row, offset, tokens }) => [`step ${count(step)}`, count(row), count(offset), count(tokens)]),
      ),
    )
    const names = unread.slice(0, 5).map(({ prefix, document }) => `${prefix}:${document}`)
    const rest = unread.length > 5 ? ` and ${count(unread.length - 5)} more` : ''
    const none =
      unread.length === 0
        ? []
        : [
            `${names.join(', ')}${rest} ${unread.length === 1 ? 'is' : 'are'} not read in any of the ${count(replay.steps)} steps`,
          ]
    return [...tables, ...none].join('\n\n')
  })
}
