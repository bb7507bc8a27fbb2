/** A study of `kumiki ablate`: factors varied over a base configuration, and the folder of its runs. */
import { dirname, join, relative, resolve } from 'node:path'
import type { Design, LevelDesign } from '@kumiki/ablation/design'
import { exists, readJson, writeWhole } from '../files/files.ts'
import { checkWritten } from '../flags/written-json.ts'
import { UsageError } from '../usage-error.ts'

type Changes = Readonly<Record<string, unknown>>

/** `ablate design --study`: a base configuration, and the changes of each level of each factor. */
export interface Study {
  readonly name?: string
  /** A configuration file of `kumiki train`. */
  readonly base: Changes
  readonly factors: readonly { readonly name: string; readonly levels: Readonly<Record<string, Changes>> }[]
}

/** A run of a study; paths are relative to the study's folder. */
export interface StudyRun {
  readonly id: string
  /** Row of the design and replicate of that row, both from 0. */
  readonly row: number
  readonly replicate: number
  readonly levels: Readonly<Record<string, string>>
  readonly config: string
  readonly folder: string
}

/** `study.json` in a study's folder. */
export interface StudyFolder {
  readonly version: 1
  readonly name: string
  readonly design: Design | LevelDesign
  readonly runs: readonly StudyRun[]
}

/** @throws Error naming file and field */
export async function readStudy(file: string): Promise<Study> {
  return checkWritten<Study>('study', await readJson(file), file)
}

/** The level of each factor, for each row of the design. */
export function levelsOf(design: Design | LevelDesign): Record<string, string>[] {
  return design.runs.map((row) =>
    Object.fromEntries(
      design.factors.map((factor, i) => [
        factor.name,
        'levels' in factor
          ? factor.levels[row[i]]
          : row[i] > 0
            ? ((factor as { on?: string }).on ?? 'on')
            : ((factor as { off?: string }).off ?? 'off'),
      ]),
    ),
  )
}

const isObject = (value: unknown): value is Changes =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Merges objects, appends arrays (for example a further data source) and replaces other values. */
function merged(base: Changes, changes: Changes): Changes {
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(changes)) {
    const before = result[key]
    if (isObject(before) && isObject(value)) result[key] = merged(before, value)
    else if (Array.isArray(before) && Array.isArray(value)) result[key] = [...before, ...value]
    else result[key] = value
  }
  return result
}

/** Rewrites relative paths in a configuration for another folder. */
function movedPaths(config: Changes, from: string, to: string): Changes {
  const move = (path: unknown) => (typeof path === 'string' ? relative(to, resolve(from, path)) : path)
  const { data, heldOut, tokenFiles, tokenizer } = config
  return {
    ...config,
    ...(Array.isArray(data) && {
      data: data.map((entry) => (isObject(entry) ? { ...entry, path: move(entry.path) } : move(entry))),
    }),
    ...(tokenizer !== undefined && { tokenizer: move(tokenizer) }),
    ...(isObject(tokenFiles) && {
      tokenFiles: { ...tokenFiles, dataPath: movedDataPath(tokenFiles.dataPath, move) },
    }),
    ...(isObject(heldOut) && {
      heldOut: Object.fromEntries(Object.entries(heldOut).map(([name, path]) => [name, move(path)])),
    }),
  }
}

/** Rewrites the prefixes of a Megatron data path, but not its weights. */
function movedDataPath(dataPath: unknown, move: (path: unknown) => unknown): unknown {
  const words = typeof dataPath === 'string' ? dataPath.trim().split(/\s+/) : dataPath
  if (!Array.isArray(words)) return dataPath
  const weighted = words.length % 2 === 0 && words.every((word, i) => i % 2 === 1 || Number(word) > 0)
  return words.map((word, i) => (weighted && i % 2 === 0 ? word : move(word)))
}

