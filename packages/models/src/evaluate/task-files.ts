/** Loads evaluation tasks: lm-evaluation-harness YAML, and data files in JSON, JSON Lines or CSV. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, extname, isAbsolute, relative, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { type EvaluationTask, type TaskDocument, taskFromFields } from './task.ts'

const maxTaskBytes = 1 << 20
const maxDataBytes = 1 << 28
const maxIncludes = 16

/**
 * Reads a task. Nothing outside the task's folder is read, and no Python is run.
 * @param file a YAML file
 * @throws Error naming the file and field: an unsupported field, an include that is circular or outside the folder,
 * missing or malformed data
 */
export async function loadEvaluationTask(file: string): Promise<EvaluationTask> {
  const folder = await realpath(dirname(file)).catch(() => resolve(dirname(file)))
  const fields = await fieldsOf(file, folder, [])
  const files = dataFiles(file, fields)
  const read = new Map<string, Promise<readonly TaskDocument[]>>()
  return taskFromFields(file, fields, (split) => {
    const known = read.get(split) ?? readSplit(file, folder, files, split, String(fields.dataset_path))
    read.set(split, known)
    return known
  })
}

/** The resolved path of a file, which must be inside the folder after following links. */
async function inside(owner: string, folder: string, name: unknown, field: string): Promise<string> {
  if (typeof name !== 'string' || name === '')
    throw new Error(`${owner}: ${field} must name a file, got ${JSON.stringify(name)}`)
  if (/^\w+:\/\//.test(name)) throw new Error(`${owner}: ${field} must be a file in the task's folder, got ${name}`)
  const path = await realpath(resolve(folder, name)).catch(() => {
    throw new Error(`${owner}: ${field}: there is no file ${name} in the task's folder`)
  })
  const way = relative(folder, path)
  if (way.startsWith('..') || isAbsolute(way))
    throw new Error(`${owner}: ${field} leads out of the task's folder: ${name}`)
  return path
}

async function readBounded(path: string, limit: number): Promise<string> {
  const { size } = await stat(path)
  if (size > limit) throw new Error(`${path}: the file has ${size} bytes; at most ${limit} are read`)
  return readFile(path, 'utf8')
}

async function fieldsOf(file: string, folder: string, above: readonly string[]): Promise<Record<string, unknown>> {
  const path = resolve(file)
  if (above.includes(path) || above.length >= maxIncludes)
    throw new Error(
      `${file}: circular include, or more than ${maxIncludes} levels: ${[...above, path].map((p) => relative(folder, p)).join(' -> ')}`,
    )
  const source = await readBounded(path, maxTaskBytes).catch((error) => {
    throw new Error(error.code === 'ENOENT' ? `${file}: there is no such file` : error.message)
  })
  const document = parseDocument(source, { schema: 'core', merge: true, version: '1.2', uniqueKeys: true })
  const fault = document.errors[0] ?? document.warnings.find(({ message }) => /tag/i.test(message))
  if (/!function/.test(fault?.message ?? '') || /:\s*!function\b/.test(source))
    throw new Error(`${file}: !function names Python code, which is not run here; write the field as a template`)
  if (fault) throw new Error(`${file}: not valid YAML: ${fault.message.split('\n')[0]}`)
  const fields = plainFields(file, document)
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw new Error(`${file}: a task must be a mapping of fields`)
  const { include, ...own } = fields as Record<string, unknown>
  const names = include === undefined || include === null ? [] : Array.isArray(include) ? include : [include]
  const merged: Record<string, unknown> = {}
  for (const name of names) {
    const included = await inside(file, dirname(path), name, 'include')
    const way = relative(folder, included)
    if (way.startsWith('..')) throw new Error(`${file}: include leads out of the task's folder: ${name}`)
    Object.assign(merged, await fieldsOf(included, folder, [...above, path]))
  }
  return { ...merged, ...own }
}

/** @throws Error naming the file if its aliases repeat one another without bound */
function plainFields(file: string, document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new Error(`${file}: not valid YAML: ${(error as Error).message}`)
  }
}

