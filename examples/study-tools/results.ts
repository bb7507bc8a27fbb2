/** What a study leaves behind: results.jsonl, pictures, and the table in its README. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '@kumiki/train/node'

/** A folder of results. Lines are gathered and written together, so that a study that was stopped leaves the old ones. */
export class Results {
  readonly folder: string
  private readonly lines: object[] = []

  constructor(folder: string) {
    this.folder = folder
  }

  /** One measurement: an object of JSON. Numbers that are not finite become null. */
  add(line: object): void {
    this.lines.push(line)
  }

  /** Writes results.jsonl, and pictures by file name. */
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
  if (from < 0 || to < from) throw new Error(`${file}: has no ${begin} ... ${end} to put the table between`)
  await writeFileAtomically(file, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`)
}
