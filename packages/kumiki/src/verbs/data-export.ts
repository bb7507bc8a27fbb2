/** `kumiki data export`: exports texts whose release level allows distribution or search. */
import type { Command } from 'commander'
import { choice, collect } from '../flags/flag-values.ts'
import { count, textTable } from '../output/text-table.ts'
import { readSource, sourcesFromFile } from '../train/mix-sources.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

interface ExportFlags {
  source?: string[]
  sources?: string
  for: 'distribute' | 'search'
  out: string
  leaveOut?: boolean
  json?: boolean
}

export function addExport(group: Command): void {
  addVerb(
    group,
    'export',
    'Export texts of sources as JSON lines, if their release levels allow it.',
    (c) =>
      c
        .option('--source <name=path:level>', 'a source of texts and its level, as of data mix (repeatable)', collect)
        .option('--sources <file>', 'JSON: an array of { name, path, releaseLevel }')
        .addOption(
          choice('--for <use>', 'distribute: sources of L1; search, as of an index: L1 and L2', [
            'distribute',
            'search',
          ]).makeOptionMandatory(),
        )
        .requiredOption('--out <file>', 'JSON lines: text, source, releaseLevel')
        .option('--leave-out', 'skip sources that do not allow the use, instead of failing'),
    exportVerb,
  )
}

async function exportVerb(options: ExportFlags): Promise<void> {
  const given = [
    ...(options.source ?? []).map(readSource),
    ...(options.sources ? await sourcesFromFile(options.sources) : []),
  ]
  if (given.length === 0) throw new UsageError('give --source NAME=PATH:LEVEL (repeatable) or --sources FILE')
  const { assertUse } = await import('@kumiki/data')
  const { exportTexts } = await import('@kumiki/data/node')
  if (!options.leaveOut)
    for (const { name, releaseLevel = 'L3' } of given) checkedUse(() => assertUse(name, releaseLevel, options.for))
  const result = await exportTexts(given, options.out, { use: options.for, leaveOut: options.leaveOut === true })
  answer(options, { out: options.out, for: options.for, ...result }, () =>
    [
      textTable(
        ['source', 'level', 'documents'],
        [
          ...result.written.map(({ name, releaseLevel, documents }) => [name, releaseLevel, count(documents)]),
          ...result.leftOut.map(({ name, releaseLevel }) => [name, releaseLevel, 'left out']),
        ],
      ),
      options.out,
    ].join('\n'),
  )
}
