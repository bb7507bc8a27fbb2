/** `kumiki data inspect`: statistics and samples of texts or token files. */
import type { LengthSummary, ReleaseLevel } from '@kumiki/data'
import type { TokenSubset } from '@kumiki/data/node'
import type { Command } from 'commander'
import { exists, writeWhole } from '../files/files.ts'
import { collect, integer } from '../flags/flag-values.ts'
import { openTextTokenizer, type TextTokenizer } from '../models/text-tokenizer.ts'
import { count, percent, textFields } from '../output/text-table.ts'
import { workProgress } from '../output/work-progress.ts'
import { readSource, sourcesFromFile } from '../train/mix-sources.ts'
import { UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'
import { decodeOf } from './tokenizer-files.ts'

interface InspectFlags {
  tokenizer?: string
  source?: string[]
  sources?: string
  field: string
  encoding: string
  samples: number
  out?: string
  json?: boolean
}

/** The statistics of a path. */
export interface Inspected extends Readonly<Record<string, unknown>> {
  readonly path: string
  readonly kind: 'text' | 'tokens'
  readonly name?: string
  readonly releaseLevel?: ReleaseLevel
}

export function addInspect(group: Command): void {
  addVerb(
    group,
    'inspect',
    'Inspect texts or token files: sizes, lengths, languages, duplicates, samples.',
    (c) =>
      c
        .argument('[path...]', 'files or folders of texts (also .gz, .zst, .parquet); .idx files or their prefixes')
        .option('--source <name=path:level>', 'a path with a name and a release level (repeatable)', collect)
        .option('--sources <file>', 'JSON: an array of { name, path, releaseLevel }')
        .option(
          '--tokenizer <file>',
          'SentencePiece model or tokenizer.json: counts the tokens of texts, shows the texts of token files',
        )
        .option('--field <name>', 'JSON lines field or parquet column with the text', 'text')
        .option('--encoding <name>', 'encoding of text files and JSON lines', 'utf-8')
        .option('--samples <n>', 'documents to show', integer(0, 100), 5)
        .option('--out <file>', 'write an HTML report'),
    inspect,
  )
}

async function inspect(options: InspectFlags, paths: string[]): Promise<void> {
  const sources = [
    ...paths.map((path) => ({ path })),
    ...(options.source ?? []).map(readSource),
    ...(options.sources ? await sourcesFromFile(options.sources) : []),
  ]
  if (sources.length === 0) throw new UsageError('give a path, --source NAME=PATH:LEVEL or --sources FILE')
  const tokenizer = options.tokenizer === undefined ? undefined : (await openTextTokenizer(options.tokenizer)).tokenizer
  const results: Inspected[] = []
  for (const source of sources) {
    const { path } = source
    const named = {
      ...('name' in source && { name: source.name }),
      ...('releaseLevel' in source && source.releaseLevel && { releaseLevel: source.releaseLevel }),
    }
    const prefix = path.replace(/\.(idx|bin)$/, '')
    const isTokens = prefix !== path || ((await exists(`${path}.idx`)) && !(await exists(path)))
    results.push(
      isTokens
        ? { path: prefix, kind: 'tokens', ...named, ...(await tokensOf(prefix, options, tokenizer)) }
        : { path, kind: 'text', ...named, ...(await textsOf(path, options, tokenizer)) },
    )
  }
  if (options.out !== undefined) {
    const { corpusPage } = await import('../output/corpus-page.ts')
    await writeWhole(options.out, await corpusPage(results))
  }
  answer(options, results, () => results.map(fieldsOf).join('\n\n'))
}

async function textsOf(path: string, options: InspectFlags, tokenizer: TextTokenizer | undefined) {
  const { inspectDocuments } = await import('@kumiki/data')
  const { documentStream, findTextFiles } = await import('@kumiki/data/node')
  const { stat } = await import('node:fs/promises')
  const files = await findTextFiles([path])
  let total = 0
  for (const file of files) total += (await stat(file)).size
  const progress = workProgress(total, 'bytes')
  const { field, encoding, samples } = options
  let done = 0
  let documents = 0
  const onBytes = (bytes: number) => {
    done += bytes
  }
  const stream = async function* () {
    for (const file of files)
      yield* documentStream(file, { field, onBytes, ...(!/^utf-?8$/i.test(encoding) && { encoding }) })
  }
  try {
    const view = await inspectDocuments(stream(), {
      samples,
      ...(tokenizer && { encode: (text: string) => tokenizer.encode(text) }),
      onDocument: () => progress.update(done, `${count(++documents)} documents`),
    })
    return { files: files.length, ...view }
  } finally {
    progress.stop()
  }
}

async function tokensOf(
  prefix: string,
  { samples, tokenizer: path }: InspectFlags,
  tokenizer: TextTokenizer | undefined,
) {
  const { hashOf, LengthCounts, RepeatCounts, Reservoir } = await import('@kumiki/data')
  const { openIndexedDataset, readSubsets } = await import('@kumiki/data/node')
  const subsets = readSubsets(prefix)
  using dataset = await openIndexedDataset(prefix)
  const decode = tokenizer && decodeOf(tokenizer, path, prefix)
  const lengths = new LengthCounts()
  for (const length of dataset.sequenceLengths) lengths.add(length)
  const repeats = new RepeatCounts()
  const shown = new Reservoir<Int32Array>(samples, 0, 11)
  const progress = workProgress(dataset.tokens, 'tokens')
  let read = 0
  let greatest = -1
  try {
    for (let i = 0; i < dataset.documentCount; i++) {
      const ids = dataset.document(i)
      for (const id of ids) if (id > greatest) greatest = id
      repeats.add(hashOf(ids))
      shown.add(() => ids.slice(0, 100))
      read += ids.length
      progress.update(read, `${count(i + 1)} documents`)
    }
  } finally {
    progress.stop()
  }
  return {
    dtype: dataset.dtype,
    ...(subsets && { subsets }),
    documents: dataset.documentCount,
    sequences: dataset.sequenceLengths.length,
    tokens: dataset.tokens,
    ...(greatest >= 0 && { greatestId: greatest }),
    ...(lengths.summary() && { tokensPerSequence: lengths.summary() }),
    duplicates: repeats.summary(),
    samples: shown.items.map((ids) =>
      // A beginning may end within a character.
      decode ? decode(ids).replace(/\ufffd+$/, '') : Array.from(ids.slice(0, 20)).join(' '),
    ),
  }
}

function fieldsOf(result: Inspected): string {
  const rows = Object.entries(result).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return []
    if (name === 'samples')
      return (value as string[]).map((text, i) => [
        `sample ${i + 1}`,
        text.trim() === '' ? '(empty)' : JSON.stringify(text.slice(0, 80)).slice(1, -1),
      ])
    if (name === 'languages') {
      const parts = value as { language: string; share: number }[]
      return [
        [
          name,
          parts
            .slice(0, 8)
            .map(({ language, share }) => `${language} ${percent(share)}`)
            .join(', '),
        ],
      ]
    }
    if (name === 'languageSample') return []
    if (name === 'subsets')
      return (value as readonly TokenSubset[]).map((one) => [
        'subset',
        [
          `${one.subset}, ${one.releaseLevel}, ${count(one.tokens)} tokens`,
          ...(one.repeats === 1 ? [] : [`${one.repeats} repeats`]),
          ...[one.language, one.source, one.licence].filter((text) => text !== null),
        ].join(', '),
      ])
    if (name === 'duplicates') {
      const { share, estimated } = value as { share: number; estimated: boolean }
      return [[name, `${percent(share)} of the documents duplicate an earlier one${estimated ? ' (estimated)' : ''}`]]
    }
    if (typeof value === 'object' && value !== null && 'median' in value)
      return lengthRows(name, value as LengthSummary)
    return [
      [name, typeof value === 'number' ? (Number.isInteger(value) ? count(value) : value.toFixed(3)) : String(value)],
    ]
  })
  return textFields(rows)
}

/** A summary, and a histogram with a bar for each power of two. */
function lengthRows(name: string, { least, mean, median, greatest, octaves }: LengthSummary): [string, string][] {
  const most = Math.max(...octaves.map(({ documents }) => documents))
  return [
    [
      name,
      `min ${count(least)}, median ${count(median)}, mean ${mean < 1000 ? mean.toFixed(1) : count(Math.round(mean))}, max ${count(greatest)}`,
    ],
    ...octaves.map(({ from, documents }): [string, string] => [
      `  ${from < 2 ? from : `${from}-${2 * from - 1}`}`,
      `${'█'.repeat(Math.ceil((30 * documents) / most))} ${count(documents)}`,
    ]),
  ]
}
