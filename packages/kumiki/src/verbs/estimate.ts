/** `kumiki estimate` */
import type { PlanRequest, Schedule } from '@kumiki/planner'
import type { MegatronLaunch } from '@kumiki/planner/read'
import type { Command } from 'commander'
import { addEmissionFlags, type EmissionFlags, emission } from '../cluster/launch-emission.ts'
import { readBytes, readJson, writeWhole } from '../files/files.ts'
import { choice, collect, integer } from '../flags/flag-values.ts'
import {
  addClusterFlags,
  addPlanFlags,
  type ClusterFlags,
  findCluster,
  findPlannerModel,
  type NamedModel,
  needed,
  type PlanAxes,
  planFlagNames,
  planOf,
  runOf,
} from '../flags/planner-flags.ts'
import { checkWritten } from '../flags/written-json.ts'
import { breakdownText, runText, sensitivityText, shortageText } from '../output/planner-tables.ts'
import { gigabytes, percent, textTable } from '../output/text-table.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer, log } from '../verb.ts'

interface EstimateFlags extends Partial<ClusterFlags>, PlanAxes, EmissionFlags {
  emitFor: 'upstream' | 'llm-jp'

  precision: ClusterFlags['precision']
  run?: string
  megatron?: string[]
  set?: string[]
  vocab?: number
  dp?: number
  sensitivity?: boolean
  timeline?: string
  schedule?: Schedule
  json?: boolean
}

/** The values that every estimate has. */
interface Row {
  readonly id: string
  readonly memoryBytes: number
  readonly stepSeconds: number
  readonly tokensPerSecondPerGpu: number
  readonly modelFlopsPerGpu: number
  readonly mfu: number
  readonly mfuFullAttention: number
  /** Undefined for rows of published runs, which are compared without it. */
  readonly ordinary?: { readonly slowdown: number }
}

/** Maximum size of a launch script, including long lists of data. */
const maxLaunchBytes = 4 * 2 ** 20

export function addEstimate(program: Command): void {
  const clusterFlags = ['model', 'gpu', 'gpusPerNode', 'nodes', 'globalBatch', 'seq', 'precision', 'network', 'tokens']
  addVerb(
    program,
    'estimate',
    'Estimate memory, time and utilization of one plan, or of runs in a file.',
    (c) =>
      addEmissionFlags(
        addPlanFlags(
          addClusterFlags(c, false)
            .addOption(
              c
                .createOption(
                  '--run <file>',
                  'instead of the other flags: JSON, one row of a table of runs or an array of them',
                )
                .conflicts([...clusterFlags, ...planFlagNames, 'dp', 'megatron', 'sensitivity', 'timeline', 'emit']),
            )
            .addOption(
              c
                .createOption(
                  '--megatron <file>',
                  'read model and plan from a Megatron-LM command or its scripts (repeatable, in the order they are sourced); give --gpu',
                )
                .argParser(collect as never)
                .conflicts(['model', 'globalBatch', 'seq', 'precision', ...planFlagNames]),
            )
            .option('--set <name=value>', 'with --megatron: a variable that a script expects (repeatable)', collect)
            .option('--vocab <n>', 'with --megatron: size of the vocabulary', integer(1, 1 << 25)),
        ),
      )
        .addOption(
          choice(
            '--emit-for <which>',
            "emit for upstream Megatron-LM or LLM-jp's fork (z-loss)",
            ['upstream', 'llm-jp'],
            'upstream',
          ),
        )
        .option(
          '--dp <n>',
          'data parallel (default: from the number of GPUs; determines --nodes if it is not given)',
          integer(1, 1_000_000),
        )
        .option('--sensitivity', 'show the effect of each parameter, one at a time')
        .option('--timeline <file>', 'simulate the pipeline and draw it as SVG')
        .addOption(
          choice('--schedule <name>', 'pipeline schedule of the timeline', [
            'gpipe',
            '1f1b',
            'interleaved',
            'zero-bubble',
          ]),
        ),
    estimate,
  )
}

