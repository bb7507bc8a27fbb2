/**
 * The rows of a run. The process that measures (`Cases`) reports every case before it begins and after it; the one that
 * supervises it (`GpuRecord`) writes a JSON line for each, so that an interrupted run keeps its results.
 */
import { appendFileSync, writeFileSync } from 'node:fs'

export interface Row {
  readonly section: string
  readonly name: string
  readonly ok: boolean
  /** The error's message, where `ok` is false. */
  readonly error?: string
  /** The case was not measured because the time was over. */
  readonly leftOut?: boolean
  readonly [figure: string]: string | number | boolean | readonly unknown[] | undefined | null
}

export type Figures = Readonly<Record<string, string | number | boolean | readonly unknown[] | undefined | null>>

/** What the measuring process reports. */
export type Report =
  | { readonly kind: 'begin'; readonly section: string; readonly name: string }
  | { readonly kind: 'row'; readonly row: Row }

/**
 * The share of the time after which no case of a section begins. What a section does not use is left to the next ones,
 * and none can take all of it.
 */
const sectionEnds: Readonly<Record<string, number>> = {
  adapter: 1,
  ceilings: 1,
  check: 0.4,
  training: 0.6,
  kernels: 0.8,
  generation: 0.86,
  host: 0.88,
}

/** The time of a run. */
export class Budget {
  readonly milliseconds: number
  private readonly began: number

  constructor(minutes: number, began = Date.now()) {
    this.milliseconds = 60_000 * minutes
    this.began = began
  }

  /** Milliseconds until no case of a section may begin; without a section, until the end. */
  left(section?: string): number {
    const share = section === undefined ? 1 : (sectionEnds[section] ?? 1)
    return this.began + share * this.milliseconds - Date.now()
  }

  /** The most milliseconds that one case may take. */
  get caseLimit(): number {
    return Math.min(90_000, Math.max(10_000, this.milliseconds / 6))
  }

  /** For another process. */
  toJSON(): { minutes: number; began: number } {
    return { minutes: this.milliseconds / 60_000, began: this.began }
  }
}

const keyOf = (section: string, name: string) => `${section}\n${name}`

/** The first line of an error's message. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0].slice(0, 400)

/** Measures cases one after the other. */
export class Cases {
  private readonly done: ReadonlyMap<string, Row>
  private readonly budget: Budget
  private readonly report: (report: Report) => void
  /** Called after a failure: what the failed case has used may be broken. */
  afterFailure: () => Promise<void> = async () => {}

  /** @param done rows of an earlier process of this run: their cases are not measured again */
  constructor(done: readonly Row[], budget: Budget, report: (report: Report) => void) {
    this.done = new Map(done.map((row) => [keyOf(row.section, row.name), row]))
    this.budget = budget
    this.report = report
  }

  /** Measures a case. An error becomes part of its row; after the section's time the row says "left out". */
  async try(section: string, name: string, measure: () => Promise<Figures>): Promise<Row> {
    const earlier = this.done.get(keyOf(section, name))
    if (earlier) return earlier
    if (this.budget.left(section) <= 0) return this.add(leftOut(section, name))
    this.report({ kind: 'begin', section, name })
    const began = performance.now()
    const seconds = () => (performance.now() - began) / 1000
    try {
      const figures = await measure()
      return this.add({ section, name, ok: true, ...figures, caseSeconds: seconds() })
    } catch (error) {
      await this.afterFailure().catch(() => {})
      return this.add({ section, name, ok: false, error: reasonOf(error), caseSeconds: seconds() })
    }
  }

  private add(row: Row): Row {
    this.report({ kind: 'row', row })
    return row
  }
}

export const leftOut = (section: string, name: string): Row => ({
  section,
  name,
  ok: false,
  leftOut: true,
  error: 'left out: the time was over',
})

export class GpuRecord {
  readonly rows: Row[] = []
  private readonly file: string
  private readonly log: (line: string) => void
  /** Part of every line. */
  about: Figures = {}

  constructor(file: string, log: (line: string) => void) {
    this.file = file
    this.log = log
    writeFileSync(file, '')
  }

  add(row: Row): void {
    this.rows.push(row)
    appendFileSync(this.file, `${JSON.stringify({ benchmark: 'gpu', ...this.about, ...row })}\n`)
    const { section, name, ok, error, leftOut: skipped, ...figures } = row
    const said = Object.entries(figures).flatMap(([key, x]) =>
      typeof x === 'object' || x === undefined ? [] : [`${key} ${shown(x)}`],
    )
    this.log(`${ok ? 'ok  ' : skipped ? 'left' : 'FAIL'} ${section}: ${name}  ${error ?? said.join(', ')}`)
  }

  get summary(): string {
    const failed = this.rows.filter(({ ok, leftOut: skipped }) => !ok && !skipped)
    const skipped = this.rows.filter((row) => row.leftOut).length
    const passed = this.rows.length - failed.length - skipped
    const names = failed.slice(0, 5).map(({ name }) => name)
    return [
      `${passed} of ${this.rows.length} rows passed`,
      ...(skipped > 0 ? [`${skipped} were left out for lack of time`] : []),
      ...(names.length > 0 ? [`failed: ${names.join('; ')}${failed.length > names.length ? ' ...' : ''}`] : []),
    ].join('; ')
  }
}

/** A number with three significant digits, or all digits of its integer part. */
export function shown(x: unknown): string {
  if (typeof x !== 'number' || Number.isInteger(x)) return String(x)
  return Math.abs(x) >= 1000 ? Math.round(x).toLocaleString('en') : x.toPrecision(3)
}
