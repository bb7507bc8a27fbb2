/** `kumiki report` */
import { join } from 'node:path'
import type { Command } from 'commander'
import { addVerb, answer } from '../verb.ts'

export function addReport(program: Command): void {
  addVerb(
    program,
    'report',
    'Report runs on one self-contained HTML page.',
    (c) =>
      c
        .argument('<run...>', 'run folders')
        .option('--out <file>', 'output file (default: report.html in the first run)'),
    report,
  )
}

async function report(options: { out?: string; json?: boolean }, folders: string[]): Promise<void> {
  const { runHeadline } = await import('@kumiki/report')
  const { writeReport } = await import('../output/run-report.ts')
  const out = options.out ?? join(folders[0], 'report.html')
  const runs = await writeReport(folders, out)
  const result = {
    out,
    headline: runHeadline(runs),
    runs: runs.map(({ name, metrics, summary }) => ({
      name,
      steps: metrics.at(-1)?.step ?? 0,
      heldOut: summary?.heldOut ?? null,
      baselines: summary?.baselines ?? null,
    })),
  }
  answer(options, result, () => `${result.headline}\n${out}`)
}
