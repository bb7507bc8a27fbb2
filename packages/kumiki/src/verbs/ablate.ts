/** `kumiki ablate design|analyze` */
import type { Design } from '@kumiki/ablation'
import type { Command } from 'commander'
import { readBytes, readJson, writeWhole } from '../files.ts'
import { collect, integer, names, real } from '../flag-values.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addCommand, addVerb, answer } from '../verb.ts'
import { checkWritten } from '../written-json.ts'

export function addAblate(program: Command): void {
  const group = addCommand(program, 'ablate', 'Which of these changes helped: designs of few runs, and their analysis.')
  addVerb(
    group,
    'design',
    'A fractional factorial design: what to switch on in each run.',
    (c) =>
      c
        .requiredOption('--factors <names>', 'two to fifteen names between commas', names)
        .requiredOption('--runs <n>', 'a power of two, more than the factors', integer(4, 128))
        .option(
          '--generator <D=A*B>',
          'an added factor as a product of others (repeatable; default: least aberration)',
          collect,
        )
        .option('--clear <A:B>', 'an interaction that is told apart from all others (repeatable)', collect)
        .option('--baseline', 'the first run has everything off')
        .option('--foldover', 'followed by its mirror image: twice the runs, one resolution more')
        .option('--out <file>', 'write the design as JSON'),
    design,
  )
  addVerb(
    group,
    'analyze',
    'Effects of the factors, from one score a run.',
    (c) =>
      c
        .requiredOption('--design <file>', 'JSON as `ablate design` writes it')
        .requiredOption(
          '--responses <file>',
          'JSON: an array with a number (or a list of replicates) a run; or text: a line a run',
        )
        .option('--interaction <A:B>', 'estimate an interaction too (repeatable)', collect)
        .option('--confidence <share>', 'of the intervals', real({ above: 0, to: 0.999999 }), 0.95)
        .option('--csv <file>', 'write the effects as CSV')
        .option('--svg <file>', 'draw the effects')
        .option('--half-normal <file>', 'draw their sizes beside what noise alone would give'),
    analyze,
  )
}

interface DesignFlags {
  factors: string[]
  runs: number
  generator?: string[]
  clear?: string[]
  baseline?: boolean
  foldover?: boolean
  out?: string
  json?: boolean
}

async function design(options: DesignFlags): Promise<void> {
  const ablation = await import('@kumiki/ablation/design')
  const generators = options.generator && Object.fromEntries(options.generator.map(readGenerator))
  const made = checkedUse(() => {
    const first = ablation.design({
      factors: options.factors,
      runs: options.runs,
      generators,
      baseline: options.baseline === true,
      ...(options.clear && { clear: options.clear.map((pair) => pair.split(':') as [string, string]) }),
    })
    return options.foldover ? ablation.foldover(first) : first
  })
  if (options.out !== undefined) await writeWhole(options.out, `${JSON.stringify(made, null, 2)}\n`)
  answer(options, { ...made, aliases: ablation.aliases(made) }, () => {
    const resolution = made.resolution === null ? 'full factorial' : `resolution ${roman(made.resolution)}`
    return `${made.runs.length} runs, ${resolution}\n\n${ablation.designTable(made)}\n\ncannot be told apart:\n${ablation.aliasTable(made)}`
  })
}

function readGenerator(text: string): [string, string[]] {
  const match = /^([^=]+)=([^=]+)$/.exec(text)
  if (!match) throw new UsageError(`--generator ${text}: it must be a factor and a product of others, such as D=A*B`)
  return [match[1].trim(), match[2].split('*').map((name) => name.trim())]
}

function roman(value: number): string {
  return ['', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X'][value] ?? String(value)
}

interface AnalyzeFlags {
  design: string
  responses: string
  interaction?: string[]
  confidence: number
  csv?: string
  svg?: string
  halfNormal?: string
  json?: boolean
}

async function analyze(options: AnalyzeFlags): Promise<void> {
  const ablation = await import('@kumiki/ablation')
  const made = readDesign(await readJson(options.design), options.design)
  const responses = await readResponses(options.responses)
  const settings = {
    interactions: options.interaction?.map((term) => term.split(':')),
    confidence: options.confidence,
  }
  let analysis: ReturnType<typeof ablation.analyze>
  let verdict: readonly string[]
  try {
    analysis = ablation.analyze(made, responses, settings)
    verdict = ablation.verdict(made, ablation.analysisOfVariance(made, responses, settings))
  } catch (error) {
    throw new Error(`${options.responses}: ${(error as Error).message}`)
  }
  if (options.csv !== undefined) await writeWhole(options.csv, ablation.effectsCsv(analysis))
  if (options.svg !== undefined) {
    const { effectsChart } = await import('@kumiki/report')
    await writeWhole(options.svg, effectsChart(analysis))
  }
  if (options.halfNormal !== undefined) {
    const { halfNormalChart } = await import('@kumiki/report')
    await writeWhole(options.halfNormal, halfNormalChart(analysis.effects))
  }
  answer(options, { ...analysis, verdict }, () => `${ablation.effectsTable(analysis)}\n\n${verdict.join('\n')}`)
}

/** A design out of a file. @throws Error naming file and field */
function readDesign(json: unknown, file: string): Design {
  const given = checkWritten<Partial<Record<keyof Design, unknown>>>('design', json, file)
  const fail = (message: string): never => {
    throw new Error(`${file}: ${message}; \`kumiki ablate design --out FILE\` writes one`)
  }
  const { factors, runs, definingRelation = [], wordLengths = [], resolution = null } = given
  if (!Array.isArray(factors) || factors.length < 2 || factors.length > 15)
    return fail('factors must be an array of 2 to 15 factors')
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

/** One number or one list a run. @throws Error naming file and line */
async function readResponses(file: string): Promise<(number | number[])[]> {
  const text = new TextDecoder().decode(await readBytes(file, 2 ** 24)).trim()
  if (text.startsWith('[')) {
    const json = await readJson(file)
    const fits = (value: unknown): boolean =>
      typeof value === 'number' || (Array.isArray(value) && value.every((v) => typeof v === 'number'))
    if (Array.isArray(json) && json.every(fits)) return json
    throw new Error(`${file}: it must be an array with a number, or a list of numbers, for each run`)
  }
  return text.split(/\r?\n/).map((line, index) => {
    const values = line
      .trim()
      .split(/[\s,]+/)
      .map((word) => (word === '' ? Number.NaN : Number(word)))
    if (values.some((value) => !Number.isFinite(value)))
      throw new Error(`${file}: line ${index + 1} must be numbers, got ${JSON.stringify(line.slice(0, 80))}`)
    return values.length === 1 ? values[0] : values
  })
}
