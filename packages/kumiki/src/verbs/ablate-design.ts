/** `kumiki ablate design` and `power`: the design of experiments and its number of runs. */
import type { Design, LevelDesign, LevelFactor } from '@kumiki/ablation/design'
import type { Command } from 'commander'
import { writeWhole } from '../files/files.ts'
import { choice, collect, integer, names, real } from '../flags/flag-values.ts'
import { textTable } from '../output/text-table.ts'
import { levelsOf, readStudy, type Study, writeStudy } from '../study/study.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

type Kind = 'fractional' | 'full' | 'plackett-burman' | 'orthogonal'

interface DesignFlags {
  factors?: string[]
  factor?: string[]
  study?: string
  kind?: Kind
  runs?: number
  generator?: string[]
  clear?: string[]
  estimable?: string[]
  baseline?: boolean
  foldover?: true | string
  replicates: number
  plugin?: string
  out?: string
  json?: boolean
}

export function addDesign(group: Command): void {
  addVerb(
    group,
    'design',
    'Design the runs of an ablation: the level of every factor in each run.',
    (c) =>
      c
        .option('--factors <names>', 'comma-separated names; each is off or on', names)
        .option('--factor <name=a,b,c>', 'a factor with named levels (repeatable)', collect)
        .option(
          '--study <file>',
          'JSON: { name, base: a configuration of train, factors: [{ name, levels: { LEVEL: what it changes } }] }',
        )
        .addOption(
          choice('--kind <design>', 'default: fractional if all factors have two levels, else orthogonal', [
            'fractional',
            'full',
            'plackett-burman',
            'orthogonal',
          ]),
        )
        .option(
          '--runs <n>',
          'number of runs: a power of two for a fractional design; 12, 20 or 24 for Plackett-Burman',
          integer(4, 128),
        )
        .option(
          '--generator <D=A*B>',
          'an added factor as a product of others (repeatable; default: minimum aberration)',
          collect,
        )
        .option(
          '--clear <A:B>',
          'an interaction that must be clear of main effects and other two-factor interactions (repeatable)',
          collect,
        )
        .option(
          '--estimable <A:B>',
          'an interaction that must be clear of main effects and of the other interactions named, if all others are zero (repeatable)',
          collect,
        )
        .option('--baseline', 'all factors are off in the first run')
        .option('--foldover [factor]', 'add the foldover, of all factors or of one: twice the runs')
        .option('--replicates <n>', 'with --study: replicates of each run, with different seeds', integer(1, 100), 1)
        .option('--plugin <module>', 'with --study: as for train')
        .option('--out <path>', 'write the design as JSON; with --study: a folder of configurations for ablate run'),
    design,
  )
  addVerb(
    group,
    'power',
    'Statistical power to detect an effect given the standard deviation between seeds, and the number of runs needed.',
    (c) =>
      c
        .requiredOption('--runs <n>', 'runs of the design', integer(4, 4096))
        .requiredOption('--terms <n>', 'number of main effects and interactions estimated', integer(1, 4096))
        .requiredOption('--effect <size>', 'difference of means to detect', real({ above: 0 }))
        .requiredOption(
          '--standard-deviation <value>',
          'standard deviation between seeds, in the same unit',
          real({ above: 0 }),
        )
        .option('--confidence <share>', 'confidence level of the test', real({ above: 0, to: 0.999999 }), 0.95)
        .option('--power <probability>', 'required power', real({ above: 0, to: 0.999999 }), 0.8),
    power,
  )
}

async function design(options: DesignFlags): Promise<void> {
  const study = options.study === undefined ? undefined : await readStudy(options.study)
  const made = await makeDesign(options, factorsOf(options, study))
  if (options.replicates > 1 && !study) throw new UsageError('--replicates needs --study')
  if (study && options.out !== undefined) {
    const written = await writeStudy(
      study,
      options.study as string,
      made,
      options.out,
      options.replicates,
      options.plugin,
    )
    const ablation = await import('@kumiki/ablation/design')
    const aliases = 'definingRelation' in made ? ablation.aliases(made) : undefined
    answer(options, { ...written, ...(aliases && { aliases }) }, () =>
      [
        ...designLines(made, ablation),
        '',
        `${written.runs.length} configurations are in ${options.out}: kumiki ablate run ${options.out}, then kumiki ablate analyze ${options.out}`,
      ].join('\n'),
    )
    return
  }
  if (options.out !== undefined) await writeWhole(options.out, `${JSON.stringify(made, null, 2)}\n`)
  const ablation = await import('@kumiki/ablation/design')
  const aliases = 'definingRelation' in made ? { aliases: ablation.aliases(made) } : {}
  answer(options, { ...made, ...aliases }, () => designLines(made, ablation).join('\n'))
}

/** The design as text. */
function designLines(made: Design | LevelDesign, ablation: typeof import('@kumiki/ablation/design')): string[] {
  if ('definingRelation' in made) {
    const resolution = made.resolution === null ? 'full factorial' : `resolution ${roman(made.resolution)}`
    const clear = ablation.clearInteractions(made)
    const pairs = (made.factors.length * (made.factors.length - 1)) / 2
    return [
      `${made.runs.length} runs, ${resolution}`,
      '',
      ablation.designTable(made),
      '',
      `aliases:\n${ablation.aliasTable(made)}`,
      '',
      `two-factor interactions clear of main effects and of each other: ${clear.length} of ${pairs}`,
    ]
  }
  const names = made.factors.map(({ name }) => name)
  const rows = levelsOf(made).map((levels, i) => [String(i + 1), ...names.map((name) => levels[name])])
  const mixed =
    made.name === 'full factorial'
      ? []
      : ['', 'main effects are clear of each other; interactions are aliased with them and assumed to be negligible']
  return [`${made.runs.length} runs, ${made.name}`, '', textTable(['run', ...names], rows), ...mixed]
}

