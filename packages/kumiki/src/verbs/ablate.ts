/** `kumiki ablate` and its verb `analyze`; the other verbs are in ablate-design.ts and ablate-run.ts. */
import type { Design, LevelDesign, Response, SeveralAnalyses } from '@kumiki/ablation'
import type { Command } from 'commander'
import { readBytes, readJson, writeWhole } from '../files/files.ts'
import { collect, real } from '../flags/flag-values.ts'
import { checkWritten } from '../flags/written-json.ts'
import { textTable } from '../output/text-table.ts'
import { openStudy, type StudyFolder } from '../study/study.ts'
import { type Responses, responsesOfRuns, responsesOfTable } from '../study/study-responses.ts'
import { UsageError } from '../usage-error.ts'
import { addCommand, addVerb, answer } from '../verb.ts'
import { addDesign } from './ablate-design.ts'
import { addRun } from './ablate-run.ts'

export function addAblate(program: Command): void {
  const group = addCommand(
    program,
    'ablate',
    'Design ablation studies with few runs, train them, and analyze the effects.',
  )
  addDesign(group)
  addRun(group)
  addVerb(
    group,
    'analyze',
    'Analyze the effects of the factors: from the runs of a study, or from one score per run.',
    (c) =>
      c
        .argument('[folder]', 'study folder: its finished runs are read')
        .option(
          '--response <path>',
          'with FOLDER: a value in summary.json, such as heldOut.bitsPerByte (repeatable)',
          collect,
        )
        .option('--table <file>', "with FOLDER: the study's table.csv, filled in, instead of its run folders")
        .option('--design <file>', 'JSON as `ablate design` writes it')
        .option(
          '--responses <file>',
          'with --design. JSON: an array with a number, a list or null per run, or such arrays by name; or text: one line per run',
        )
        .option('--interaction <A:B>', 'also estimate an interaction (repeatable)', collect)
        .option('--confidence <share>', 'confidence level of the intervals', real({ above: 0, to: 0.999999 }), 0.95)
        .option('--out <file>', 'write an HTML report with plots')
        .option('--csv <file>', 'write the effects as CSV')
        .option('--svg <file>', 'draw the effects')
        .option('--half-normal <file>', 'draw a half-normal plot of the effects'),
    analyze,
  )
}

interface AnalyzeFlags {
  response?: string[]
  table?: string
  design?: string
  responses?: string
  interaction?: string[]
  confidence: number
  out?: string
  csv?: string
  svg?: string
  halfNormal?: string
  json?: boolean
}

/** The study and responses to analyze, and their file. */
interface Given {
  readonly from: string
  readonly study: StudyFolder
  readonly responses: Responses
  readonly notes: readonly string[]
}

async function analyze(options: AnalyzeFlags, folder: string | undefined): Promise<void> {
  const ablation = await import('@kumiki/ablation')
  const { from, study, responses, notes } =
    folder === undefined ? await givenFiles(options) : await givenStudy(folder, options)
  const made = study.design
  const settings = {
    interactions: options.interaction?.map((term) => term.split(':')),
    confidence: options.confidence,
  }
  const named = Object.entries(responses)
  const several = namingFile(from, () => ablation.analyzeSeveral(made, responses, settings))
  const lenth = lenthOf(made, responses, options.confidence, ablation)
  const verdict = [...notes, ...several.verdict, ...lenth.flatMap(({ sentence }) => sentence)]
  // For one response of a complete two-level design, report the means at on and off.
  const [first] = named
  const single =
    named.length === 1 && 'definingRelation' in made && complete(first[1])
      ? namingFile(from, () => ablation.analyze(made, first[1] as (number | number[])[], settings))
      : undefined
  const ofFirst = single ?? {
    confidence: options.confidence,
    effects: several.analyses[first[0]].terms.flatMap((term) =>
      term.difference === null ? [] : [{ ...term, difference: term.difference }],
    ),
  }
  const own = single ? verdict.map((sentence) => sentence.replace(`${first[0]}: `, '')) : verdict
  if (options.csv !== undefined)
    await writeWhole(options.csv, single ? ablation.effectsCsv(single) : csvOf(several.table))
  if (options.svg !== undefined) {
    const { effectsChart } = await import('@kumiki/report')
    await writeWhole(options.svg, effectsChart(ofFirst, { response: first[0] }))
  }
  if (options.halfNormal !== undefined) {
    const { halfNormalChart } = await import('@kumiki/report')
    await writeWhole(options.halfNormal, halfNormalChart(ofFirst.effects))
  }
  if (options.out !== undefined) {
    const { studyPage } = await import('../output/study-page.ts')
    await writeWhole(options.out, await studyPage(study, responses, { ...several, verdict: own }))
  }
  const data = single ? { ...single, verdict: own } : { responses, ...several, verdict: own }
  answer(options, data, () => `${single ? ablation.effectsTable(single) : testsTable(several)}\n\n${own.join('\n')}`)
}