/** Names of files by split. */
function dataFiles(file: string, fields: Readonly<Record<string, unknown>>): Map<string, unknown[]> {
  const { dataset_path: kind, dataset_name: name, dataset_kwargs: given } = fields
  if (kind !== 'json' && kind !== 'csv')
    throw new Error(
      `${file}: dataset_path must be json or csv, with the files in dataset_kwargs.data_files, got ${JSON.stringify(kind)}`,
    )
  if (name !== undefined && name !== null)
    throw new Error(`${file}: dataset_name is not supported, got ${JSON.stringify(name)}`)
  const { data_files: files, ...rest } = (given ?? {}) as Record<string, unknown>
  const other = Object.keys(rest)[0]
  if (other !== undefined) throw new Error(`${file}: dataset_kwargs.${other} is not supported; only data_files is`)
  if (typeof files !== 'string' && (typeof files !== 'object' || files === null))
    throw new Error(`${file}: dataset_kwargs.data_files must name files, one or more for each split`)
  const list = (value: unknown) => (Array.isArray(value) ? value : [value])
  if (typeof files === 'string' || Array.isArray(files)) return new Map([['train', list(files)]])
  return new Map(Object.entries(files).map(([split, value]) => [split, list(value)]))
}

async function readSplit(
  file: string,
  folder: string,
  files: ReadonlyMap<string, unknown[]>,
  split: string,
  kind: string,
): Promise<readonly TaskDocument[]> {
  const names = files.get(split)
  if (!names) throw new Error(`${file}: there is no split ${split}; data_files has ${[...files.keys()].join(', ')}`)
  const documents: TaskDocument[] = []
  for (const name of names) {
    const path = await inside(file, folder, name, `data_files.${split}`)
    const source = await readBounded(path, maxDataBytes)
    for (const document of kind === 'csv' ? csvRecords(path, source) : jsonRecords(path, source))
      documents.push(document)
  }
  return documents
}

/** A JSON array of records, or JSON Lines. */
function jsonRecords(path: string, source: string): TaskDocument[] {
  const record = (value: unknown, where: string): TaskDocument => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as TaskDocument
    throw new Error(`${path}: ${where} is not an object`)
  }
  const parse = (text: string, where: string): unknown => {
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new Error(`${path}: ${where} is not JSON: ${(error as Error).message.slice(0, 120)}`)
    }
  }
  if (extname(path) === '.json' && source.trimStart().startsWith('['))
    return (parse(source, 'it') as unknown[]).map((value, i) => record(value, `entry ${i}`))
  return source
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [record(parse(line, `line ${i + 1}`), `line ${i + 1}`)]))
}

/** A header, then records; a column that contains only numbers is parsed as numbers. */
function csvRecords(path: string, source: string): TaskDocument[] {
  const [names, ...rows] = csvRows(source)
  if (!names) return []
  const short = rows.findIndex((row) => row.length !== names.length)
  if (short >= 0)
    throw new Error(`${path}: record ${short + 1} has ${rows[short].length} fields, the header ${names.length}`)
  const numeric = names.map((_, c) => rows.every((row) => /^-?\d+(\.\d+)?$/.test(row[c])))
  return rows.map((row) => Object.fromEntries(row.map((value, c) => [names[c], numeric[c] ? Number(value) : value])))
}

/** @see RFC 4180 */
function csvRows(source: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let field = ''
  let quoted = false
  const text = source.replace(/^\ufeff/, '')
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quoted) {
      if (c !== '"') field += c
      else if (text[i + 1] === '"') field += text[++i]
      else quoted = false
    } else if (c === '"' && field === '') quoted = true
    else if (c === ',' || c === '\n') {
      row.push(c === '\n' ? field.replace(/\r$/, '') : field)
      field = ''
      if (c === '\n') {
        if (row.length > 1 || row[0] !== '') rows.push(row)
        row = []
      }
    } else field += c
  }
  if (field !== '' || row.length > 0) rows.push([...row, field])
  return rows
}