/** The factors from flags or the study. @throws UsageError */
function factorsOf({ factors, factor, study: file }: DesignFlags, study: Study | undefined): LevelFactor[] {
  if (study) {
    if (factors || factor) throw new UsageError('--study names the factors; leave out --factors and --factor')
    return study.factors.map(({ name, levels }) => {
      const own = Object.keys(levels)
      if (own.length < 2)
        throw new UsageError(`${file}: ${name} needs at least two levels, got ${own.join(', ') || 'none'}`)
      return { name, levels: own }
    })
  }
  if (!factors && !factor) throw new UsageError('give --factors A,B,C, --factor NAME=A,B,C or --study FILE')
  const given = (factor ?? []).map((text) => {
    const [, name, levels] = /^([^=]+)=(.+)$/.exec(text) ?? []
    if (levels === undefined) throw new UsageError(`--factor ${text}: must be NAME=LEVEL,LEVEL,...`)
    return { name: name.trim(), levels: levels.split(',').map((level) => level.trim()) }
  })
  return [...(factors ?? []).map((name) => ({ name, levels: ['off', 'on'] })), ...given]
}

async function makeDesign(options: DesignFlags, factors: readonly LevelFactor[]): Promise<Design | LevelDesign> {
  const ablation = await import('@kumiki/ablation/design')
  const two = factors.every(({ levels }) => levels.length === 2)
  const { kind = two ? 'fractional' : 'orthogonal', runs, baseline } = options
  if (kind !== 'fractional')
    for (const flag of ['generator', 'clear', 'estimable', 'baseline', 'foldover'] as const)
      if (options[flag] !== undefined)
        throw new UsageError(`--${flag} needs a fractional design, but --kind is ${kind}`)
  if (kind !== 'fractional' && kind !== 'plackett-burman' && runs !== undefined)
    throw new UsageError(
      `--runs applies to fractional and Plackett-Burman designs; the runs of --kind ${kind} follow from the factors`,
    )
  return checkedUse(() => {
    if (kind === 'full') return ablation.fullFactorial(factors)
    if (kind === 'plackett-burman') return ablation.plackettBurman(factors, runs)
    if (kind === 'orthogonal') return ablation.orthogonalArray(factors)
    const many = factors.find(({ levels }) => levels.length !== 2)
    if (many)
      throw new UsageError(
        `${many.name} has ${many.levels.length} levels; a fractional design needs two levels per factor: use --kind orthogonal`,
      )
    if (runs === undefined) throw new UsageError('give --runs N, a power of two above the number of factors')
    const first = ablation.design({
      factors: factors.map(({ name, levels: [off, on] }) =>
        off === 'off' && on === 'on' ? { name } : { name, off, on },
      ),
      runs,
      generators: options.generator && Object.fromEntries(options.generator.map(readGenerator)),
      baseline: baseline === true,
      ...(options.clear && { clear: options.clear.map(pairOf) }),
      ...(options.estimable && { estimable: options.estimable.map(pairOf) }),
    })
    if (options.foldover === undefined) return first
    return ablation.foldover(first, options.foldover === true ? undefined : options.foldover)
  })
}

const pairOf = (text: string) => text.split(':') as [string, string]

function readGenerator(text: string): [string, string[]] {
  const match = /^([^=]+)=([^=]+)$/.exec(text)
  if (!match) throw new UsageError(`--generator ${text}: must be a factor and a product of others, such as D=A*B`)
  return [match[1].trim(), match[2].split('*').map((name) => name.trim())]
}

function roman(value: number): string {
  return ['', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X'][value] ?? String(value)
}

interface PowerFlags {
  runs: number
  terms: number
  effect: number
  standardDeviation: number
  confidence: number
  power: number
  json?: boolean
}

async function power({ power: targetPower, json, ...request }: PowerFlags): Promise<void> {
  const ablation = await import('@kumiki/ablation')
  const replicates = checkedUse(() => ablation.replicatesNeeded(request, targetPower))
  const chance = (times: number) =>
    request.runs * times - 1 - request.terms < 1 ? null : ablation.power({ ...request, replicates: times })
  const table = [...new Set([1, 2, 3, replicates])]
    .sort((a, b) => a - b)
    .map((times) => ({ replicates: times, runs: times * request.runs, power: chance(times) }))
  answer({ json }, { ...request, targetPower, replicates, runs: replicates * request.runs, table }, () =>
    [
      `${replicates * request.runs} runs (${replicates} x ${request.runs}) detect an effect of ${request.effect} with power ${targetPower} or more, if runs that differ only in the seed have a standard deviation of ${request.standardDeviation}`,
      '',
      textTable(
        ['replicates', 'runs', 'power'],
        table.map((row) => [
          String(row.replicates),
          String(row.runs),
          row.power === null ? 'no residual degrees of freedom' : row.power.toFixed(3),
        ]),
      ),
    ].join('\n'),
  )
}