async function estimate(options: EstimateFlags): Promise<void> {
  if (options.run !== undefined) {
    const results = await estimateFile(options.run)
    const good = results.filter((result): result is Row => !('error' in result))
    answer(options, results, () => table(good))
    const bad = results.length - good.length
    if (bad > 0) throw new Error(`${options.run}: ${bad} of ${results.length} rows cannot be estimated`)
    return
  }
  const planner = await import('@kumiki/planner')
  const { id, request, launch, named } = options.megatron ? await launchRequest(options) : await flagsRequest(options)
  const result = checkedUse(() => planner.estimate(request))
  const { gpu } = request.cluster
  const shortage = shortageText(result, typeof gpu === 'string' ? gpu : gpu.name)
  if (options.emit) {
    if (shortage) log(`${id}: ${shortage}`)
    const recipe = launch?.recipe ?? undefined
    const { data, text } = await emission(options, options.emitFor, named, request.cluster, request.plan, recipe)
    return answer(options, { id, estimate: result, ...data }, () => (shortage ? `# ${shortage}\n${text}` : text))
  }
  const sensitivity = options.sensitivity ? checkedUse(() => planner.sensitivity(request)) : undefined
  const pipeline = await drawTimeline(options, request)
  if (shortage) log(`${id}: ${shortage}`)
  const rest = {
    ...(launch && { launch }),
    ...(sensitivity && { sensitivity }),
    ...(pipeline && { pipeline }),
  }
  answer(options, [{ id, ...result, ...rest }], () =>
    [
      ...(launch?.notes.map((note) => `# ${note}`) ?? []),
      ...named.notes.map((note) => `# ${note}`),
      table([{ id, ...result }]),
      ...(shortage ? ['', shortage] : []),
      ...breakdownText(result),
      ...runText(result),
      ...(sensitivity ? ['', sensitivityText(sensitivity)] : []),
    ].join('\n'),
  )
}

function table(rows: readonly Row[]): string {
  return textTable(
    ['run', 'memory', 'speed', 'step', 'tokens/s/GPU', 'TFLOP/s/GPU', 'MFU', 'MFU, full attention'],
    rows.flatMap((r) => {
      const speed = (name: string, slowdown: number) => [
        name,
        `${(r.stepSeconds * slowdown).toFixed(3)} s`,
        (r.tokensPerSecondPerGpu / slowdown).toFixed(0),
        (r.modelFlopsPerGpu / slowdown / 1e12).toFixed(1),
        percent(r.mfu / slowdown),
        percent(r.mfuFullAttention / slowdown),
      ]
      const head = [r.id, gigabytes(r.memoryBytes)]
      if (!r.ordinary) return [[...head, ...speed('tuned', 1)]]
      return [
        [...head, ...speed('ordinary', r.ordinary.slowdown)],
        ['', '', ...speed('tuned', 1)],
      ]
    }),
  )
}

/** Simulates and draws the pipeline, if `--timeline` is given. @returns the results without the single passes */
async function drawTimeline(options: EstimateFlags, request: PlanRequest) {
  if (options.timeline === undefined) {
    if (options.schedule !== undefined) throw new UsageError('--schedule needs --timeline FILE')
    return undefined
  }
  const { blocksAfter, simulate } = await import('@kumiki/planner')
  const { timelineChart } = await import('@kumiki/report')
  const simulation = checkedUse(() => simulate({ ...request, schedule: options.schedule }))
  await writeWhole(options.timeline, timelineChart(simulation, { after: blocksAfter(simulation) }))
  log(`${options.timeline}: written`)
  const { passes, plan: _, ...numbers } = simulation
  return { ...numbers, passes: passes.length }
}

