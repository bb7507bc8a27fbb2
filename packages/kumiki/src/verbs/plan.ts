/** `kumiki plan` */
import type { Candidate, Cluster, ParallelPlan, PlanResult, PlanSearch, SearchRecipe } from '@kumiki/planner'
import type { MeasuredRun } from '@kumiki/planner/logs'
import type { Command } from 'commander'
import { addEmissionFlags, type EmissionFlags, emission } from '../cluster/launch-emission.ts'
import { readLog, requestOfLog } from '../cluster/logged-run.ts'
import { writeWhole } from '../files/files.ts'
import { choice, collect, integer, real } from '../flags/flag-values.ts'
import {
  addClusterFlags,
  type ClusterFlags,
  findCluster,
  findPlannerModel,
  needed,
  runOf,
} from '../flags/planner-flags.ts'
import {
  memoryChangeText,
  minimumText,
  planTable,
  rankingText,
  refusedText,
  risksText,
  runText,
} from '../output/planner-tables.ts'
import { count } from '../output/text-table.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer, log } from '../verb.ts'

interface PlanFlags extends ClusterFlags, Omit<EmissionFlags, 'tokens'> {
  by: 'stability' | 'throughput'
  limit: number
  choose: number
  megatron: 'upstream' | 'llm-jp'
  allowRecompute: boolean
  html?: string
  minimumGpus?: boolean
  memoryFactor?: number
  rank?: string
  calibrate?: string[]
  json?: boolean
}

export function addPlan(program: Command): void {
  addVerb(
    program,
    'plan',
    'Rank every parallel plan for a training run on a cluster, with reasons for rejected ones; write the launch of one.',
    (c) =>
      addEmissionFlags(addClusterFlags(c, true, ['--nodes <n>']))
        .addOption(
          choice(
            '--by <order>',
            'ranking: fewest risks, then fastest; or fastest',
            ['stability', 'throughput'],
            'stability',
          ),
        )
        .option('--limit <n>', 'number of plans to list', integer(1, 1000), 10)
        .option('--no-allow-recompute', 'exclude plans with activation recomputation')
        .option('--html <file>', 'write an HTML report: plans, memory, time, pipeline')
        .addOption(
          c
            .createOption('--rank <plan>', 'rank your own plan, such as tp=4,pp=1,micro-batch=2')
            .conflicts(['emit', 'html']),
        )
        .addOption(
          c
            .createOption(
              '--minimum-gpus',
              'instead: find the fewest nodes on which a plan fits (up to --nodes, or 1024)',
            )
            .conflicts(['emit', 'html', 'rank']),
        )
        .addOption(
          c
            .createOption(
              '--memory-factor <n>',
              'instead: show the effect of this many times the GPU memory, such as 2',
            )
            .argParser(real({ above: 0, to: 1000 }))
            .conflicts(['emit', 'html', 'rank', 'minimumGpus']),
        )
        .option(
          '--calibrate <log>',
          'fit the GPU efficiency to the log of a run on such a cluster; the log must list its arguments (repeatable)',
          collect,
        )
        .addOption(
          choice(
            '--megatron <which>',
            "emit for upstream Megatron-LM or LLM-jp's fork (z-loss)",
            ['upstream', 'llm-jp'],
            'upstream',
          ),
        )
        .option('--choose <n>', 'rank of the plan to emit', integer(1, 1000), 1),
    plan,
  )
}

async function plan(options: PlanFlags): Promise<void> {
  const planner = await import('@kumiki/planner')
  const named = await findPlannerModel(options.model)
  const fitted = await calibration(options)
  const recipe: SearchRecipe = {
    globalBatchSize: options.globalBatch,
    sequenceLength: options.seq,
    precision: options.precision,
    recompute: options.allowRecompute,
    run: runOf(options),
  }
  if (options.minimumGpus) {
    const most = options.nodes ?? 1024
    const { nodes: _, ...cluster } = { ...(await findCluster(options, 1, options.gpusPerNode)), ...fitted }
    const found = checkedUse(() => planner.minimumGpus({ model: named.model, cluster, recipe }, most))
    const flat = (one: typeof found.fits) => one && { nodes: one.nodes, gpus: one.gpus, plan: row(one.best) }
    return answer(options, { model: named.name, fits: flat(found.fits), stable: flat(found.stable) }, () =>
      minimumText(found, most),
    )
  }
  const found = await findCluster(options, needed('--nodes <n>', options.nodes), options.gpusPerNode)
  const cluster = { ...found, ...fitted }
  const search: PlanSearch = {
    model: named.model,
    cluster,
    recipe,
    limit: Math.max(options.limit, options.choose),
  }
  if (options.memoryFactor !== undefined) {
    const change = checkedUse(() => planner.changeMemory(search, options.memoryFactor))
    return answer(options, { model: named.name, ...change }, () => memoryChangeText(change))
  }
  if (options.rank !== undefined) {
    const ranked = checkedUse(() => planner.rankPlan(search, planToRank(options.rank as string, options)))
    return answer(options, { model: named.name, ...ranked }, () => rankingText(ranked))
  }
  const result = checkedUse(() => planner.plan(search))
  if (options.html !== undefined) {
    const { planReport } = await import('@kumiki/report')
    await writeWhole(options.html, planReport(planner.summarizePlans(search, result, { title: named.name })))
    log(`${options.html}: written`)
  }
  const ranking = options.by === 'throughput' ? result.byThroughput : result.byStability
  if (ranking.length === 0) throw new Error(noneFits(named.name, options, result))
  if (!options.emit) {
    const { byThroughput, byStability, fasterButRiskier, refusalSummary, considered, feasible } = result
    const data = {
      model: named.name,
      considered,
      feasible,
      refused: considered - feasible,
      refusalSummary,
      byStability: byStability.slice(0, options.limit).map(row),
      byThroughput: byThroughput.slice(0, options.limit).map(row),
      fasterButRiskier: fasterButRiskier.slice(0, options.limit).map(row),
    }
    return answer(options, data, () => describe(ranking.slice(0, options.limit), result, options))
  }
  const chosen = ranking[options.choose - 1]
  if (!chosen) throw new UsageError(`--choose ${options.choose}: the the ranking has only ${ranking.length} plans`)
  const { data, text } = await emission(options, options.megatron, named, cluster, chosen.estimate.plan)
  answer(options, { plan: row(chosen), ...data }, () => text)
}

