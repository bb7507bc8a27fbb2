/** The responses of a study: metrics from its run folders, or a filled-in table. */
import { join } from 'node:path'
import type { Response } from '@kumiki/ablation'
import { exists, readBytes, readJson } from '../files/files.ts'
import type { StudyFolder } from './study.ts'

/** Responses by name: for each row of the design one value, or one for each replicate; null if missing. */
export type Responses = Readonly<Record<string, readonly Response[]>>

type Value = number | null

/** Groups the runs' values by rows of the design. */
function byRow(study: StudyFolder, values: ReadonlyMap<string, Value>): Response[] {
  return study.design.runs.map((_, row) => {
    const own = study.runs.filter((run) => run.row === row).map(({ id }) => values.get(id) ?? null)
    return own.length === 1 ? own[0] : own
  })
}

/** A number at a dotted path of summary.json. */
function figureAt(summary: unknown, path: string): number | undefined {
  let at = summary
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string, unknown>)[key]
  }
  return typeof at === 'number' && Number.isFinite(at) ? at : undefined
}

/**
 * Metrics of finished runs. Default: held-out bits per byte, overall and of each named part.
 * @param wanted dotted paths into summary.json, such as heldOut.bitsPerByte
 * @throws Error if no run has finished, or no summary has a metric
 */
export async function responsesOfRuns(
  path: string,
  study: StudyFolder,
  wanted: readonly string[] | undefined,
): Promise<{ responses: Responses; unfinished: readonly string[] }> {
  const summaries = new Map<string, unknown>()
  for (const { id, folder } of study.runs) {
    const file = join(path, folder, 'summary.json')
    if (await exists(file)) summaries.set(id, await readJson(file))
  }
  if (summaries.size === 0)
    throw new Error(
      `${path}: none of its ${study.runs.length} runs has finished; train them with kumiki ablate run ${path}`,
    )
  const first = [...summaries.values()][0] as { heldOutParts?: object }
  const names = wanted ?? [
    'heldOut.bitsPerByte',
    ...Object.keys(first.heldOutParts ?? {}).map((part) => `heldOutParts.${part}.bitsPerByte`),
  ]
  const responses: Record<string, Response[]> = {}
  for (const name of names) {
    const values = new Map([...summaries].map(([id, summary]) => [id, figureAt(summary, name) ?? null] as const))
    if ([...values.values()].every((value) => value === null))
      throw new Error(
        `${path}: no summary.json has a number at ${name}; use a path such as heldOut.bitsPerByte, heldOut.natsPerToken or heldOutParts.NAME.bitsPerByte`,
      )
    responses[
      name.replace(/^heldOutParts\.(.+)\.bitsPerByte$/, '$1').replace(/^heldOut\.bitsPerByte$/, 'bits per byte')
    ] = byRow(study, values)
  }
  return { responses, unfinished: study.runs.filter(({ id }) => !summaries.has(id)).map(({ id }) => id) }
}

/** Parses CSV (RFC 4180) into rows of fields. */
function csvRows(text: string): string[][] {
  const rows: string[][] = [[]]
  const pattern = /("(?:[^"]|"")*"|[^,\r\n"]*)(,|\r\n|\n|\r|$)/y
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text)
    if (!match) throw new Error(`line ${rows.length} has an unclosed quote, or a quote inside an unquoted field`)
    const [, field, end] = match
    rows[rows.length - 1].push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field)
    if (end !== ',' && end !== '') rows.push([])
  }
  return rows.filter((row) => row.some((field) => field.trim() !== ''))
}

/**
 * Reads the table that `ablate design` writes, with a column for each response. An empty field is a missing run.
 * @throws Error naming file, line and column
 */
export async function responsesOfTable(file: string, study: StudyFolder): Promise<Responses> {
  const fail = (fault: string): never => {
    throw new Error(`${file}: ${fault}`)
  }
  let rows: string[][]
  try {
    rows = csvRows(new TextDecoder().decode(await readBytes(file, 2 ** 24)).replace(/^\ufeff/, ''))
  } catch (error) {
    return fail((error as Error).message)
  }
  const factors = study.design.factors.map(({ name }) => name)
  const head = rows[0] ?? []
  const fixed = ['run', ...factors]
  if (fixed.some((name, i) => head[i] !== name))
    fail(`the first columns must be ${fixed.join(', ')}, got ${head.slice(0, fixed.length).join(', ')}`)
  const names = head.slice(fixed.length)
  if (names.length === 0) fail(`no response columns; add one after ${fixed.join(', ')}`)
  if (new Set(names).size !== names.length) fail('two columns have the same name; rename one')
  const columns = names.map(() => new Map<string, Value>())
  const seen = new Set<string>()
  rows.slice(1).forEach((row, i) => {
    const where = `line ${i + 2}`
    if (row.length !== head.length) fail(`${where} has ${row.length} fields, but the header has ${head.length}`)
    const run = study.runs.find(({ id }) => id === row[0])
    if (!run) throw new Error(`${file}: ${where}: the study has no run ${JSON.stringify(row[0])}`)
    if (seen.has(run.id)) fail(`${where}: duplicate row of ${run.id}`)
    seen.add(run.id)
    factors.forEach((factor, j) => {
      if (row[j + 1] !== run.levels[factor])
        fail(
          `${where}: ${factor} is ${JSON.stringify(row[j + 1])}, but ${run.id} has ${JSON.stringify(run.levels[factor])}`,
        )
    })
    names.forEach((name, j) => {
      const text = row[fixed.length + j].trim()
      const value = text === '' ? null : /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
      if (value !== null && !Number.isFinite(value))
        fail(`${where}: ${name} must be a number or empty, got ${JSON.stringify(text)}`)
      columns[j].set(run.id, value)
    })
  })
  const filled = names
    .map((name, j) => [name, columns[j]] as const)
    .filter(([, values]) => [...values.values()].some((v) => v !== null))
  if (filled.length === 0) fail('all response fields are empty; fill in at least one')
  return Object.fromEntries(filled.map(([name, values]) => [name, byRow(study, values)]))
}