/** Estimates every row of a file. A row that fails is reported on stderr and keeps its place in the results. */
async function estimateFile(path: string): Promise<(Row | { id: string; error: string })[]> {
  const { estimateRun } = await import('@kumiki/planner')
  const json = await readJson(path)
  const rowsOf =
    typeof json === 'object' && json !== null && Array.isArray((json as { rows?: unknown }).rows)
      ? (json as { rows: unknown[] }).rows
      : json
  const rows = Array.isArray(rowsOf) ? rowsOf : [rowsOf]
  if (rows.length === 0) throw new Error(`${path}: no rows; give a row or an array of rows`)
  return rows.map((row, index) => {
    try {
      return estimateRun(checkWritten('run', row, `row ${index}`))
    } catch (error) {
      const given = (row as { id?: unknown } | null)?.id
      const id = typeof given === 'string' ? given : `row ${index}`
      const { message } = error as Error
      log(message.startsWith(`row ${index}: `) ? `${path}: ${message}` : `${path}: row ${index}: ${message}`)
      return { id, error: message }
    }
  })
}

interface Requested {
  readonly id: string
  readonly request: PlanRequest
  readonly launch?: MegatronLaunch
  readonly named: NamedModel
}

async function flagsRequest(options: EstimateFlags): Promise<Requested> {
  const named = await findPlannerModel(needed('--model <name|file>', options.model))
  const gpu = needed('--gpu <name|file>', options.gpu)
  const gpusPerNode = needed('--gpus-per-node <n>', options.gpusPerNode)
  const { tp, pp, cp, dp } = options
  const wanted = dp === undefined ? undefined : tp * pp * cp * dp
  const nodes =
    options.nodes ?? (wanted === undefined ? needed<number>('--nodes <n>', undefined) : wanted / gpusPerNode)
  if (wanted !== undefined && wanted !== nodes * gpusPerNode) {
    throw new UsageError(`--dp ${dp}: TP x PP x CP x DP is ${wanted}, but there are ${nodes * gpusPerNode} GPUs`)
  }
  if (!Number.isInteger(nodes))
    throw new UsageError(`TP x PP x CP x DP is ${wanted}, which is not a whole number of nodes of ${gpusPerNode} GPUs`)
  const cluster = await findCluster({ ...options, gpu }, nodes, gpusPerNode)
  const plan = planOf(options, options as ClusterFlags)
  return { id: named.name, named, request: { model: named.model, cluster, plan, run: runOf(options) } }
}

async function launchRequest(options: EstimateFlags): Promise<Requested> {
  const { readMegatron } = await import('@kumiki/planner/read')
  const files = options.megatron as string[]
  const texts: string[] = []
  for (const file of files) texts.push(new TextDecoder().decode(await readBytes(file, maxLaunchBytes)))
  const environment: Record<string, string> = {}
  for (const pair of options.set ?? []) {
    const [, name, value] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(pair) ?? []
    if (name === undefined) throw new UsageError(`--set ${pair}: must be NAME=VALUE`)
    environment[name] = value
  }
  const { vocab, nodes, gpusPerNode } = options
  let launch: MegatronLaunch
  try {
    launch = readMegatron(texts, {
      environment,
      ...(vocab !== undefined && { vocab }),
      ...(nodes !== undefined && { nodes }),
      ...(gpusPerNode !== undefined && { gpusPerNode }),
    })
  } catch (error) {
    throw new Error(`${files.join(', ')}: ${(error as Error).message}`)
  }
  const gpu = needed('--gpu <name|file>', options.gpu)
  const cluster = await findCluster(
    { ...options, gpu },
    needed('--nodes <n>', launch.nodes ?? undefined),
    needed('--gpus-per-node <n>', launch.gpusPerNode ?? undefined),
  )
  const request = { model: launch.model, cluster, plan: launch.plan, run: runOf(options) }
  const id = files[files.length - 1]
  const { ropeTheta, rmsNormEps, initializerRange } = launch
  const named = {
    name: id,
    model: launch.model,
    architecture: null,
    published: null,
    positions: launch.maxPositionEmbeddings,
    ropeTheta,
    rmsNormEps,
    initializerRange,
    notes: [],
  }
  return { id, request: request satisfies PlanRequest, launch, named }
}
