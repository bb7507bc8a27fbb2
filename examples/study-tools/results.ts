/** Writes the results of a study: results.jsonl, charts, and the tables in its README. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '@kumiki/train/node'

/**
 * The results of a study. Lines are collected and written at the end, so that an interrupted study keeps the old ones.
 */
export class Results {
  readonly folder: string
  private readonly lines: object[] = []

  constructor(folder: string) {
    this.folder = folder
  }

  /** Adds one measurement, a JSON object. Non-finite numbers become null. */
  add(line: object): void {
    this.lines.push(line)
  }

  /** Writes results.jsonl, and charts by file name. */
  async write(pictures: Readonly<Record<string, string>>): Promise<void> {
    await writeFileAtomically(
      join(this.folder, 'results.jsonl'),
      this.lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    )
    for (const [name, text] of Object.entries(pictures)) await writeFileAtomically(join(this.folder, name), text)
  }
}

/** Puts `table` between the lines `<!-- NAME -->` and `<!-- /NAME -->` of the folder's README, and prints it. */
export async function withTable(
  folder: string,
  name: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
) {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i].length)))
  const line = (cells: readonly string[]) => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(' | ')} |`
  const table = [line(header), `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`, ...rows.map(line)].join('\n')
  console.log(`\n${table}\n`)
  const file = join(folder, 'README.md')
  const text = await readFile(file, 'utf8')
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${file}: no lines ${begin} and ${end}; add them where the table belongs`)
  await writeFileAtomically(file, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`)
}
