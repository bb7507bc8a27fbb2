/** Parses a Megatron-LM launch (a command, or the scripts that build one) into a model, a plan and a recipe. */
import { type Fields, fields } from '../check.ts'
import type { PlannerModel } from '../model/model.ts'
import type { ParallelPlan } from '../plan/parallel-plan.ts'
import { argumentsOf, LaunchFlags } from './launch-flags.ts'
import type { LaunchRecipe } from './launch-recipe.ts'
import type { LaunchRequest } from './launch-request.ts'
import { modelOf } from './read-model.ts'
import { planOf } from './read-plan.ts'
import { recipeOf } from './read-recipe.ts'
import { readShell } from './shell/shell-reader.ts'

export interface ReadOptions {
  /** Environment variables that the script expects. */
  readonly environment?: Readonly<Record<string, string>>
  /** Vocabulary size, if neither a flag nor a known tokenizer gives it. */
  readonly vocab?: number
  readonly nodes?: number
  readonly gpusPerNode?: number
}

/** The parsed launch. A launch names no GPU: a cluster is `{ gpu: 'H100', nodes, gpusPerNode }`. */
export interface MegatronLaunch {
  readonly model: PlannerModel
  readonly plan: ParallelPlan
  /** Null if the optimizer or schedule is not supported; `notes` gives the reason. */
  readonly recipe: LaunchRecipe | null
  /** Null if the launch does not set it. */
  readonly nodes: number | null
  readonly gpusPerNode: number | null
  /** `llm-jp` if flags of LLM-jp's fork are used. */
  readonly megatron: 'upstream' | 'llm-jp'
  readonly ropeTheta: number
  readonly rmsNormEps: number
  readonly initializerRange: number
  readonly maxPositionEmbeddings: number
  readonly saveInterval?: number
  readonly paths: NonNullable<LaunchRequest['paths']>
  /** Flags that affect neither model, plan nor recipe. */
  readonly unread: readonly string[]
  /** Assumptions, and values that could not be determined. */
  readonly notes: readonly string[]
}

const optionFields: Fields<ReadOptions> = { environment: 1, vocab: 1, nodes: 1, gpusPerNode: 1 }

/**
 * Reads a launch of `pretrain_gpt.py`: a command, a Slurm script, or the scripts that set its variables and arrays, in
 * the order in which they are sourced (for LLM-jp: `params.sh`, then the trainer). Nothing is executed.
 * @throws RangeError or TypeError naming the flag or variable that is missing or out of bounds
 * @example
 * const { plan: read } = readMegatron(
 *   `torchrun --nnodes 2 --nproc-per-node 8 pretrain_gpt.py --num-layers 24 --hidden-size 2048 --num-attention-heads 16
 *   --seq-length 4096 --max-position-embeddings 4096 --micro-batch-size 4 --global-batch-size 512
 *   --tensor-model-parallel-size 2 --bf16`.replaceAll('\n', ' '),
 *   { vocab: 99487 },
 * )
 * read.tensorParallel // 2
 */
export function readMegatron(launch: string | readonly string[], options: ReadOptions = {}): MegatronLaunch {
  fields('options', options, optionFields)
  const texts = typeof launch === 'string' ? [launch] : launch
  if (!Array.isArray(texts) || texts.length > 64)
    throw new TypeError(`launch must be a string, or an array of at most 64 strings`)
  const environment = {
    ...(options.nodes !== undefined && {
      NUM_NODES: String(options.nodes),
      SLURM_JOB_NUM_NODES: String(options.nodes),
    }),
    ...(options.gpusPerNode !== undefined && {
      NUM_GPUS_PER_NODE: String(options.gpusPerNode),
      GPUS_PER_NODE: String(options.gpusPerNode),
    }),
    ...options.environment,
  }
  const shell = readShell(texts, environment)
  const notes = [...shell.notes]
  const words = argumentsOf(shell)
  const flags = new LaunchFlags(words)
  const nodes =
    options.nodes ?? countOf(flags.launcher('--nnodes') ?? shell.sbatch.get('--nodes') ?? shell.sbatch.get('-N'))
  const gpusPerNode =
    options.gpusPerNode ??
    countOf(
      flags.launcher('--nproc-per-node') ??
        flags.launcher('--nproc_per_node') ??
        shell.sbatch.get('--gpus-per-node')?.replace(/^\w+:/, ''),
    )
  const tokenizerModel = flags.text('--tokenizer-model')
  const model = modelOf(flags, options, tokenizerModel, notes)
  const plan = planOf(flags, model, shell.variables, notes)
  const zLoss = flags.has('--use-z-loss')
  const recipe = recipeOf(flags, zLoss, notes)
  const data = flags.list('--data-path')
  const checkpoints = flags.text('--save')
  const saveInterval = flags.number('--save-interval', null)
  flags.text('--load')
  const result: MegatronLaunch = {
    model,
    plan,
    recipe,
    nodes,
    gpusPerNode,
    megatron: zLoss || flags.has('--use-mpi') ? 'llm-jp' : 'upstream',
    ropeTheta: flags.number('--rotary-base', 10_000),
    rmsNormEps: flags.number('--norm-epsilon', 1e-5),
    initializerRange: flags.number('--init-method-std', 0.02),
    maxPositionEmbeddings: flags.number('--max-position-embeddings', plan.sequenceLength),
    ...(saveInterval !== null && { saveInterval }),
    paths: {
      ...(tokenizerModel !== undefined && { tokenizerModel }),
      ...(data !== undefined && data.length > 0 && { data }),
      ...(checkpoints !== undefined && { checkpoints }),
    },
    unread: flags.unread(),
    notes,
  }
  return result
}

function countOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,7}$/.test(text) && Number(text) > 0 ? Number(text) : null
}
