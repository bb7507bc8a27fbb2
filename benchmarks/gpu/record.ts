/** One JSON line for each measurement, written at once, so that an interrupted run keeps its results. */
import { appendFileSync, writeFileSync } from 'node:fs'

export interface Row {
  readonly section: string
  readonly name: string
  readonly ok: boolean
  /** The error's message, where `ok` is false. */
  readonly error?: string
  readonly [figure: string]: string | number | boolean | readonly unknown[] | undefined | null
}

type Figures = Readonly<Record<string, string | number | boolean | readonly unknown[] | undefined | null>>

export class GpuRecord {
  readonly rows: Row[] = []
  private readonly file: string
  private readonly about: Figures
  private readonly end: number
  private readonly log: (line: string) => void

  /** @param minutes after which no measurement starts */
  constructor(file: string, about: Figures, minutes: number, log: (line: string) => void) {
    this.file = file
    this.about = about
    this.end = performance.now() + 60_000 * minutes
    this.log = log
    writeFileSync(file, '')
  }

  get over(): boolean {
    return performance.now() > this.end
  }

  /**
   * Measures or checks and adds the row. An error becomes part of the row; after the time limit the row says "left
   * out".
   */
  async try(section: string, name: string, measure: () => Promise<Figures>): Promise<Row> {
    if (this.over) return this.add({ section, name, ok: false, error: 'left out: the time was over' })
    try {
      const figures = await measure()
      return this.add({ section, name, ok: true, ...figures })
    } catch (error) {
      return this.add({ section, name, ok: false, error: (error as Error).message.split('\n')[0].slice(0, 400) })
    }
  }

  private add(row: Row): Row {
    this.rows.push(row)
    appendFileSync(this.file, `${JSON.stringify({ benchmark: 'gpu', ...this.about, ...row })}\n`)
    const { section, name, ok, error, ...figures } = row
    const said = Object.entries(figures).flatMap(([key, x]) =>
      typeof x === 'object' || x === undefined ? [] : [`${key} ${shown(x)}`],
    )
    this.log(`${ok ? 'ok  ' : 'FAIL'} ${section}: ${name}  ${error ?? said.join(', ')}`)
    return row
  }
}

/** A number with three significant digits, or all digits of its integer part. */
export function shown(x: unknown): string {
  if (typeof x !== 'number' || Number.isInteger(x)) return String(x)
  return Math.abs(x) >= 1000 ? Math.round(x).toLocaleString('en') : x.toPrecision(3)
}
