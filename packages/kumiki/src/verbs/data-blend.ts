/** `kumiki data blend`: plans a corpus blend, from a file or from LLM-jp's presets. */
import type { BlendPhase, BlendSubset, PlannedPhase } from '@kumiki/data'
import type { CorpusBlend } from '@kumiki/models/configs'
import type { Command } from 'commander'
import { readJson, writeWhole } from '../files/files.ts'
import { amount, real } from '../flags/flag-values.ts'
import { checkWritten } from '../flags/written-json.ts'
import { blendPicture } from '../output/blend-picture.ts'
import { count, percent, textTable } from '../output/text-table.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

interface BlendFlags {
  preset?: string[]
  phases?: string
  tokens?: number
  temperature?: number
  prefix?: string
  svg?: string
  json?: boolean
}

export function addBlend(group: Command): void {
  addVerb(
    group,
    'blend',
    'Show how many tokens of each subset a blend reads, how often, and its --data-path.',
    (c) =>
      c
        .option(
          '--preset <name...>',
          'LLM-jp blends, one per phase: llm-jp-3, llm-jp-4, llm-jp-4-phase-2, llm-jp-4-instruction, llm-jp-4-planned',
        )
        .option(
          '--phases <file>',
          'JSON: an array of { name, tokens, temperature, subsets: [{ name, tokens, repeats, prefix, language, source, licence, releaseLevel }] }',
        )
        .option('--tokens <n>', 'tokens of every phase, e.g. 500B; default: from the repeats', amount(1e18))
        .option(
          '--temperature <t>',
          'sampling temperature; above 1, small subsets are read more often',
          real({ above: 0, to: 100 }),
        )
        .option('--prefix <folder>', 'with --preset: FOLDER/SUBSET are the prefixes of the token files')
        .option('--svg <file>', 'draw what each phase reads, by language and level'),
    blend,
  )
}

/** LLM-jp's blends by name. */
async function presets(): Promise<Readonly<Record<string, CorpusBlend>>> {
  const models = await import('@kumiki/models/configs')
  return {
    'llm-jp-3': models.llmJp3Corpus,
    'llm-jp-4': models.llmJp4Corpus,
    'llm-jp-4-phase-2': models.llmJp4Phase2Corpus,
    'llm-jp-4-instruction': models.llmJp4InstructionCorpus,
    'llm-jp-4-planned': models.llmJp4PlannedCorpus,
  }
}

async function blend(options: BlendFlags): Promise<void> {
  if ((options.preset === undefined) === (options.phases === undefined))
    throw new UsageError('give --preset NAME ... or --phases FILE')
  const given = options.preset
    ? await phasesOf(options.preset, options.prefix)
    : await phasesIn(options.phases as string)
  const phases = given.map((phase) => ({
    ...phase,
    ...(options.tokens !== undefined && { tokens: options.tokens }),
    ...(options.temperature !== undefined && { temperature: options.temperature }),
  }))
  const { planBlend } = await import('@kumiki/data')
  const plan = checkedUse(() => planBlend(phases))
  if (options.svg !== undefined) await writeWhole(options.svg, await blendPicture(plan.phases))
  answer(options, plan, () =>
    [...plan.phases.map(tableOf), ...plan.warnings.map((one) => `warning: ${one}`)].join('\n\n'),
  )
}

async function phasesIn(file: string): Promise<BlendPhase[]> {
  const json = await readJson(file)
  if (!Array.isArray(json)) throw new Error(`${file}: must be an array of phases { name, tokens, subsets }`)
  return json.map((entry, i) => checkWritten<BlendPhase>('phase', entry, `${file}: phase ${i}`))
}

async function phasesOf(names: readonly string[], folder: string | undefined): Promise<BlendPhase[]> {
  const known = await presets()
  return names.map((name) => {
    if (!Object.hasOwn(known, name))
      throw new UsageError(`--preset ${name}: unknown; choose from ${Object.keys(known).join(', ')}`, {
        given: name,
        known: Object.keys(known),
      })
    const prefixed = (subset: string) => (folder === undefined ? {} : { prefix: `${folder}/${subset}` })
    return { name, subsets: subsetsOf(known[name], prefixed) }
  })
}

/**
 * The subsets of a blend. A second blend that is mixed in (`beside`) is scaled to its share of the total.
 */
function subsetsOf(blend: CorpusBlend, prefixed: (subset: string) => { prefix?: string }): BlendSubset[] {
  const own = blend.subsets.map((row): BlendSubset => {
    const { subset, ...size } = row
    return { name: subset, ...size, ...languageOf(subset), ...prefixed(subset) }
  })
  if (!blend.beside) return own
  const total = (subsets: readonly BlendSubset[]) =>
    subsets.reduce((sum, { tokens, repeats = 1, weight }) => sum + (weight ?? (tokens as number) * repeats), 0)
  const other = subsetsOf(blend.beside.blend, prefixed)
  const { share } = blend.beside
  const factor = ((share / (1 - share)) * total(own)) / total(other)
  const merged = new Map(own.map((row) => [row.name, row]))
  for (const row of other) {
    const same = merged.get(row.name)
    if (same && same.tokens !== row.tokens)
      throw new Error(`subset ${row.name} has two sizes in the preset; this is a bug of Kumiki`)
    const scaled =
      row.tokens === undefined
        ? { weight: (row.weight as number) * factor + (same?.weight ?? 0) }
        : { repeats: (row.repeats ?? 1) * factor + (same ? (same.repeats ?? 1) : 0) }
    merged.set(row.name, { ...row, ...scaled })
  }
  return [...merged.values()]
}

function languageOf(subset: string): { language?: string } {
  const language = /^(ja|en|zh|ko|code)[_/]/.exec(subset)?.[1] ?? (/^train_\d$/.test(subset) ? 'code' : undefined)
  return language === undefined ? {} : { language }
}

function tableOf({ name, tokens, rows, dataPath }: PlannedPhase): string {
  const shown = rows.map((row) => [
    row.name,
    row.language ?? '',
    row.releaseLevel,
    count(Math.round(row.read)),
    row.epochs === null ? '' : row.epochs.toFixed(2),
    percent(row.share),
  ])
  return [
    `${name}: ${count(Math.round(tokens))} tokens`,
    textTable(['subset', 'language', 'level', 'tokens read', 'epochs', 'share'], shown),
    ...(dataPath ? [`--data-path ${dataPath.join(' ')}`] : []),
  ].join('\n')
}
