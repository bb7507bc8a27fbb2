/** `kumiki plan` */
import type { Candidate, LaunchRecipe, LaunchRequest, PlanResult } from '@kumiki/planner'
import type { Command } from 'commander'
import { choice, integer } from '../flag-values.ts'
import { addClusterFlags, type ClusterFlags, findPlannerModel, type NamedModel } from '../planner-flags.ts'
import { gigabytes, percent, textTable } from '../text-table.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

interface PlanFlags extends ClusterFlags {
  nodes: number
  by: 'stability' | 'throughput'
  limit: number
  choose: number
  emit?: 'megatron' | 'slurm' | 'torchtitan'
  megatron: 'upstream' | 'llm-jp'
  recipeOf?: string
  tokenizer?: string
  dataPath?: string[]
  checkpoints?: string
  json?: boolean
}

export function addPlan(program: Command): void {
  addVerb(
    program,
    'plan',
    'Every way to lay a training run over a cluster: ranked, or refused with reasons; the launch of one.',
    (c) =>
      addClusterFlags(c, true)
        .addOption(
          choice(
            '--by <order>',
            'ranking: fewest risks and then fastest, or fastest',
            ['stability', 'throughput'],
            'stability',
          ),
        )
        .option('--limit <n>', 'plans listed', integer(1, 1000), 10)
        .addOption(choice('--emit <form>', 'write the launch of a plan', ['megatron', 'slurm', 'torchtitan']))
        .addOption(
          choice(
            '--megatron <which>',
            "emit for upstream Megatron-LM or LLM-jp's fork (z-loss)",
            ['upstream', 'llm-jp'],
            'upstream',
          ),
        )
        .option('--choose <n>', 'which plan of the ranking is emitted', integer(1, 1000), 1)
        .option('--recipe-of <name>', "emit with a known model's optimizer and schedule (default: the model's own)")
        .option('--tokenizer <file>', 'emit: SentencePiece model')
        .option('--data-path <word...>', 'emit: weights and prefixes of token files')
        .option('--checkpoints <folder>', 'emit: where checkpoints go'),
    plan,
  )
}

async function plan(options: PlanFlags): Promise<void> {
  const planner = await import('@kumiki/planner')
  const named = await findPlannerModel(options.model)
  const cluster = {
    gpu: checkedUse(() => planner.findGpu(options.gpu)),
    nodes: options.nodes,
    gpusPerNode: options.gpusPerNode,
  }
  const recipe = { globalBatchSize: options.globalBatch, sequenceLength: options.seq, precision: options.precision }
  const result = checkedUse(() =>
    planner.plan({ model: named.model, cluster, recipe, limit: Math.max(options.limit, options.choose) }),
  )
  const ranking = options.by === 'throughput' ? result.byThroughput : result.byStability
  if (ranking.length === 0) throw new Error(noneFits(named.name, options, result))
  if (!options.emit) {
    const { byThroughput, byStability, refusalSummary, considered, refused } = result
    const data = {
      model: named.name,
      considered,
      refused: refused.length,
      refusalSummary,
      byStability: byStability.slice(0, options.limit).map(row),
      byThroughput: byThroughput.slice(0, options.limit).map(row),
    }
    return answer(options, data, () => describe(ranking.slice(0, options.limit), result, options))
  }
  const chosen = ranking[options.choose - 1]
  if (!chosen) throw new UsageError(`--choose ${options.choose}: the ranking has ${ranking.length} plans`)
  const request: LaunchRequest = {
    model: named.model,
    cluster,
    plan: chosen.estimate.plan,
    recipe: await launchRecipe(named, options),
    megatron: options.megatron,
    ...(named.architecture && {
      ropeTheta: named.architecture.ropeTheta,
      rmsNormEps: named.architecture.rmsNormEps,
      initializerRange: named.architecture.initializerRange,
      qkNorm: named.architecture.qkNorm,
    }),
    paths: { tokenizerModel: options.tokenizer, data: options.dataPath, checkpoints: options.checkpoints },
  }
  if (options.emit === 'slurm') {
    const script = checkedUse(() => planner.emitSlurm(request))
    return answer(options, { plan: row(chosen), script }, () => script)
  }
  if (options.emit === 'torchtitan') {
    const job = checkedUse(() => planner.emitTorchtitan({ ...request, model: { ...request.model, name: named.name } }))
    return answer(options, { plan: row(chosen), ...job }, () => `# ${job.command}\n${job.toml}`)
  }
  const launch = checkedUse(() => planner.emitMegatron(request))
  answer(options, { plan: row(chosen), ...launch }, () =>
    [...launch.notes.map((note) => `# ${note}`), launch.command].join('\n'),
  )
}