async function givenStudy(folder: string, options: AnalyzeFlags): Promise<Given> {
  if (options.design !== undefined || options.responses !== undefined)
    throw new UsageError('give the folder of a study, or --design FILE and --responses FILE, not both')
  if (options.table !== undefined && options.response !== undefined)
    throw new UsageError('--response selects a metric of run folders; leave it out with --table')
  const study = await openStudy(folder)
  if (options.table !== undefined)
    return { from: options.table, study, responses: await responsesOfTable(options.table, study), notes: [] }
  const { responses, unfinished } = await responsesOfRuns(folder, study, options.response)
  const notes =
    unfinished.length > 0
      ? [`${unfinished.length} of ${study.runs.length} runs have not finished: ${unfinished.join(', ')}.`]
      : []
  return { from: folder, study, responses, notes }
}

async function givenFiles(options: AnalyzeFlags): Promise<Given> {
  const { design: file, responses: from } = options
  if (file === undefined || from === undefined)
    throw new UsageError('give the folder of a study, or --design FILE and --responses FILE')
  const made = readDesign(await readJson(file), file)
  const study: StudyFolder = { version: 1, name: file, design: made, runs: [] }
  return { from, study, responses: await readResponses(from), notes: [] }
}

/** Runs an analysis, and prefixes its errors with the file. */
function namingFile<T>(from: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new Error(`${from}: ${(error as Error).message}`, { cause: error })
  }
}

const complete = (values: readonly Response[]) =>
  values.every((value) => (Array.isArray(value) ? !value.includes(null) : value !== null))

/** Without replicates: the significant effects, including interactions, by Lenth's method. */
function lenthOf(
  made: Design | LevelDesign,
  responses: Responses,
  confidence: number,
  { lenth }: typeof import('@kumiki/ablation'),
): { sentence: string }[] {
  if (!('definingRelation' in made) || made.runs.length < 8) return []
  return Object.entries(responses).flatMap(([name, values]) => {
    if (!values.every((value) => typeof value === 'number') || values.every((value) => value === values[0])) return []
    const { effects } = lenth(made, values as number[], confidence)
    const significant = effects.filter(({ exceedsMarginOfError }) => exceedsMarginOfError).map(({ term }) => term)
    const what =
      significant.length > 0
        ? `${significant.join(', ')} ${significant.length === 1 ? 'is' : 'are'} significant`
        : 'no contrast is significant'
    return [{ sentence: `${name}: By Lenth’s method, which needs no replicates, ${what}.` }]
  })
}

function testsTable({ table, analyses }: SeveralAnalyses): string {
  const number = (value: number | null) => (value === null ? '-' : String(Number(value.toPrecision(4))))
  const rows = table.map(({ response, term, difference, pValue, benjaminiHochberg }) => {
    const one = analyses[response].terms.find((other) => other.term === term)!
    const [low, high] = one.confidenceInterval ?? [null, null]
    return [
      response,
      term,
      number(difference),
      number(low),
      number(high),
      number(one.F),
      number(pValue),
      number(one.holm),
      number(benjaminiHochberg),
    ]
  })
  return textTable(['response', 'term', 'difference', 'low', 'high', 'F', 'p', 'p (Holm)', 'p (B-H, all)'], rows)
}

