/** `kumiki estimate` */
import type { Command } from 'commander'
import { readJson } from '../files.ts'
import { choice, integer } from '../flag-values.ts'
import { addClusterFlags, type ClusterFlags, findPlannerModel, needed } from '../planner-flags.ts'
import { gigabytes, percent, textTable } from '../text-table.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer, log } from '../verb.ts'

interface EstimateFlags extends Partial<ClusterFlags> {
  run?: string
  tp: number
  pp: number
  vpp: number
  cp: number
  ep: number
  dp?: number
  microBatch?: number
  recompute: 'none' | 'selective' | 'operators' | 'full'
  sharding: 'none' | 'optimizer' | 'gradients' | 'full'
  sequenceParallel: boolean
  json?: boolean
}

/** What is given for each run, at least. */
interface Row {
  readonly id: string
  readonly memoryBytes: number
  readonly stepSeconds: number
  readonly tokensPerSecondPerGpu: number
  readonly modelFlopsPerGpu: number
  readonly mfu: number
  readonly mfuFullAttention: number
}

export function addEstimate(program: Command): void {
  const axis = integer(1, 1 << 14)
  addVerb(
    program,
    'estimate',
    'Memory, time and utilisation of one plan, or of runs in a file.',
    (c) =>
      addClusterFlags(c, false)
        .addOption(
          c
            .createOption(
              '--run <file>',
              'instead of the other flags: JSON, one row of a table of runs or an array of them',
            )
            .conflicts([
              'model',
              'gpu',
              'gpusPerNode',
              'nodes',
              'globalBatch',
              'seq',
              'precision',
              'tp',
              'pp',
              'vpp',
              'cp',
              'ep',
              'dp',
              'microBatch',
              'recompute',
              'sharding',
              'sequenceParallel',
            ]),
        )
        .option('--tp <n>', 'tensor parallel', axis, 1)
        .option('--pp <n>', 'pipeline parallel', axis, 1)
        .option('--vpp <n>', 'model chunks per pipeline stage', axis, 1)
        .option('--cp <n>', 'context parallel', axis, 1)
        .option('--ep <n>', 'expert parallel', axis, 1)
        .option(
          '--dp <n>',
          'data parallel (default: what is left of the GPUs; gives --nodes where that is missing)',
          integer(1, 1_000_000),
        )
        .option('--micro-batch <n>', 'sequences a GPU processes at once', integer(1, 1 << 20))
        .addOption(
          choice(
            '--recompute <what>',
            'computed again in the backward pass',
            ['none', 'selective', 'operators', 'full'],
            'none',
          ),
        )
        .addOption(
          choice(
            '--sharding <what>',
            'shared among data-parallel ranks',
            ['none', 'optimizer', 'gradients', 'full'],
            'optimizer',
          ),
        )
        .option('--no-sequence-parallel', 'norms and dropout on every tensor-parallel rank'),
    estimate,
  )
}

async function estimate(options: EstimateFlags): Promise<void> {
  const results = options.run === undefined ? [await estimateFlags(options)] : await estimateFile(options.run)
  const good = results.filter((result): result is Row => !('error' in result))
  answer(options, results, () =>
    textTable(
      ['run', 'memory', 'step', 'tokens/s/GPU', 'TFLOP/s/GPU', 'MFU', 'MFU, full attention'],
      good.map((r) => [
        r.id,
        gigabytes(r.memoryBytes),
        `${r.stepSeconds.toFixed(3)} s`,
        r.tokensPerSecondPerGpu.toFixed(0),
        (r.modelFlopsPerGpu / 1e12).toFixed(1),
        percent(r.mfu),
        percent(r.mfuFullAttention),
      ]),
    ),
  )
  const bad = results.length - good.length
  if (bad > 0) throw new Error(`${options.run}: ${bad} of ${results.length} rows cannot be estimated`)
}

/** A row that cannot be estimated is told on stderr, keeps its place, and does not take the others with it. */
async function estimateFile(path: string): Promise<(Row | { id: string; error: string })[]> {
  const { estimateRun } = await import('@kumiki/planner')
  const json = await readJson(path)
  const table =
    typeof json === 'object' && json !== null && Array.isArray((json as { rows?: unknown }).rows)
      ? (json as { rows: unknown[] }).rows
      : json
  const rows = Array.isArray(table) ? table : [table]
  if (rows.length === 0) throw new Error(`${path}: it has no row`)
  return rows.map((row, index) => {
    try {
      return estimateRun(row)
    } catch (error) {
      const given = (row as { id?: unknown } | null)?.id
      const id = typeof given === 'string' ? given : `row ${index}`
      const { message } = error as Error
      log(`${path}: row ${index}: ${message}`)
      return { id, error: message }
    }
  })
}

async function estimateFlags(options: EstimateFlags): Promise<Row> {
  const planner = await import('@kumiki/planner')
  const named = await findPlannerModel(needed('--model <name|file>', options.model))
  const gpu = checkedUse(() => planner.findGpu(needed('--gpu <name>', options.gpu)))
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
  const microBatchSize = needed('--micro-batch <n>', options.microBatch)
  const result = checkedUse(() =>
    planner.estimate({
      model: named.model,
      cluster: { gpu, nodes, gpusPerNode },
      plan: {
        tensorParallel: tp,
        pipelineParallel: pp,
        virtualPipeline: options.vpp,
        contextParallel: cp,
        expertParallel: options.ep,
        microBatchSize,
        globalBatchSize: needed('--global-batch <n>', options.globalBatch),
        sequenceLength: needed('--seq <n>', options.seq),
        sequenceParallel: options.sequenceParallel,
        sharding: options.sharding,
        recompute: options.recompute,
        precision: options.precision,
      },
    }),
  )
  return { id: named.name, ...result }
}