/** GPU efficiencies fitted to the logs of --calibrate, if given. */
async function calibration(options: PlanFlags): Promise<{ readonly efficiency?: Cluster['efficiency'] }> {
  if (!options.calibrate) return {}
  const { calibrate, summarizeLog } = await import('@kumiki/planner/logs')
  const runs: MeasuredRun[] = []
  for (const path of options.calibrate) {
    const read = await readLog(path)
    const seconds = summarizeLog(read)?.secondsPerStep
    if (seconds === undefined)
      throw new Error(`${path}: the log has no step times; give a log that prints the time of each iteration`)
    // Nodes and batch come from the log, the GPU and network from the flags.
    runs.push({ request: await requestOfLog(path, read, { gpu: options.gpu, network: options.network }), seconds })
  }
  const fitted = checkedUse(() => calibrate(runs))
  const { factor, before, after, reached, efficiency } = fitted
  log(
    `Calibrated: matrix multiplication reaches ${(100 * after).toFixed(1)} % of the peak (default: ${(100 * before).toFixed(1)} %; all compute rates are scaled by ${factor.toFixed(3)})`,
  )
  if (!reached)
    log(
      'No compute efficiency explains the log: its time goes into communication, data loading or waiting. Plans calibrated with it are too fast or too slow',
    )
  return { efficiency }
}

/** A candidate as a flat object, for JSON. */
function row({ estimate, risks, headroomBytes }: Candidate) {
  return { ...estimate, headroomBytes, risks }
}

function describe(candidates: readonly Candidate[], result: PlanResult, options: PlanFlags): string {
  return [
    `${count(result.considered)} plans considered, ${count(result.considered - result.feasible)} rejected; by ${options.by}:`,
    planTable(candidates),
    ...risksText(candidates),
    ...runText(candidates[0].estimate),
    ...refusedText(result),
  ].join('\n')
}

function noneFits(name: string, options: PlanFlags, result: PlanResult): string {
  const why = result.refusalSummary
    .slice(0, 3)
    .map(({ count, example }) => `${count} plan${count === 1 ? '' : 's'}: ${example}`)
  return `no plan of ${name} fits ${options.nodes} node${options.nodes === 1 ? '' : 's'} of ${options.gpusPerNode} ${options.gpu}: ${why.join('; ')}`
}

const axisNames: Readonly<Record<string, keyof ParallelPlan>> = {
  tp: 'tensorParallel',
  pp: 'pipelineParallel',
  vpp: 'virtualPipeline',
  cp: 'contextParallel',
  ep: 'expertParallel',
  etp: 'expertTensorParallel',
  'micro-batch': 'microBatchSize',
}

/** Parses a plan such as "tp=4,pp=1,micro-batch=2,recompute=full". */
function planToRank(text: string, options: PlanFlags): ParallelPlan {
  const plan: Record<string, unknown> = {
    tensorParallel: 1,
    pipelineParallel: 1,
    globalBatchSize: options.globalBatch,
    sequenceLength: options.seq,
    precision: options.precision,
  }
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split('=', 2).map((word) => word.trim())
    if (name === 'recompute') {
      const kinds = ['none', 'selective', 'operators', 'full']
      plan.recompute = kinds.includes(value) ? value : 'selective'
      if (!kinds.includes(value)) plan.recomputeModules = value.split('+')
    } else if (Object.hasOwn(axisNames, name) && /^\d{1,9}$/.test(value)) plan[axisNames[name]] = Number(value)
    else {
      throw new UsageError(
        `--rank ${text}: unknown ${part}; use ${Object.keys(axisNames).join('=N, ')}=N or recompute=KIND`,
        Object.hasOwn(axisNames, name) ? {} : { given: name, known: [...Object.keys(axisNames), 'recompute'] },
      )
    }
  }
  if (plan.microBatchSize === undefined) throw new UsageError(`--rank ${text}: micro-batch=N is missing`)
  return plan as unknown as ParallelPlan
}