/** A candidate as one flat object. */
function row({ estimate, risks, headroomBytes }: Candidate) {
  const {
    plan,
    gpuCount,
    memoryBytes,
    stepSeconds,
    tokensPerSecond,
    tokensPerSecondPerGpu,
    modelFlopsPerGpu,
    mfu,
    mfuFullAttention,
  } = estimate
  return {
    plan,
    gpuCount,
    memoryBytes,
    headroomBytes,
    stepSeconds,
    tokensPerSecond,
    tokensPerSecondPerGpu,
    modelFlopsPerGpu,
    mfu,
    mfuFullAttention,
    risks,
  }
}

function describe(candidates: readonly Candidate[], result: PlanResult, options: PlanFlags): string {
  const head = ['plan', 'micro batch', 'recompute', 'memory', 'step', 'tokens/s/GPU', 'MFU', 'risks']
  const rows = candidates.map(({ estimate: e, risks }, i) => {
    const { plan: p } = e
    const axes = [
      `TP ${p.tensorParallel}`,
      `PP ${p.pipelineParallel}${p.virtualPipeline > 1 ? `x${p.virtualPipeline}` : ''}`,
      ...(p.contextParallel > 1 ? [`CP ${p.contextParallel}`] : []),
      ...(p.expertParallel > 1 ? [`EP ${p.expertParallel}`] : []),
      `DP ${p.dataParallel}`,
    ]
    return [
      `${i + 1}. ${axes.join(' ')}`,
      String(p.microBatchSize),
      p.recompute,
      gigabytes(e.memoryBytes),
      `${e.stepSeconds.toFixed(2)} s`,
      e.tokensPerSecondPerGpu.toFixed(0),
      percent(e.mfu),
      risks.length === 0 ? 'none' : String(risks.length),
    ]
  })
  const risks = [...new Set(candidates.flatMap((c) => c.risks))].slice(0, 6)
  return [
    `${result.considered} plans considered, ${result.refused.length} refused; by ${options.by}:`,
    textTable(head, rows),
    ...(risks.length > 0 ? ['', 'risks:', ...risks.map((risk) => `- ${risk}`)] : []),
    ...(result.refusalSummary.length > 0
      ? [
          '',
          'refused, most often because:',
          ...result.refusalSummary.slice(0, 5).map(({ count, example }) => `- ${count} x such as: ${example}`),
        ]
      : []),
  ].join('\n')
}

function noneFits(name: string, options: PlanFlags, result: PlanResult): string {
  const why = result.refusalSummary.slice(0, 3).map(({ count, example }) => `${count} x ${example}`)
  return `no plan of ${name} fits ${options.nodes} nodes of ${options.gpusPerNode} ${options.gpu}: ${why.join('; ')}`
}

/** Optimizer and schedule of a launch. */
async function launchRecipe(named: NamedModel, options: PlanFlags): Promise<LaunchRecipe> {
  if (options.recipeOf === undefined && named.recipe) return named.recipe
  if (options.recipeOf === undefined) {
    throw new UsageError(
      `--emit: ${named.name} has no training recipe; --recipe-of NAME takes that of a known model, such as llm-jp-3-1.8b`,
    )
  }
  const { findModel } = await import('@kumiki/models/configs')
  const { name, recipe } = checkedUse(() => findModel(options.recipeOf as string))
  if (!recipe) throw new UsageError(`--recipe-of ${name}: it has no training recipe`)
  return recipe
}