/**
 * Writes a configuration file for every run, a table for responses, and study.json.
 * @param file the study's file, for error messages and relative paths
 * @param replicates runs per row, each with its own seed
 * @param plugin a module with further kinds of schedules and optimizers, as `train` takes it
 * @throws UsageError if a level of the design is not in the study, or `kumiki train` would reject a configuration;
 * nothing is written then
 */
export async function writeStudy(
  study: Study,
  file: string,
  design: Design | LevelDesign,
  out: string,
  replicates: number,
  plugin?: string,
): Promise<StudyFolder> {
  const name = study.name ?? 'study'
  const digits = String(design.runs.length).length
  const rows = levelsOf(design)
  const runs: StudyRun[] = []
  const configs: [string, Changes][] = []
  for (let replicate = 0; replicate < replicates; replicate++) {
    for (const [row, levels] of rows.entries()) {
      const id = `run-${String(row + 1).padStart(digits, '0')}${replicates > 1 ? `-${replicate + 1}` : ''}`
      let config = study.base
      for (const { name: factor, levels: changes } of study.factors) {
        const level = changes[levels[factor]]
        if (!level) throw new UsageError(`${file}: ${factor} has no level ${JSON.stringify(levels[factor])}`)
        config = merged(config, level)
      }
      const base = (isObject(config.run) ? config.run.seed : undefined) ?? 0
      const seeded = replicates === 1 ? config : merged(config, { run: { seed: Number(base) + replicate } })
      configs.push([id, movedPaths({ ...seeded, name: `${name}-${id}` }, dirname(file), join(out, 'configs'))])
      runs.push({ id, row, replicate, levels, config: `configs/${id}.json`, folder: `runs/${id}` })
    }
  }
  const { resolveRun } = await import('../train/run-definition.ts')
  const { loadPlugin } = await import('../flags/plugin.ts')
  const ownKinds = await loadPlugin(plugin)
  for (const [i, [id, content]] of configs.entries()) {
    const levels = Object.entries(runs[i].levels).map(([factor, level]) => `${factor} ${level}`)
    const path = join(out, 'configs', `${id}.json`)
    await resolveRun({ config: path, content, overrides: {}, ownKinds }).catch((error: Error) => {
      // The configuration file is not written yet: name the study's file instead.
      const fault = error.message.replaceAll('--config ', '').replaceAll(`${path}: `, '')
      throw new UsageError(`${file} with ${levels.join(', ')}: ${fault}`, { cause: error })
    })
  }
  for (const [id, config] of configs)
    await writeWhole(join(out, 'configs', `${id}.json`), `${JSON.stringify(config, null, 2)}\n`)
  const factors = design.factors.map((factor) => factor.name)
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const table = [
    ['run', ...factors, 'response'],
    ...runs.map(({ id, levels }) => [id, ...factors.map((factor) => levels[factor]), '']),
  ]
  await writeWhole(join(out, 'table.csv'), table.map((row) => `${row.map(cell).join(',')}\r\n`).join(''))
  const folder: StudyFolder = { version: 1, name, design, runs }
  await writeWhole(join(out, 'study.json'), `${JSON.stringify(folder, null, 2)}\n`)
  return folder
}

/** @throws Error if the folder is not a study's */
export async function openStudy(path: string): Promise<StudyFolder> {
  const file = join(path, 'study.json')
  if (!(await exists(file)))
    throw new Error(`${path}: not a study folder; create one with kumiki ablate design --study FILE --out ${path}`)
  const study = checkWritten<StudyFolder>('studyFolder', await readJson(file), file)
  const rows = study.design.runs.length
  for (const [i, { row, id, config, folder }] of study.runs.entries()) {
    if (row >= rows)
      throw new Error(`${file}: runs[${i}].row must be below ${rows}, the rows of the design, got ${row}`)
    for (const inside of [config, folder])
      if (relative(path, join(path, inside)).startsWith('..') || !/^[\w.-]+$/.test(id))
        throw new Error(`${file}: runs[${i}]: the path ${inside} is outside the study's folder`)
  }
  return study
}
