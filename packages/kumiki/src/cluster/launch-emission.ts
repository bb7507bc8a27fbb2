/** Launches of plans, in the formats of `plan --emit` and `estimate --emit`. */
import type { Cluster, LaunchRequest, ParallelPlan, SizedRecipe } from '@kumiki/planner'
import type { Command } from 'commander'
import { choice } from '../flags/flag-values.ts'
import type { NamedModel } from '../flags/planner-flags.ts'
import { checkedUse, UsageError } from '../usage-error.ts'

export interface EmissionFlags {
  emit?: 'megatron' | 'slurm' | 'torchtitan' | 'torchtitan-toml'
  recipeOf?: string
  tokenizer?: string
  dataPath?: string[]
  checkpoints?: string
  tokens?: number
}

/** Declares the flags, except the one for the Megatron-LM fork. */
export function addEmissionFlags(command: Command): Command {
  return command
    .addOption(
      choice('--emit <form>', 'write the launch of a plan', ['megatron', 'slurm', 'torchtitan', 'torchtitan-toml']),
    )
    .option('--recipe-of <name>', "emit with a known model's optimizer and schedule (default: the model's own)")
    .option('--tokenizer <file>', 'emit: SentencePiece model')
    .option('--data-path <word...>', 'emit: weights and prefixes of token files')
    .option('--checkpoints <folder>', 'emit: checkpoint folder')
}

/** An emitted launch: its parts as JSON, and text. */
export interface Emission {
  readonly data: Readonly<Record<string, unknown>>
  readonly text: string
}

/**
 * Emits the launch of a plan.
 * @param recipe instead of the model's own or that of --recipe-of
 * @throws UsageError for a plan or model that the format does not support, or if there is no recipe
 */
export async function emission(
  options: EmissionFlags,
  megatron: 'upstream' | 'llm-jp',
  named: NamedModel,
  cluster: Cluster,
  plan: ParallelPlan,
  recipe?: SizedRecipe,
): Promise<Emission> {
  const planner = await import('@kumiki/planner')
  const own = recipe ?? (await ownRecipe(named, options))
  // A recipe has its own batch size and tokens; steps and schedule are adapted to the requested ones.
  const { globalBatchSize, sequenceLength } = plan
  const fitted = checkedUse(() => planner.fitRecipe(own, { globalBatchSize, sequenceLength, tokens: options.tokens }))
  const changes = [...named.notes, ...fitted.changes]
  const { ropeTheta, rmsNormEps, initializerRange } = named
  const request: LaunchRequest = {
    model: { ...named.model, name: named.name },
    cluster,
    plan,
    recipe: fitted.recipe,
    megatron,
    ...(ropeTheta !== undefined && { ropeTheta }),
    ...(rmsNormEps !== undefined && { rmsNormEps }),
    ...(initializerRange !== undefined && { initializerRange }),
    paths: { tokenizerModel: options.tokenizer, data: options.dataPath, checkpoints: options.checkpoints },
  }
  const remarks = changes.map((change) => `# ${change}\n`).join('')
  if (options.emit === 'slurm') {
    const script = checkedUse(() => planner.emitSlurm(request))
    // Comments go after the shebang and #SBATCH lines.
    const text = script.replace(/^(#!.*\n(?:#SBATCH.*\n)*)/, (head) => head + remarks)
    return { data: { script: text, changes }, text }
  }
  if (options.emit === 'torchtitan' || options.emit === 'torchtitan-toml') {
    const job = checkedUse(() => planner.emitTorchtitan(request))
    const [command, file] = options.emit === 'torchtitan' ? [job.command, job.python] : [job.tomlCommand, job.toml]
    return { data: { ...job, changes }, text: `# ${command}\n${remarks}${file}` }
  }
  const launch = checkedUse(() => planner.emitMegatron(request))
  const notes = [...changes, ...launch.notes]
  return {
    data: { ...launch, notes, changes },
    text: [...notes.map((note) => `# ${note}`), launch.command].join('\n'),
  }
}

/** Optimizer and schedule of a launch. */
async function ownRecipe(named: NamedModel, options: EmissionFlags): Promise<SizedRecipe> {
  const { recipe: own, layout: ownLayout } = named.published ?? {}
  const { findModel, launchRecipe } = await import('@kumiki/models/configs')
  if (options.recipeOf === undefined && own && ownLayout) return launchRecipe(own, ownLayout)
  if (options.recipeOf === undefined) {
    throw new UsageError(
      `--emit: ${named.name} has no training recipe; give --recipe-of NAME to use that of a known model, such as llm-jp-3-1.8b`,
    )
  }
  const { name, recipe, layout } = checkedUse(() => findModel(options.recipeOf as string))
  if (!recipe || !layout)
    throw new UsageError(`--recipe-of ${name}: the model has no training recipe; name another one`)
  return launchRecipe(recipe, layout)
}