function csvOf(table: SeveralAnalyses['table']): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const rows = table.map(({ response, term, difference, pValue, benjaminiHochberg }) =>
    [response, term, difference, pValue, benjaminiHochberg].map((value) => cell(value === null ? '' : String(value))),
  )
  return [['response', 'term', 'difference', 'p', 'p_benjamini_hochberg'], ...rows]
    .map((row) => `${row.join(',')}\r\n`)
    .join('')
}

/** Parses a design. @throws Error naming file and field */
function readDesign(json: unknown, file: string): Design | LevelDesign {
  const levelled = (json as { factors?: { levels?: unknown }[] } | null)?.factors
  if (Array.isArray(levelled) && levelled.some((factor) => factor?.levels !== undefined)) {
    const found = checkWritten<LevelDesign>('levelDesign', json, file)
    found.runs.forEach((row, i) => {
      if (row.length !== found.factors.length || row.some((level, j) => !(level < found.factors[j].levels.length)))
        throw new Error(`${file}: runs[${i}] must be ${found.factors.length} level indices`)
    })
    return found
  }
  const given = checkWritten<Partial<Record<keyof Design, unknown>>>('design', json, file)
  const fail = (message: string): never => {
    throw new Error(`${file}: ${message}; \`kumiki ablate design --out FILE\` writes one`)
  }
  const { factors, runs, definingRelation = [], wordLengths = [], resolution = null } = given
  if (!Array.isArray(factors) || factors.length < 2 || factors.length > 127)
    return fail('factors must be an array of 2 to 127 factors')
  const known = factors.map((factor, i) =>
    typeof factor?.name === 'string' ? factor.name : fail(`factors[${i}] must have a name`),
  )
  if (!Array.isArray(runs) || runs.length < 4 || runs.length > 256)
    return fail('runs must be an array of 4 to 256 runs')
  runs.forEach((row, i) => {
    if (!Array.isArray(row) || row.length !== known.length || !row.every((level) => level === 1 || level === -1))
      fail(`runs[${i}] must be ${known.length} levels of -1 or 1`)
  })
  const isWord = (word: unknown) => {
    const { sign, factors: of } = (word ?? {}) as { sign?: unknown; factors?: unknown }
    return (sign === 1 || sign === -1) && Array.isArray(of) && of.every((name) => known.includes(name))
  }
  if (!Array.isArray(definingRelation) || !definingRelation.every(isWord))
    return fail('definingRelation must be an array of { sign, factors }')
  return { factors, runs, definingRelation, wordLengths, resolution } as Design
}

/**
 * Reads responses: for each run a number, a list of numbers or null; or such arrays by name.
 * @throws Error naming file and line
 */
async function readResponses(file: string): Promise<Responses> {
  const text = new TextDecoder().decode(await readBytes(file, 2 ** 24)).trim()
  const isValue = (value: unknown) => typeof value === 'number' || value === null
  const fits = (json: unknown): json is Response[] =>
    Array.isArray(json) && json.every((value) => isValue(value) || (Array.isArray(value) && value.every(isValue)))
  if (text.startsWith('[')) {
    const json = await readJson(file)
    if (fits(json)) return { response: json }
    throw new Error(`${file}: must be an array with a number, a list of numbers, or null, for each run`)
  }
  if (text.startsWith('{')) {
    const json = (await readJson(file)) as Record<string, unknown>
    const wrong = Object.entries(json).find(([, values]) => !fits(values))
    if (wrong)
      throw new Error(`${file}: ${wrong[0]} must be an array with a number, a list of numbers, or null, for each run`)
    if (Object.keys(json).length === 0) throw new Error(`${file}: no responses; give { NAME: [a number per run] }`)
    return json as Record<string, Response[]>
  }
  const lines = text.split(/\r?\n/).map((line, index) => {
    // An empty comma-separated field is a missing value.
    const values = line
      .trim()
      .split(line.includes(',') ? /\s*,\s*/ : /\s+/)
      .map((word) => (word === '' ? (line.includes(',') ? null : Number.NaN) : Number(word)))
    if (values.some((value) => value !== null && !Number.isFinite(value)))
      throw new Error(
        `${file}: line ${index + 1} must be numbers (an empty comma-separated field is a missing value), got ${JSON.stringify(line.slice(0, 80))}`,
      )
    return values.length === 1 ? values[0] : values
  })
  return { response: lines }
}
