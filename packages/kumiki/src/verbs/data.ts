/** `kumiki data` and its verb `mix`; the other verbs have their own files. */
import type { MixRow, ReleaseLevel } from '@kumiki/data'
import type { Command } from 'commander'
import { collect, integer } from '../flags/flag-values.ts'
import { openTextTokenizer } from '../models/text-tokenizer.ts'
import { count, percent, textTable } from '../output/text-table.ts'
import { workProgress } from '../output/work-progress.ts'
import {
  type LoadedSources,
  loadSources,
  type MixSource,
  readSource,
  sourcesFromFile,
  subsetsOfMix,
} from '../train/mix-sources.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addCommand, addVerb, answer, log } from '../verb.ts'
import { addBlend } from './data-blend.ts'
import { addBuild, endId } from './data-build.ts'
import { addExport } from './data-export.ts'
import { addInspect } from './data-inspect.ts'
import { addReplay } from './data-replay.ts'

export function addData(program: Command): void {
  const group = addCommand(program, 'data', 'Build, mix, inspect and replay token files.')
  addBuild(group)
  addVerb(
    group,
    'mix',
    'Mix sources by repeats: the share of each source, and the mixed files.',
    (c) =>
      c
        .option(
          '--source <name=path@repeats>',
          'a source: texts, or the prefix of token files; @repeats and :LEVEL (L1, L2, L3) may be left out (repeatable)',
          collect,
        )
        .option('--sources <file>', 'JSON: an array of { name, path, repeats, releaseLevel }')
        .option('--tokenizer <file>', 'SentencePiece model or tokenizer.json: sizes in tokens rather than characters')
        .option('--out <prefix>', 'write the mix as token files (needs --tokenizer, or sources that are token files)')
        .option('--seed <n>', 'seed that picks the documents of fractional repeats', integer(0, 2 ** 32 - 1), 0)
        .option('--no-eos', 'with --out, for texts: do not append the EOS token to documents'),
    mix,
  )
  addInspect(group)
  addBlend(group)
  addExport(group)
  addReplay(group)
}

async function makeFolderOf(prefix: string): Promise<void> {
  const { makeFolder } = await import('@kumiki/data/node')
  const { dirname } = await import('node:path')
  await makeFolder(dirname(prefix))
}

/** @see arXiv:2305.16264, figure 3 */
const harmlessEpochs = 4

interface MixFlags {
  source?: string[]
  sources?: string
  tokenizer?: string
  out?: string
  seed: number
  eos: boolean
  json?: boolean
}

async function mix(options: MixFlags): Promise<void> {
  const given: MixSource[] = [
    ...(options.source ?? []).map(readSource),
    ...(options.sources ? await sourcesFromFile(options.sources) : []),
  ]
  if (given.length === 0) throw new UsageError('give --source NAME=PATH@REPEATS (repeatable) or --sources FILE')
  const { assertTrainable } = await import('@kumiki/data')
  // Fail before anything is read.
  for (const { name, releaseLevel = 'L3' } of given)
    checkedUse(() => assertTrainable(name, releaseLevel as ReleaseLevel))
  const tokenizer = options.tokenizer === undefined ? undefined : (await openTextTokenizer(options.tokenizer)).tokenizer
  if (options.out !== undefined) await makeFolderOf(options.out)
  const eosId = tokenizer && options.out ? endId(tokenizer, options) : undefined
  const reading = workProgress(1, 'sources')
  const loaded = await loadSources(given, tokenizer, eosId, options.out, (share, name) =>
    reading.update(share, `reading ${name}`),
  ).finally(() => reading.stop())
  try {
    await writeMix(options, loaded, tokenizer?.vocabSize)
  } finally {
    await loaded.close()
  }
}

async function writeMix(options: MixFlags, loaded: LoadedSources, ofTokenizer: number | undefined): Promise<void> {
  const { megatronDataPath, planMix } = await import('@kumiki/data')
  const { sources } = loaded
  const { picks, table } = checkedUse(() => planMix(sources, { seed: options.seed }))
  const prefixes = sources.flatMap(({ name, repeats, releaseLevel, prefix }, i) =>
    prefix === undefined ? [] : [{ name, repeats, releaseLevel, prefix, tokens: table[i].size }],
  )
  const dataPath =
    prefixes.length === sources.length ? megatronDataPath(prefixes.filter(({ repeats = 1 }) => repeats > 0)) : undefined
  let written: { prefix: string; documents: number; tokens: number } | undefined
  if (options.out !== undefined) {
    if (loaded.unit !== 'tokens')
      throw new UsageError('--out writes token files: give --tokenizer FILE, or sources that are token files')
    const { writeIndexedDataset } = await import('@kumiki/data/node')
    const all = table.reduce((sum, { mixedSize }) => sum + mixedSize, 0)
    const writing = workProgress(all, 'tokens')
    let done = 0
    const read = function* () {
      for (const [i, { passes, drawn, cuts }] of picks.entries()) {
        const { lengths, read, name } = sources[i]
        const one = (document: number, cut?: number) => {
          const ids = read!(document)
          done += cut ?? ids.length
          writing.update(done, `writing ${name}`)
          return cut === undefined ? ids : ids.subarray(0, cut)
        }
        for (let pass = 0; pass < passes; pass++)
          for (let document = 0; document < lengths.length; document++) yield one(document)
        for (const [k, document] of drawn.entries()) yield one(document, cuts.get(k))
      }
    }
    const vocabSize = ofTokenizer ?? loaded.vocabSize
    const subsets = subsetsOfMix(sources, table)
    try {
      written = { prefix: options.out, ...(await writeIndexedDataset(options.out, read(), { vocabSize, subsets })) }
    } finally {
      writing.stop()
    }
  }
  for (const { name, repeats } of table)
    if (repeats > harmlessEpochs)
      log(
        `${name} is repeated ${repeats} times; beyond ${harmlessEpochs} passes, repeated text is worth less than new text (arXiv:2305.16264)`,
      )
  answer(options, { unit: loaded.unit, table, ...(dataPath && { dataPath }), ...(written && { written }) }, () =>
    [
      mixTable(table, loaded.unit),
      ...(dataPath ? ['', `--data-path ${dataPath.join(' ')}`] : []),
      ...(written
        ? ['', `${written.prefix}.bin and .idx: ${count(written.documents)} documents, ${count(written.tokens)} tokens`]
        : []),
    ].join('\n'),
  )
}

function mixTable(table: readonly MixRow[], unit: string): string {
  return textTable(
    ['source', 'level', 'repeats', unit, 'in the mix', 'share'],
    table.map((row) => [
      row.name,
      row.releaseLevel,
      String(row.repeats),
      count(row.size),
      count(row.mixedSize),
      percent(row.share),
    ]),
  )
}
